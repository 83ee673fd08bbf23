"""A lock in an object store has one holder; one that is gone is taken over, one that lives is not."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from patchplan.errors import OutputError
from patchplan.objects import ObjectPath
from patchplan.publish import leases, zarr_files
from patchplan.publish.leases import Lease, refuse_held
from patchplan.publish.object_growth import ObjectGrowth
from tests.remote_out.making import objects_of, stitch


@pytest.fixture
def quick(monkeypatch):
    """Locks are watched for half a second."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(leases, "_LOOK_SECONDS", 0.05)


def left(path: ObjectPath, **about: object) -> None:
    """Leave a lock as a process does that is gone, of another machine unless said otherwise."""
    path.write_bytes(json.dumps({"token": "x", "host": "node7", "pid": 12, "process": ["m", "s"], **about}).encode())


def attempt(path: ObjectPath) -> Lease | None:
    try:
        return Lease(path)
    except OutputError:
        return None


@pytest.mark.parametrize("is_left", [False, True])
def test_of_many_that_want_a_lock_one_gets_it(bucket, monkeypatch, quick, is_left):
    if is_left:
        left(bucket / "lock")
    with ThreadPoolExecutor(8) as pool:
        found = [one for one in pool.map(attempt, [bucket / "lock"] * 8) if one is not None]
    assert len(found) == 1
    found[0].check()
    found[0].release()
    assert objects_of(bucket) == {}


def test_the_holder_is_named(bucket):
    lease = Lease(bucket / "lock")
    who = rf"lock: another run is writing there \(\S+, process {os.getpid()}, since 20"
    with pytest.raises(OutputError, match=who):
        Lease(bucket / "lock")
    lease.release()
    refuse_held(bucket / "lock")


def test_a_process_of_this_machine_that_is_gone_holds_nothing(bucket):
    code = f"from patchplan.publish.leases import *; Lease(ObjectPath.of('{bucket}/lock')); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], env=os.environ, check=True)
    assert (bucket / "lock").is_file()
    start = time.monotonic()
    Lease(bucket / "lock").release()
    assert time.monotonic() - start < 5


def test_a_lock_that_another_machine_renews_is_refused(bucket, quick, caplog):
    left(bucket / "lock")
    with ThreadPoolExecutor(1) as pool:
        attempted = pool.submit(attempt, bucket / "lock")
        while not attempted.done():
            time.sleep(0.2)
            left(bucket / "lock", renewed=time.monotonic())
    assert attempted.result() is None
    assert "waiting up to 0 s to see whether the run that holds it lives" in caplog.text


def test_who_was_taken_for_gone_finds_out_and_removes_nothing(bucket, quick, monkeypatch):
    lease = Lease(bucket / "lock")
    left(bucket / "lock", token="of another")
    time.sleep(0.5)
    with pytest.raises(OutputError, match="another run has taken over"):
        lease.check()
    lease.release()
    assert (bucket / "lock").is_file()


def test_a_lock_that_was_put_without_an_answer_is_had(bucket, monkeypatch):
    write = ObjectPath.write_bytes

    def unanswered(path: ObjectPath, data: bytes, **conditions: object) -> str | None:
        write(path, data)
        return None  # as the store says when the same is tried again

    with monkeypatch.context() as patched:
        patched.setattr(ObjectPath, "write_bytes", unanswered)
        lease = Lease(bucket / "lock")
        lease._renew()
    lease.check()
    lease.release()
    assert objects_of(bucket) == {}


def test_who_was_taken_for_gone_leaves_what_the_other_has_begun(bucket):
    growth = ObjectGrowth(bucket / "out.zarr", overwrite=False, ours=zarr_files("0"))
    growth.claim(resume=False, shared=False)
    growth.make_way()
    left(bucket / "out.zarr.partial" / "lock", token="of another")
    (bucket / "out.zarr" / "0" / "zarr.json").write_bytes(b"of another")
    before = objects_of(bucket)
    with pytest.raises(OutputError, match="another run has taken over"):
        growth.publish()
    growth.close()
    assert objects_of(bucket) == before


def test_two_runs_at_once_do_not_mix(made, bucket):
    """One writes, the others are told; in the end the output is there."""

    def run(_: int) -> str:
        try:
            stitch(made, bucket / "plain.zarr", workers=1)
        except OutputError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(run, range(4)))
    assert told.count("") == 1
    assert all("another run is writing there" in one or "exists already" in one for one in told if one)
    assert [one.name for one in bucket.iterdir()] == ["plain.zarr"]

"""What workers have written counts when it is on the disk, and hung ones are neither waited for nor believed."""

import os
import signal
import time
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

import patchplan
from patchplan.cluster import keeping
from patchplan.cluster.connecting import connect
from patchplan.cluster.dask import LOCAL, DaskCluster
from patchplan.errors import ClusterError, OutputError
from tests.cluster.serving import serving
from tests.cluster.test_session import BENCH, pieces
from tests.stitching.making import grid, pixels_of, plan_of, write_image


@pytest.fixture
def cluster(client):
    """The workers as another machine's: known by their address only."""
    with connect(client.scheduler.address, workers=1, paths=[]) as found:
        yield found


@contextmanager
def disks(client, answer):
    """Have the disks of workers answer so."""
    client.run(_set_disk, answer)
    try:
        yield
    finally:
        client.run(_set_disk, None)


def _set_disk(answer):
    from patchplan.cluster import worker as module
    from patchplan.publish import locks

    worker: Any = module

    def flush(handle):
        assert handle is not None
        if answer == "flush":
            locks.flush_disk(handle)
            worker.flushed = getattr(worker, "flushed", 0) + 1
            return
        raise OSError(122, "Disk quota exceeded")

    worker.flushed = 0
    worker.flush_disk = flush if answer else locks.flush_disk


def _flushed():
    from patchplan.cluster import worker as module

    worker: Any = module
    return worker.flushed


def test_all_that_is_told_to_be_done_was_flushed(cluster, client, tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "SECONDS", 0.05)
    monkeypatch.setattr(keeping, "SHARE", 0)
    with disks(client, "flush"), cluster.session(BENCH, {"offset": 0}, [], tmp_path) as session:
        before, times = 0, 0
        for _ in session.do(pieces(40, seconds=0.02), at_once=1):
            if (now := sum(client.run(_flushed).values())) != before:
                before, times = now, times + 1
        assert times > 2, "not only at the end"
    assert not any(client.run(_open_disks).values())


def _open_disks():
    from patchplan.cluster import worker

    return len(worker._disks)


def test_what_a_disk_refuses_in_the_end_is_told_and_nothing_of_it_counts(cluster, client, tmp_path):
    done = []
    with (
        disks(client, "full"),
        pytest.raises(OSError, match="Disk quota exceeded") as caught,
        cluster.session(BENCH, {"offset": 0}, [], tmp_path) as session,
    ):
        done.extend(session.do(pieces(6), at_once=1))
    assert "this happened on worker tcp://" in caught.value.__notes__[0]
    assert not done


def test_stitch_and_extract_fail_with_the_disk_of_a_worker(client, tmp_path):
    plan = plan_of(write_image(tmp_path / "image.npy", pixels_of((90, 80), "u2"), "YX"), grid(32, 8))
    patchplan.extract(plan, tmp_path / "tiles.zarr")
    before = sorted(path.name for path in tmp_path.iterdir())
    with disks(client, "full"):
        for run, out in ((partial(patchplan.stitch, plan, tmp_path / "tiles.zarr"), "out.zarr"),
                         (partial(patchplan.extract, plan), "again.zarr")):  # fmt: skip
            with pytest.raises(OutputError, match=rf"{out}: cannot be written: Disk quota exceeded"):
                run(tmp_path / out, scheduler=client.scheduler.address)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_disk_is_not_asked_where_it_is_ours_or_there_is_none(client, cluster, tmp_path):
    here: Any
    with disks(client, "full"), connect(client, workers=1, paths=[]) as here:
        for used, disk in ((here, tmp_path), (cluster, None)):
            with used.session(BENCH, {"offset": 0}, [], disk) as session:
                assert len(list(session.do(pieces(6), at_once=1))) == 6


def test_what_a_worker_did_that_died_before_its_disk_was_flushed_is_done_again(cluster, client, tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "SECONDS", 60.0)
    again: list[int] = []
    victim = next(iter(client.run(os.getpid).values()))

    def with_a_death():
        yield from pieces(20)
        until = time.monotonic() + 20
        while client.run(os.getpid) and time.monotonic() < until and len(seen()) < 4:
            time.sleep(0.02)
        os.kill(victim, signal.SIGKILL)
        while victim in client.run(os.getpid, on_error="ignore").values():
            time.sleep(0.05)
        yield from (piece for piece in pieces(24) if piece.item >= 20)

    def seen():
        return session._keeping._held

    with cluster.session(BENCH, {"offset": 0}, [], tmp_path) as session:
        found = dict(session.do(with_a_death(), at_once=1, again=again.append))
    assert sorted(found) == list(range(24))
    assert again, "some were done by the one that died"
    assert victim not in {result[3] for result in found.values()}


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
class TestHung:
    """A worker that is stopped as by SIGSTOP, a disk that does not answer, or a machine that sleeps."""

    @pytest.fixture
    def hung(self, tmp_path, caplog):
        """A cluster of one worker, and how to stop it and have it go on."""
        with serving(tmp_path, 1) as client:
            [number] = client.run(os.getpid).values()
            with connect(client.scheduler.address, workers=1, paths=[]) as cluster:
                caplog.set_level("INFO", "patchplan.cluster")
                yield cluster, lambda: os.kill(number, signal.SIGSTOP)
            os.kill(number, signal.SIGCONT)

    def test_a_flush_that_does_not_end_is_not_waited_for(self, hung, tmp_path, monkeypatch, caplog):
        cluster, stop = hung
        monkeypatch.setattr(keeping, "SECONDS", 60.0)
        monkeypatch.setattr(keeping, "PATIENCE", 1.0)
        monkeypatch.setattr("patchplan.cluster.session.PATIENCE", 1.0)
        done = []

        def interrupt(item):
            raise KeyboardInterrupt

        def run():
            with cluster.session(BENCH, {"offset": 0}, [], tmp_path) as session:
                flushed = session._keeping._flushed
                monkeypatch.setattr(session._keeping, "_flushed", lambda found: stop() or flushed(found))
                done.extend(session.do(pieces(3), at_once=1, again=interrupt))

        with pytest.raises(KeyboardInterrupt):
            run()
        assert "did not answer for 1 s: what was written last is done again" in caplog.text
        assert not done

    def test_a_run_that_is_stopped_says_that_a_worker_may_still_write(self, hung, monkeypatch, caplog):
        cluster, stop = hung
        monkeypatch.setattr("patchplan.cluster.session.PATIENCE", 1.0)
        monkeypatch.setattr("patchplan.cluster.dask.SOON", 0.2)

        def run():
            with cluster.session(BENCH, {"offset": 0}, []) as session:
                for _ in session.do(pieces(20, seconds=0.1), at_once=1):
                    stop()
                    raise KeyboardInterrupt

        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt) as caught:
            run()
        assert time.monotonic() - begun < 15
        assert "waiting for workers to end what they do (Ctrl-C again: do not wait)" in caplog.text
        assert "may still write a block of this run" in caught.value.__notes__[0]

    def test_who_gives_no_sign_of_life_is_named(self, hung, monkeypatch, caplog):
        cluster, stop = hung
        monkeypatch.setattr("patchplan.cluster.session.PATIENCE", 1.0)
        monkeypatch.setattr("patchplan.cluster.idle.STALL", 2.0)
        workers = cluster.workers

        def looked():
            if "no sign of life" in caplog.text:
                raise KeyboardInterrupt
            return workers()

        def run():
            with cluster.session(BENCH, {"offset": 0}, []) as session:
                for _ in session.do(pieces(20, seconds=0.1), at_once=1):
                    stop()

        monkeypatch.setattr(cluster, "workers", looked)
        with pytest.raises(KeyboardInterrupt):
            run()
        assert "waiting for worker tcp://127.0.0.1:" in caplog.text


def test_paused_workers_are_named(cluster, monkeypatch, caplog):
    caplog.set_level("INFO", "patchplan.cluster")
    monkeypatch.setattr("patchplan.cluster.idle.STALL", 0.5)
    monkeypatch.setattr(type(cluster), "states", lambda self: {"tcp://there:1": ("paused", time.time())})
    with cluster.session(BENCH, {"offset": 0}, []) as session:
        assert len(list(session.do(pieces(2, seconds=2.2), at_once=1))) == 2
    assert caplog.messages.count("waiting for worker tcp://there:1: paused by Dask, as its memory is nearly full") == 1


def test_who_is_there_and_silent_when_a_run_begins_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("patchplan.cluster.dask.PATIENCE", 1.0)
    monkeypatch.setattr("patchplan.cluster.dask.SOON", 0.5)
    with serving(tmp_path, 1) as client:
        [number] = client.run(os.getpid).values()
        os.kill(number, signal.SIGSTOP)
        try:
            with (
                pytest.raises(ClusterError, match=r"--scheduler tcp://\S+: worker.* did not answer for 1 s"),
                connect(client.scheduler.address, workers=1, paths=[]),
            ):
                pass
        finally:
            os.kill(number, signal.SIGCONT)


def test_processes_of_our_own_that_do_not_come_back_are_not_waited_for_for_ever(client, monkeypatch):
    monkeypatch.setattr("patchplan.cluster.dask.PATIENCE", 0.3)
    cluster = DaskCluster(client, LOCAL, on_this_machine=True)
    monkeypatch.setattr(cluster, "workers", dict)
    with pytest.raises(ClusterError, match="--scheduler local: all worker processes have died, and no new ones"):
        cluster.wait()

"""A run to a URL that was stopped goes on: the same objects, nothing written twice, nothing of others taken."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import patchplan
from patchplan.errors import OutputError
from patchplan.images.zarr import traffic
from patchplan.journal import Kind, read_journal
from patchplan.journal.identity import read_identity
from patchplan.objects import ObjectPath
from patchplan.publish import leases
from tests.plans.making import files_of
from tests.remote_out.making import KINDS, local, objects_of, stitch
from tests.remote_out.stopping import Stop, Writes, killed_at, stop


def beside(bucket: ObjectPath) -> list[str]:
    return [one.name for one in bucket.iterdir()]


@pytest.mark.parametrize(("name", "most"), [("sharded.zarr", 3), ("old.zarr", 6)])
def test_a_stopped_stitch_goes_on_and_writes_nothing_twice(
    made, bucket, tmp_path, small_boxes, monkeypatch, name, most
):
    here = local(made, tmp_path / "here", name)
    with monkeypatch.context() as patched:
        whole = Writes(patched)
        stitch(made, bucket / "whole" / name, workers=1)
    place = bucket / "stopped"
    stop(monkeypatch, most, lambda: stitch(made, place / name, workers=1))
    assert beside(place) == [name, f"{name}.partial"]
    assert not {"zarr.json", ".zgroup", ".zattrs"} & set(objects_of(place / name))
    with monkeypatch.context() as patched:
        writes = Writes(patched)
        stitch(made, place / name, workers=1, resume=True)
    assert len(writes.boxes) == len(whole.boxes) - most
    assert objects_of(place) == here
    with monkeypatch.context() as patched:
        patched.setattr(traffic._TensorPixels, "_write", None)
        assert "nothing is left to do" in stitch(made, place / name, resume=True).notes[-1]


def test_blocks_that_changed_or_went_are_written_again(made, bucket, tmp_path, small_boxes, monkeypatch):
    here = local(made, tmp_path / "here", "plain.zarr")
    stop(monkeypatch, 8, lambda: stitch(made, bucket / "plain.zarr", workers=1))
    level = bucket / "plain.zarr" / "0" / "c"
    first, second, *_ = sorted(name for name, _ in level.listing())
    (level / first).write_bytes(b"broken")
    (level / second).delete()
    with monkeypatch.context() as patched:
        writes = Writes(patched)
        stitch(made, bucket / "plain.zarr", workers=1, resume=True)
    assert sum(folder.endswith("/0/") for folder, _ in writes.boxes) == 16 - 8 + 2
    assert objects_of(bucket) == here


def test_a_stopped_extraction_goes_on(made, bucket, tmp_path, monkeypatch):
    from patchplan.tiles.writing import writer

    monkeypatch.setattr(writer, "MAX_ROWS", 4)
    patchplan.extract(made / "plan.parquet", tmp_path / "t.zarr")
    here = files_of(tmp_path / "t.zarr")
    url = f"{bucket}/t.zarr"
    stop(monkeypatch, 4, lambda: patchplan.extract(made / "plan.parquet", url, workers=1))
    assert "zarr.json" not in objects_of(bucket / "t.zarr")
    with monkeypatch.context() as patched:
        writes = Writes(patched)
        patchplan.extract(made / "plan.parquet", url, resume=True)
    assert len(writes.boxes) == 2 * 3 - 4
    assert objects_of(bucket) == {f"t.zarr/{name}": body for name, body in here.items()}
    assert "nothing is left to do" in patchplan.extract(made / "plan.parquet", url, resume=True).notes[-1]


def test_what_a_stopped_run_left_is_told_and_replaced_only_if_asked(made, bucket, tmp_path, small_boxes, monkeypatch):
    name = "sharded.zarr"
    stop(monkeypatch, 2, lambda: stitch(made, bucket / name, workers=1))
    before = objects_of(bucket)
    with pytest.raises(OutputError, match=r"sharded\.zarr\.partial: is left from a run that was stopped; use --resume"):
        stitch(made, bucket / name)
    with pytest.raises(OutputError, match="was begun with --blend crop, and now it is average"):
        stitch(made, bucket / name, blend="average", resume=True)
    assert objects_of(bucket) == before
    stitch(made, bucket / name, blend="average", overwrite=True)
    assert objects_of(bucket) == local(made, tmp_path / "here", name, blend="average")


def test_a_run_that_fails_before_it_has_written_anything_leaves_nothing(made, bucket, monkeypatch):
    stop(monkeypatch, 0, lambda: stitch(made, bucket / "plain.zarr", workers=1))
    assert objects_of(bucket) == {}


def test_the_message_says_what_is_left_where(made, bucket, small_boxes, monkeypatch):
    with monkeypatch.context() as patched:
        Writes(patched, 2)
        with pytest.raises(Stop) as stopped:
            stitch(made, bucket / "plain.zarr", workers=1)
    note = f"what is done stays in {bucket}/plain.zarr.partial: use --resume to go on, or --overwrite to begin anew"
    assert stopped.value.__notes__ == [note]


def test_a_killed_process_is_gone_on_with_on_the_same_machine_at_once(made, bucket, tmp_path, endpoint):
    name = "plain.zarr"
    told = ["5", made / "plan.parquet", made / "tiles.zarr", f"{bucket}/{name}", json.dumps(KINDS[name])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.remote_out.killing", *map(str, told)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = bucket / f"{name}.partial"
    number = int(read_identity(left / "run.json").number)
    assert (read_journal(left / "journal", number).entries["kind"] == Kind.PIECE).sum() == 5
    assert (left / "lock").is_file()
    stitch(made, bucket / name, resume=True)
    assert objects_of(bucket) == local(made, tmp_path / "here", name)


ALL = os.environ.get("PATCHPLAN_FAULTS") == "all"


@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_at_any_step_it_goes_on_to_the_same_objects(made, bucket, tmp_path, monkeypatch, overwrite):
    """Over an older output, nobody ever takes a mixture for an image."""
    monkeypatch.setattr(leases, "_lives", lambda about: False)
    name, options = "sharded.zarr", {"levels": 1, "chunks": 100, "shards": 200, "workers": 1}
    here = local(made, tmp_path / "here", name, **options)
    old = local(made, tmp_path / "old", name, blend="average", **options) if overwrite else {}
    more = options | ({"overwrite": True} if overwrite else {})
    step, was_killed = 0, True
    while was_killed:
        place = bucket / str(step)
        if overwrite:
            stitch(made, place / name, blend="average", **options)
        was_killed = killed_at(step, partial(stitch, made, place / name, **more))
        found = objects_of(place / name)
        if "zarr.json" in found:  # it is an image: the old one, or the new
            assert {f"{name}/{key}": body for key, body in found.items()} in (here, old), step
        if was_killed:
            killed_at(step % 7, partial(stitch, made, place / name, resume=True, **more))
            stitch(made, place / name, resume=True, **more)
        assert objects_of(place) == here, step
        step += 1 if ALL else 5
    assert step > 12

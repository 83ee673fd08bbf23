"""Folders and single files in a store: uploaded when they are whole, never old and new together."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import OutputError, TilesError
from patchplan.images.zarr.traffic import open_pixels
from patchplan.objects import ObjectPath
from patchplan.publish import leases
from patchplan.publish.putting import put_file
from tests.plans.making import files_of
from tests.remote_out.making import objects_of, stitch
from tests.remote_out.stopping import KilledError, killed_at, stop
from tests.stitching.making import grid, pixels_of, plan_of, plan_pixels, write_image


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """The same 9 patches of two images."""
    folder = tmp_path_factory.mktemp("plans")
    plans = []
    for k in range(2):
        (folder / str(k)).mkdir()
        image = write_image(folder / str(k) / "image.npy", pixels_of((100, 100), "u2", k), "YX")
        plans.append(plan_of(image, grid(40, 10), axes="YX"))
    for k, plan in enumerate(plans):
        patchplan.extract(plan, folder / f"cut{k}")
    return plans, [files_of(folder / f"cut{k}") for k in range(2)]


def test_a_folder_is_never_old_and_new_whenever_a_run_is_killed(plans, bucket, monkeypatch):
    monkeypatch.setattr(leases, "_lives", lambda about: False)
    (first, second), (old, new) = plans
    step, was_killed = 0, True
    while was_killed:
        place = bucket / str(step) / "tiles"
        patchplan.extract(first, str(place))
        was_killed = killed_at(step, partial(patchplan.extract, second, str(place), overwrite=True))
        found = objects_of(place)
        assert found.items() <= old.items() or found.items() <= new.items(), step
        if was_killed and found not in (old, new):
            if found:
                with pytest.raises(TilesError, match="is not complete: the run that writes it has not ended"):
                    patchplan.stitch(second, str(place))
                with pytest.raises(OutputError, match=r"tiles\.partial: is left from a run that was stopped; use --re"):
                    patchplan.extract(second, str(place))
            patchplan.extract(second, str(place), resume=True)
            assert objects_of(place.parent) == {f"tiles/{name}": body for name, body in new.items()}, step
        step += 1
    assert objects_of(place.parent) == {f"tiles/{name}": body for name, body in new.items()}
    assert step > len(new)


@pytest.mark.parametrize("name", ["tiles", "tiles.npy"])
def test_a_second_run_is_refused_and_the_first_ends_well(plans, bucket, name):
    (first, second), _ = plans
    refusals: list[Exception] = []

    def again(what: str, *_: Any) -> None:
        if what == "patches" and not refusals:
            with pytest.raises(OutputError, match="another run is writing there") as refused:
                patchplan.extract(second, f"{bucket}/{name}")
            refusals.append(refused.value)

    patchplan.extract(first, f"{bucket}/{name}", progress=again)
    assert refusals
    patchplan.extract(first, f"{bucket}/whole/{name}")
    assert objects_of(bucket / "whole") == {k: v for k, v in objects_of(bucket).items() if not k.startswith("whole/")}


def test_a_failed_upload_says_how_to_go_on(plans, bucket, monkeypatch):
    upload = ObjectPath.upload

    def fail(path: ObjectPath, *args: Any, **options: Any) -> Any:
        if path.name == "5.npy":
            raise OSError(13, "the store denies access", str(path))
        return upload(path, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(ObjectPath, "upload", fail)
        with pytest.raises(OutputError, match="the store denies access") as failed:
            patchplan.extract(plans[0][0], f"{bucket}/tiles")
    assert failed.value.__notes__ == [f"{bucket}/tiles is not complete: use --resume or --overwrite to begin anew"]
    patchplan.extract(plans[0][0], f"{bucket}/tiles", resume=True)
    assert objects_of(bucket / "tiles") == plans[1][0]


def test_a_file_is_put_where_nothing_is_or_the_same(bucket, tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 10)
    (tmp_path / "b").write_bytes(b"b" * 10)
    put_file(bucket / "x", tmp_path / "a", overwrite=False)
    put_file(bucket / "x", tmp_path / "a", overwrite=False)  # as if the answer had been lost
    with pytest.raises(OutputError, match="x: another run has written it meanwhile; use --overwrite to replace it"):
        put_file(bucket / "x", tmp_path / "b", overwrite=False)
    put_file(bucket / "x", tmp_path / "b", overwrite=True)
    assert objects_of(bucket) == {"x": b"b" * 10}


def test_what_has_got_the_name_of_a_stopped_run_stays(plans, made, tmp_path, bucket, small_boxes, monkeypatch):
    stop(monkeypatch, 3, lambda: stitch(made, bucket / "plain.zarr", workers=1))
    stitch(made, bucket / "other" / "plain.zarr", blend="average")
    for name, body in objects_of(bucket / "other" / "plain.zarr").items():
        (bucket / "plain.zarr" / name).write_bytes(body)
    before = objects_of(bucket / "plain.zarr")
    with pytest.raises(OutputError, match="another image has got this name since the run was stopped"):
        stitch(made, bucket / "plain.zarr", resume=True)
    assert objects_of(bucket / "plain.zarr") == before

    monkeypatch.setattr("patchplan.tiles.writing.writer.MAX_ROWS", 4)
    stop(monkeypatch, 3, lambda: patchplan.extract(plans[0][0], f"{bucket}/t.zarr", workers=1))
    other = plan_pixels(tmp_path, pixels_of((90, 90)), "YX", grid(40, 10))
    patchplan.extract(other, f"{bucket}/other/t.zarr")
    for name, body in objects_of(bucket / "other" / "t.zarr").items():
        (bucket / "t.zarr" / name).write_bytes(body)
    before = objects_of(bucket / "t.zarr")
    with pytest.raises(OutputError, match="something else has got this name since the run was stopped"):
        patchplan.extract(plans[0][0], f"{bucket}/t.zarr", resume=True)
    assert objects_of(bucket / "t.zarr") == before


@pytest.mark.parametrize("name", ["done", "results.csv"])
def test_files_of_others_beside_an_output_stay(made, bucket, name):
    for one in (name, "sub/x.bin"):
        (bucket / "plain.zarr.partial" / one).write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"plain\.zarr\.partial: is "):
        stitch(made, bucket / "plain.zarr")
    with pytest.raises(OutputError, match=r"in it is no part of such an output and would be lost"):
        stitch(made, bucket / "plain.zarr", overwrite=True)
    assert objects_of(bucket) == {f"plain.zarr.partial/{one}": b"mine" for one in (name, "sub/x.bin")}


def test_a_run_that_was_killed_when_it_had_its_lock_only_is_begun_anew(plans, bucket, monkeypatch):
    monkeypatch.setattr(leases, "_lives", lambda about: False)
    with monkeypatch.context() as patched:
        patched.setattr(leases.Lease, "release", lambda lease: lease._released.set())
        patched.setattr("patchplan.publish.object_growth.left_in", killed)
        with pytest.raises(KilledError):
            patchplan.extract(plans[0][0], f"{bucket}/t.zarr")
    assert list(objects_of(bucket)) == ["t.zarr.partial/lock"]
    patchplan.extract(plans[0][0], f"{bucket}/t.zarr", resume=True)
    assert "t.zarr/zarr.json" in objects_of(bucket)


def killed(*_: Any) -> None:
    raise KilledError


def test_a_folder_of_tiffs_that_is_there_needs_nothing(tmp_path, bucket):
    images = [write_image(tmp_path / f"{name}.npy", pixels_of((60, 70), "u1"), "YX") for name in "ab"]
    plan = plan_of(images, grid(40, 10), axes="YX")
    patchplan.extract(plan, tmp_path / "tiles.zarr")
    for _ in range(2):
        told = patchplan.stitch(plan, tmp_path / "tiles.zarr", f"{bucket}/out", format="ome-tiff", resume=True)
    assert "nothing is left to do" in told.notes[-1]


def test_a_chunk_that_a_store_refuses_is_an_error_of_the_system(tmp_path, monkeypatch):
    import zarr

    zarr.create_array(tmp_path / "a.zarr", shape=(8,), chunks=(4,), dtype="u1")
    pixels = open_pixels(tmp_path / "a.zarr", version=3, threads=1, write=True)

    def refuse(*_: Any) -> None:
        raise ValueError('PERMISSION_DENIED: Error writing "c/0": HTTP response code: 403')

    monkeypatch.setattr("patchplan.images.zarr.traffic._Pending.__call__", refuse)
    with pytest.raises(OSError, match=r'Error writing "c/0": HTTP response code: 403'):
        pixels.write((slice(0, 4),), np.zeros(4, "u1"))

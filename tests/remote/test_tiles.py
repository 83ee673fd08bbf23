"""Tiles at URLs are stitched into the same bytes as tiles on a disk."""

import shutil

import numpy as np
import pytest
import zarr

import patchplan
from patchplan.errors import AuditError, OutputError, TilesError
from tests.remote.making import TILES, put
from tests.remote_out.faulty import proxy


@pytest.mark.parametrize("name", TILES)
def test_tiles_at_a_url_give_the_same_image(tiles, tiles_there, tmp_path, name):
    plan = tiles / "plan.parquet"
    patchplan.stitch(plan, tiles / name, tmp_path / "here.npy")
    patchplan.stitch(f"{tiles_there}/plan.parquet", f"{tiles_there}/{name}", tmp_path / "there.npy", root=tiles)
    assert (tmp_path / "there.npy").read_bytes() == (tmp_path / "here.npy").read_bytes()


def take_away(place, name, index):
    """Remove a tile from a place, so that it is missing."""
    if name in ("npy", "tif"):
        (place / f"{index:02}.{name}").unlink()
        return
    array = zarr.open_array(place, mode="r+") if name != "stack.zarr" else zarr.open_array(place / "index", mode="r+")
    if name == "stack.zarr":
        array[index] = -1
    elif name == "bare.zarr":
        (place / f"c/{index}/0/0/0").unlink()
    else:
        pixels = np.array(array)
        pixels[index] = 0  # a chunk of zeros is not stored
        array[...] = pixels


@pytest.mark.parametrize("name", [name for name in TILES if name != "array.npy"])
def test_missing_tiles_are_the_same(tiles, bucket, tmp_path, name):
    place = tmp_path / name
    shutil.copytree(tiles / name, place)
    for index in (3, 7):
        take_away(place, name, index)
    put(place, bucket / name)
    for where in (place, f"{bucket}/{name}"):
        with pytest.raises(AuditError) as found:
            patchplan.stitch(tiles / "plan.parquet", where, tmp_path / "out.npy")
        assert found.value.missing == [3, 7]


def test_a_folder_is_listed_once(tiles, tiles_there, endpoint, monkeypatch, tmp_path):
    n = patchplan.open_plan(tiles / "plan.parquet").n_patches
    with proxy(endpoint, 0) as (url, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        patchplan.stitch(tiles / "plan.parquet", f"{tiles_there}/npy", dry_run=True)
        listings = [path for method, path in seen.requests if "list-type" in path and "delimiter=" in path]
        assert len(listings) <= 1, listings
        assert len(seen.requests) <= n + 12
        seen.requests.clear()
        patchplan.stitch(tiles / "plan.parquet", f"{tiles_there}/bare.zarr", dry_run=True)
        assert len(seen.requests) <= 16


def test_what_is_no_tiles_is_refused(tiles, tiles_there, bucket, images, there):
    plan = tiles / "plan.parquet"
    for url, why in [
        (f"{bucket}/none", "no such file or folder"),
        (f"{bucket}/none.zarr", "is no Zarr store"),
        (f"{there}/image.png", "is no tiles; allowed are"),
        (f"{there}/image.npy", "tiles have shape"),
        (f"{there}/image.ome.zarr", "is a Zarr group, but no stack of tiles"),
    ]:
        with pytest.raises(TilesError, match=f"{url}: {why}"):
            patchplan.stitch(plan, url, dry_run=True)
    fortran = bucket / "fortran.npy"
    np.save(tiles / "fortran.npy", np.asfortranarray(np.load(tiles / "array.npy")))
    fortran.upload(tiles / "fortran.npy")
    with pytest.raises(TilesError, match="is in Fortran order, which is not read from object stores"):
        patchplan.stitch(plan, str(fortran), dry_run=True)


def test_an_image_of_the_plan_is_not_its_tiles(there, tmp_path):
    patchplan.plan(f"{there}/image.npy", tmp_path / "plan.parquet", patching={"name": "whole"})
    with pytest.raises(OutputError, match="is an image of the plan, not its tiles"):
        patchplan.stitch(tmp_path / "plan.parquet", f"{there}/image.npy", tmp_path / "out.npy")

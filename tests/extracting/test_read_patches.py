"""`read_patches`: the same patches, in batches, for a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from tests.extracting.making import assert_same, make_npy, make_zarr, one_by_one

TILED = {"name": "tiled", "patch_size": 16, "overlaps": 4}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Tiles of two images."""
    folder = tmp_path_factory.mktemp("plan")
    images = [make_zarr(folder / f"{i}.zarr", (2, 3, 40, 50), "f4", (1, 3, 15, 20), seed=i) for i in range(2)]
    patchplan.plan(images, folder / "p.csv", patching=TILED, axes="TCYX")
    return patchplan.open_plan(folder / "p.csv")


@settings(max_examples=20)
@given(batch_size=st.integers(1, 200))
def test_batches_together_are_the_plan(plan, batch_size):
    found = list(patchplan.read_patches(plan, batch_size))
    assert [len(index) for index, _, _ in found[:-1]] == [batch_size] * (len(found) - 1)
    assert np.concatenate([index for index, _, _ in found]).tolist() == list(plan.epoch().index)
    assert [spec for _, _, specs in found for spec in specs] == list(plan.specs())
    assert_same([patch for _, data, _ in found for patch in data], one_by_one(plan))


def test_what_extract_takes_it_takes_too(plan, tmp_path):
    found = list(patchplan.read_patches(plan.path, 7, channels=[2, 0], pad_mode="edge"))
    assert_same([patch for _, data, _ in found for patch in data], one_by_one(plan, channels=[2, 0], pad_mode="edge"))
    paths = [make_npy(tmp_path / f"{i}.npy", (2, 40, 50), "?", i) for i in range(2)]
    masks = [patchplan.open_image(path, axes="TYX") for path in paths]
    found = list(patchplan.read_patches(plan, images=masks))
    assert_same([patch for _, data, _ in found for patch in data], one_by_one(plan, images=masks))


def test_a_batch_ends_where_patches_change(tmp_path):
    """Size, then number of channels, then dtype."""
    shapes = [((1, 20, 20), "u1"), ((1, 20, 20), "u1"), ((1, 20, 30), "u1"), ((2, 20, 30), "u1"), ((2, 20, 30), "u2")]
    images = [make_npy(tmp_path / f"{i}.npy", shape, dtype, i) for i, (shape, dtype) in enumerate(shapes)]
    patchplan.plan(images, tmp_path / "p.csv", patching={"name": "whole"}, axes="CYX")
    found = [(data.shape, data.dtype.str) for _, data, _ in patchplan.read_patches(tmp_path / "p.csv")]
    assert found == [
        ((2, 1, 20, 20), "|u1"),
        ((1, 1, 20, 30), "|u1"),
        ((1, 2, 20, 30), "|u1"),
        ((1, 2, 20, 30), "<u2"),
    ]


def test_rows_of_an_epoch_in_the_order_of_the_plan(tmp_path):
    image = make_npy(tmp_path / "a.npy", (40, 50), "u2")
    patching = {"name": "random", "patch_size": 8, "seed": 1}
    patchplan.plan(image, tmp_path / "p.parquet", patching=patching, epochs=2)
    plan = patchplan.open_plan(tmp_path / "p.parquet")
    found = [data for _, data, _ in patchplan.read_patches(plan, 10, epoch=1)]
    assert_same(list(np.concatenate(found)), one_by_one(plan, epoch=1))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 0}, "batch_size: found 0"),
        ({"pad_mode": "wrap"}, "--pad-mode: found 'wrap'; allowed: constant, reflect, edge"),
        ({"channels": [3]}, r"--channels: found 3; image 0 \(0.zarr\) has channels 0 to 2"),
        ({"channels": []}, "at least one"),
        ({"epoch": 1}, "--epoch: found 1"),
        ({"images": "nowhere.tif"}, "nowhere.tif: no such file"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_wrong_is_said_at_once(plan, options, match):
    with pytest.raises(patchplan.PatchplanError, match=match):
        patchplan.read_patches(plan, **options)


def test_paths_and_open_images_are_not_mixed(plan, tmp_path):
    path = make_npy(tmp_path / "a.npy", (40, 50), "u1")
    with pytest.raises(patchplan.PatchplanError, match="found paths and open images"):
        patchplan.read_patches(plan, images=[path, patchplan.open_image(path)])


def test_batches_are_small_however_large_the_plan(tmp_path):
    """Ten thousand million tiles: the first batches come at once."""
    image = tmp_path / "a.npy"
    np.lib.format.open_memmap(image, "w+", np.uint8, (100_000, 100_000))
    patchplan.plan(image, tmp_path / "p.json", patching={"name": "tiled", "patch_size": 2, "overlaps": 1}, rows=False)
    batches = patchplan.read_patches(tmp_path / "p.json", 4)
    assert next(batches)[1].shape == (4, 1, 2, 2)
    assert next(batches)[0].tolist() == [4, 5, 6, 7]

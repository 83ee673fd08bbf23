"""stitch(cut(image)) == image, bit for bit: every axis order, dtype, size, overlap, input and output."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import example, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.plans.plan import Plan
from tests.stitching.making import (
    Array,
    Tiles,
    cut,
    grid,
    pixels_of,
    plan_of,
    plan_pixels,
    same,
    write_folder,
    write_image,
    write_stack,
)

AXES_2D = ("YX", "CYX", "YXC", "TYX", "TCYX", "TYXC", "XY", "CXY", "QTYX", "YTX", "TCQYX")
AXES_3D = ("ZYX", "TZCYX", "CZYX", "ZCYX", "ZYXC", "XYZ", "YXZC", "TZYX")
DTYPES = (
    "bool", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "u4", "i8", ">i8", "u8", "f2", ">f2", "f4", ">f4",
    "f8", ">f8",
)  # fmt: skip
OME_TIFF = ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")


@st.composite
def cases(draw: st.DrawFn, axes: Sequence[str] = AXES_2D + AXES_3D) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    """Axes, a shape, and a tiled grid over it: odd overlaps, and images smaller than the tile."""
    letters = draw(st.sampled_from(axes))
    three = "Z" in letters
    longest = {"Z": 9, "Y": 14 if three else 40, "X": 14 if three else 40}
    shape = tuple(draw(st.integers(2 if letter == "Z" else 1, longest.get(letter, 3))) for letter in letters)
    patch = [draw(st.integers(3, 12)) for _ in range(3 if three else 2)]
    overlaps = [draw(st.integers(0, size - 1 if size < 6 else size * 2 // 3)) for size in patch]
    return letters, shape, grid(patch, overlaps)


@settings(max_examples=60)
@given(case=cases(), dtype=st.sampled_from(DTYPES))
@example(case=("YX", (40, 33), grid([13, 12], [5, 3])), dtype=">f2")
@example(case=("TZCYX", (2, 5, 2, 9, 8), grid([3, 4, 5], [1, 1, 3])), dtype="i8")
@example(case=("YX", (1, 2), grid([8, 8], [3, 3])), dtype="bool")
def test_cut_and_stitched_in_memory_is_the_image(case, dtype):
    axes, shape, patching = case
    pixels = pixels_of(shape, dtype)
    with tempfile.TemporaryDirectory() as name:
        plan = plan_pixels(Path(name), pixels, axes, patching)
        result = patchplan.stitch(plan, np.stack(cut(plan)))
        same(result.arrays[0], pixels)
        assert (result.blend, result.n_tiles, result.missing) == ("crop", plan.n_patches, ())
        assert result.outputs[0].filled == 0


@settings(max_examples=12)
@given(case=cases(), dtype=st.sampled_from(DTYPES), source=st.sampled_from([".npy", ".zarr"]))
def test_a_stack_on_disk_stitched_to_npy_is_the_image(case, dtype, source):
    axes, shape, patching = case
    pixels = pixels_of(shape, dtype)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = plan_of(write_image(folder / f"image{source}", pixels, axes), patching, axes=axes)
        tiles = write_stack(folder / "tiles.zarr", cut(plan))
        patchplan.stitch(plan, tiles, folder / "out.npy")
        same(np.load(folder / "out.npy"), pixels)


def in_ome_order(pixels: Array, axes: str) -> Array:
    """Transpose to T C Z Y X, all samples as T."""
    for letter in "ZC":
        if letter not in axes:
            axes, pixels = axes + letter, pixels[..., None]
    samples = [i for i, letter in enumerate(axes) if letter not in "CZYX"]
    moved = pixels.transpose(*samples, *(axes.index(letter) for letter in "CZYX"))
    return moved.reshape(-1, *moved.shape[len(samples) :])


@settings(max_examples=12)
@given(case=cases(), dtype=st.sampled_from(DTYPES))
@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_stitched_to_ome_zarr_is_the_image_in_ome_order(case, dtype, ngff):
    axes, shape, patching = case
    pixels = pixels_of(shape, dtype)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = plan_pixels(folder, pixels, axes, patching)
        result = patchplan.stitch(plan, np.stack(cut(plan)), folder / "out.zarr", ngff=ngff, chunks=6)
        array: Any = zarr.open_array(folder / "out.zarr" / "0", mode="r")
        found = in_ome_order(array[...], result.outputs[0].axes)
        same(found, in_ome_order(pixels, axes))


@settings(max_examples=12)
@given(case=cases(), dtype=st.sampled_from(OME_TIFF))
def test_stitched_to_ome_tiff_is_the_image_in_ome_order(case, dtype):
    axes, shape, patching = case
    pixels = pixels_of(shape, dtype)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = plan_pixels(folder, pixels, axes, patching)
        result = patchplan.stitch(plan, np.stack(cut(plan)), folder / "out.ome.tif", chunks=16)
        found = tifffile.imread(folder / "out.ome.tif").reshape(result.outputs[0].shape)
        same(in_ome_order(found, result.outputs[0].axes), in_ome_order(pixels, axes))


@pytest.fixture
def several(tmp_path: Path) -> tuple[Plan, list[Array]]:
    """Images of different shapes, two of them arrays called `0` in stores of their own."""
    pixels = [pixels_of(shape, "u2", seed) for seed, shape in enumerate([(30, 20), (7, 5), (25, 41), (1, 3)])]
    inputs = []
    for number, one in enumerate(pixels):
        path = tmp_path / "in" / (f"{number}.zarr" if number in (0, 1) else f"{number}.npy")
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".zarr":
            group: Any = zarr.open_group(path, mode="w")
            group.create_array("0", shape=one.shape, dtype=one.dtype, chunks=(8, 8))[...] = one
            inputs.append(path / "0")
        else:
            inputs.append(write_image(path, one, ""))
    plan = tmp_path / "plan.parquet"
    patchplan.plan(inputs, plan, patching=grid(9, 4))
    return patchplan.open_plan(plan), pixels


@pytest.mark.parametrize("kind", ["array", "object", "stack", "folder"])
def test_several_images_come_back_each_as_it_was(several, tmp_path, kind):
    plan, pixels = several
    tiles = cut(plan)
    given: Any = {
        "array": lambda: np.stack(tiles),
        "object": lambda: Tiles(tiles),
        "stack": lambda: write_stack(tmp_path / "stack.zarr", tiles),
        "folder": lambda: write_folder(tmp_path / "folder", tiles),
    }[kind]()
    result = patchplan.stitch(plan, given)
    assert len(result.arrays) == len(result.outputs) == len(pixels)
    for data_idx, one in enumerate(pixels):
        same(result.arrays[data_idx], one)


@pytest.mark.parametrize("output_format", ["npy", "ome-zarr", "ome-tiff"])
def test_several_images_go_into_a_folder_under_names_that_never_collide(several, tmp_path, output_format):
    plan, pixels = several
    result = patchplan.stitch(plan, np.stack(cut(plan)), tmp_path / "out", format=output_format)
    uris = [str(output.uri) for output in result.outputs]
    assert len(set(uris)) == len(pixels)
    for one, uri in zip(pixels, uris, strict=True):
        assert Path(uri).is_relative_to(tmp_path / "out")
        if output_format == "npy":
            found = np.load(uri)
        elif output_format == "ome-tiff":
            found = tifffile.imread(uri).reshape(one.shape)
        else:
            found = np.asarray(zarr.open_array(Path(uri) / "0", mode="r")[...])
        same(found, one)


@pytest.mark.parametrize("name", ["sequential", "tiled", "whole", "fixed_random", "random"])
def test_every_plan_without_gaps_gives_the_image_back(tmp_path, name):
    """Read twice, averaged or pasted: values of the same pixel are equal, so the image is."""
    pixels = pixels_of((20, 16), "f8")
    patching: dict[str, Any] = {"name": name, "patch_size": 6}
    if name == "whole":
        patching.pop("patch_size")
    if "random" in name:
        patching["seed"] = 3
    plan = plan_pixels(tmp_path, pixels, "YX", patching)
    result = patchplan.stitch(plan, Tiles(cut(plan)), blend="max", fill_value=np.nan)
    found = result.arrays[0]
    covered = ~np.isnan(found)
    np.testing.assert_array_equal(found[covered], pixels[covered])
    assert result.outputs[0].filled == (~covered).sum()
    assert covered.all() == ("random" not in name)

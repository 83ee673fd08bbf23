"""Blends against the slow obvious way, for complete grids, absent tiles and free tables; constants and ramps."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.plans.plan import Plan
from tests.stitching.making import Array, Tiles, cut, grid, pixels_of, plan_pixels, write_stack
from tests.stitching.oracle import BLENDS, WINDOWS, stitch_slowly

TABLES = ("tiled", "sequential", "random", "fixed_random", "stratified")
SMOOTH = tuple(WINDOWS)


def close(found: Array, wanted: Array) -> None:
    """Require values within 1e-5 of each other, relative to the largest around."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * float(np.nanmax(np.abs(wanted), initial=1)))


@st.composite
def grids(draw: st.DrawFn) -> tuple[tuple[int, ...], list[int], list[int]]:
    """Shape, patch size and overlaps, 2-D or 3-D."""
    ndim = draw(st.sampled_from([2, 2, 2, 3]))
    shape = tuple(draw(st.integers(2, 30 if ndim == 2 else 12)) for _ in range(ndim))
    patch = [draw(st.integers(2, 12 if ndim == 2 else 6)) for _ in shape]
    return shape, patch, [draw(st.integers(0, size - 1 if size < 5 else size - 2)) for size in patch]


def plan_predictions(
    folder: Path, shape: tuple[int, ...], patching: dict[str, Any], **options: Any
) -> tuple[Plan, list[Array]]:
    """Plan an image, and return tiles of two channels that have nothing to do with it."""
    plan = plan_pixels(folder, np.zeros(shape, "u1"), "ZYX"[-len(shape) :], patching, **options)
    rng = np.random.default_rng(len(plan))
    return plan, [rng.normal(10, 5, (2, *spec["patch_size"])).astype("f4") for spec in plan.epoch().specs()]


def data_order(array: Array, ndim: int) -> Array:
    """Put a stitched C (Z) Y X array without samples into S C (Z) Y X."""
    return array.reshape(1, -1, *array.shape[array.ndim - ndim :])


@settings(max_examples=50)
@given(case=grids(), name=st.sampled_from(["tiled", "sequential"]), blend=st.sampled_from(BLENDS))
@example(case=((29, 30), [12, 11], [5, 4]), name="tiled", blend="gaussian")
@example(case=((3, 30), [12, 11], [11, 0]), name="sequential", blend="hann")
@example(case=((25, 25), [12, 12], [8, 8]), name="tiled", blend="linear")
def test_complete_grids(case, name, blend):
    shape, patch, overlaps = case
    if name == "sequential" and blend == "crop":
        blend = "max"
    with tempfile.TemporaryDirectory() as folder:
        plan, tiles = plan_predictions(Path(folder), shape, grid(patch, overlaps, name))
        found = patchplan.stitch(plan, np.stack(tiles), blend=blend).arrays[0]
        close(data_order(found, len(shape)), stitch_slowly(plan, tiles, blend=blend)[0])


@settings(max_examples=40)
@given(case=grids(), blend=st.sampled_from(BLENDS), seed=st.integers(0, 99))
@example(case=((25, 25), [12, 12], [8, 8]), blend="cosine", seed=3)
def test_absent_tiles_leave_the_weights_of_those_that_are_there(case, blend, seed):
    shape, patch, overlaps = case
    with tempfile.TemporaryDirectory() as name:
        plan, tiles = plan_predictions(Path(name), shape, grid(patch, overlaps))
        rng = np.random.default_rng(seed)
        some = [tile if rng.random() > 0.4 else None for tile in tiles]
        some[int(rng.integers(len(some)))] = tiles[0]
        stack = write_stack(Path(name) / "tiles.zarr", some)
        result = patchplan.stitch(plan, stack, blend=blend, allow_missing=True, fill_value=-7)
        wanted = stitch_slowly(plan, some, blend=blend, fill_value=-7)[0]
        close(data_order(result.arrays[0], len(shape)), wanted)
        assert list(result.missing) == [k for k, tile in enumerate(some) if tile is None]
        assert result.outputs[0].filled == (wanted[:, 0] == -7).sum()


@settings(max_examples=40)
@given(
    case=grids(),
    name=st.sampled_from(["random", "fixed_random", "stratified"]),
    blend=st.sampled_from([b for b in BLENDS if b != "crop"]),
    seed=st.integers(0, 99),
)
def test_free_tables(case, name, blend, seed):
    shape, patch, _ = case
    patch = [min(size, length) for size, length in zip(patch, shape, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        patching = {"name": name, "patch_size": patch, "seed": seed}
        plan, tiles = plan_predictions(Path(folder), shape, patching)
        found = patchplan.stitch(plan, np.stack(tiles), blend=blend, fill_value=3).arrays[0]
        close(data_order(found, len(shape)), stitch_slowly(plan, tiles, blend=blend, fill_value=3)[0])


@pytest.mark.parametrize("epoch", [0, 2])
def test_one_epoch_of_several(tmp_path, epoch):
    patching = {"name": "random", "patch_size": 9, "seed": 4}
    plan = plan_pixels(tmp_path, np.zeros((31, 40), "u1"), "YX", patching, epochs=3)
    tiles = [pixels_of((1, 9, 9), "f4", k) for k in range(plan.n_patches)]
    found = patchplan.stitch(plan, np.stack(tiles), epoch=epoch).arrays[0]
    close(data_order(found, 2), stitch_slowly(plan, tiles, epoch=epoch)[0])


@settings(max_examples=40)
@given(case=grids(), blend=st.sampled_from(BLENDS), value=st.sampled_from([1.0, 0.1, -3e5, 7e-6]))
def test_constant_tiles_give_the_constant_borders_and_corners_included(case, blend, value):
    shape, patch, overlaps = case
    with tempfile.TemporaryDirectory() as name:
        plan = plan_pixels(Path(name), np.zeros(shape, "u1"), "ZYX"[-len(shape) :], grid(patch, overlaps))
        tiles = np.full((plan.n_patches, 1, *patch), value, "f4")
        found = patchplan.stitch(plan, tiles, blend=blend).arrays[0]
        np.testing.assert_allclose(found, np.full_like(found, value), rtol=4 * float(np.finfo("f4").eps))


@settings(max_examples=30)
@given(case=grids(), blend=st.sampled_from(BLENDS))
def test_linear_ramps_are_reproduced(case, blend):
    shape, patch, overlaps = case
    axes = np.meshgrid(*(np.arange(n, dtype="f4") for n in shape), indexing="ij")
    ramp = sum(((k + 1) * axis for k, axis in enumerate(axes)), np.zeros(shape, "f4"))
    with tempfile.TemporaryDirectory() as name:
        plan = plan_pixels(Path(name), ramp, "ZYX"[-len(shape) :], grid(patch, overlaps))
        found = patchplan.stitch(plan, np.stack(cut(plan)), blend=blend).arrays[0]
        np.testing.assert_allclose(found, ramp, rtol=1e-5, atol=1e-5 * ramp.max())


@pytest.mark.parametrize("blend", SMOOTH)
def test_half_precision_tiles_are_summed_in_single_precision(tmp_path, blend):
    """Sums in float16 would be off by more than its own step."""
    plan, tiles = plan_predictions(tmp_path, (40, 40), grid(16, 14))
    half = [tile.astype("f2") for tile in tiles]
    found = patchplan.stitch(plan, np.stack(half), blend=blend).arrays[0]
    wanted = stitch_slowly(plan, half, blend=blend)[0]
    assert found.dtype == np.float16
    np.testing.assert_allclose(data_order(found, 2).astype("f8"), wanted.astype("f8"), rtol=float(np.finfo("f2").eps))


@pytest.mark.parametrize("blend", BLENDS)
def test_integer_tiles_forced_are_rounded_half_to_even_and_clipped(tmp_path, blend):
    plan = plan_pixels(tmp_path, np.zeros((20, 23), "u1"), "YX", grid(8, 4))
    tiles = [pixels_of((1, 8, 8), "u1", k) for k in range(plan.n_patches)]
    found = patchplan.stitch(plan, np.stack(tiles), blend=blend, force=True).arrays[0]
    wanted = stitch_slowly(plan, tiles, blend=blend)[0]
    assert found.dtype == np.uint8
    step = np.abs(found.astype(int) - wanted[0, 0].astype(int))
    assert step.max() <= (0 if blend in ("crop", "max", "min", "average") else 1)
    assert (step > 0).mean() < 0.01


def test_halves_are_rounded_to_even(tmp_path):
    plan = plan_pixels(tmp_path, np.zeros((4, 6), "u1"), "YX", grid([4, 4], [0, 2], "sequential"))
    tiles = np.stack([np.full((1, 4, 4), 2, "u1"), np.full((1, 4, 4), 3, "u1")])
    found = patchplan.stitch(plan, tiles, blend="average", force=True).arrays[0]
    assert found[0].tolist() == [2, 2, 2, 2, 3, 3]
    found = patchplan.stitch(plan, tiles + np.uint8(1), blend="average", force=True).arrays[0]
    assert found[0].tolist() == [3, 3, 4, 4, 4, 4]


def test_max_and_min_of_integers_are_exact_and_need_no_force(tmp_path):
    plan = plan_pixels(tmp_path, np.zeros((20, 23), "u1"), "YX", grid(8, 5))
    tiles = [pixels_of((3, 8, 8), "i8", k) for k in range(plan.n_patches)]
    for blend in ("max", "min"):
        found = patchplan.stitch(plan, np.stack(tiles), blend=blend).arrays[0]
        np.testing.assert_array_equal(found, stitch_slowly(plan, tiles, blend=blend)[0][0])


def test_averaging_integers_that_nowhere_overlap_needs_no_force(tmp_path):
    plan = plan_pixels(tmp_path, pixels_of((16, 24)), "YX", grid(8, 0, "sequential"))
    found = patchplan.stitch(plan, np.stack(cut(plan))).arrays[0]
    np.testing.assert_array_equal(found, pixels_of((16, 24)))


def test_the_default_is_crop_for_tiles_and_average_for_patches(tmp_path):
    for name, blend in (("tiled", "crop"), ("sequential", "average")):
        plan, tiles = plan_predictions(tmp_path, (30, 30), grid(12, 4, name))
        result = patchplan.stitch(plan, Tiles(tiles))
        assert result.blend == blend
        close(data_order(result.arrays[0], 2), stitch_slowly(plan, tiles, blend=blend)[0])

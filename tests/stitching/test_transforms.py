"""Tiles that are smaller or larger than what was read, and values reduced and cast before they are written."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ConfigError, PatchplanError, TilesError
from tests.stitching.making import Array, Tiles, grid, kept_parts, pixels_of, plan_pixels, write_folder
from tests.stitching.oracle import BLENDS, stitch_slowly
from tests.stitching.test_blends import close, data_order

REDUCTIONS = ("argmax", "channel:1", "threshold:10", "softmax", "sigmoid")


def predictions(n: int, *shape: int, dtype: Any = "f4", seed: int = 0) -> Array:
    """Return n random tiles as one array."""
    return np.random.default_rng(seed).normal(10, 5, (n, *shape)).astype(dtype)


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize(
    ("scale", "given_as"),
    [([2, 3], "2,3"), ([2, 2], 2), (["1/2", "1/2"], "1/2"), ([Fraction(1, 2), 2], [Fraction(1, 2), 2])],
    ids=["2,3", "2", "1/2", "1/2,2"],
)
def test_tiles_at_another_scale(tmp_path, blend, scale, given_as):
    """Output size is ceil(size * scale): 27 pixels halved are 14."""
    plan = plan_pixels(tmp_path, np.zeros((27, 33), "u1"), "YX", {**grid(12, 4), "multiple_of": 2})
    factors = [Fraction(entry) for entry in scale]
    tiles = predictions(plan.n_patches, 2, *(int(12 * factor) for factor in factors))
    given_as = given_as.split(",") if isinstance(given_as, str) and "," in given_as else given_as
    result = patchplan.stitch(plan, tiles, blend=blend, scale=given_as)
    wanted = stitch_slowly(plan, list(tiles), blend=blend, scale=scale)[0]
    assert wanted.shape[2:] == tuple(-int(-size * factor // 1) for size, factor in zip((27, 33), factors, strict=True))
    close(data_order(result.arrays[0], 2), wanted)


def test_a_scale_that_gives_no_whole_pixels_is_refused_naming_multiple_of(tmp_path):
    plan = plan_pixels(tmp_path, np.zeros((27, 33), "u1"), "YX", grid(12, 4))
    with pytest.raises(PatchplanError, match=r"scale.*multiple_of"):
        patchplan.stitch(plan, predictions(plan.n_patches, 1, 6, 6), scale="1/2")
    with pytest.raises(PatchplanError, match=r"scale.*multiple_of"):
        patchplan.stitch(plan, predictions(plan.n_patches, 1, 4, 4), scale="1/3")


@pytest.mark.parametrize("scale", ["0", "-1", "x", "1/0", ["2", "2", "2"], "nan", "", 0, float("inf")])
def test_a_scale_that_is_none_is_refused(tmp_path, scale):
    plan = plan_pixels(tmp_path, np.zeros((27, 33), "u1"), "YX", grid(12, 4))
    with pytest.raises(ConfigError, match=r"--scale: found .*(allowed|plan is 2-D)"):
        patchplan.stitch(plan, predictions(plan.n_patches, 1, 12, 12), scale=scale)


@settings(max_examples=25)
@given(blend=st.sampled_from(BLENDS), overlap=st.integers(4, 9), margins=st.sampled_from([(2, 2), (1, 2), (0, 1)]))
def test_tiles_without_a_margin(tmp_path_factory, blend, overlap, margins):
    """A network without padding gives smaller tiles; what they lack at the edges of the image nothing covers."""
    folder = tmp_path_factory.mktemp("margin")
    plan = plan_pixels(folder, np.zeros((40, 37), "u1"), "YX", grid(14, overlap))
    tiles = predictions(plan.n_patches, 1, *(14 - 2 * margin for margin in margins))
    result = patchplan.stitch(plan, tiles, blend=blend, margin=margins, fill_value=-9)
    close(
        data_order(result.arrays[0], 2), stitch_slowly(plan, list(tiles), blend=blend, margin=margins, fill_value=-9)[0]
    )


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("kind", ["folder", "object"])
def test_tiles_of_the_kept_parts_only(tmp_path, blend, kind):
    """They are recognised by their size; they nowhere overlap, so that every blend gives the same."""
    pixels = pixels_of((30, 26), "u2")
    plan = plan_pixels(tmp_path, pixels, "YX", grid(10, 4))
    kept = kept_parts(plan)
    tiles = Tiles(kept) if kind == "object" else write_folder(tmp_path / "kept", kept)
    np.testing.assert_array_equal(patchplan.stitch(plan, tiles, blend=blend).arrays[0], pixels)


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_reductions_come_after_blending(tmp_path, blend, reduce):
    plan = plan_pixels(tmp_path, np.zeros((3, 27, 33), "u1"), "CYX", grid(12, 5))
    tiles = predictions(plan.n_patches, 4, 12, 12)
    result = patchplan.stitch(plan, tiles, blend=blend, reduce=reduce)
    wanted = stitch_slowly(plan, list(tiles), blend=blend, reduce=reduce)[0]
    found = result.arrays[0]
    drops = reduce in ("argmax", "channel:1")
    assert result.outputs[0].axes == ("YX" if drops else "CYX")
    assert found.shape == ((27, 33) if drops else (4, 27, 33))
    assert found.dtype == wanted.dtype
    if found.dtype == np.uint8:
        assert (data_order(found, 2) != wanted).mean() < 1e-3, "values on the edge may fall to either side"
    else:
        close(data_order(found, 2), wanted)


@pytest.mark.parametrize(("classes", "dtype"), [(2, "u1"), (256, "u1"), (257, "u2")])
def test_argmax_has_the_smallest_unsigned_dtype(tmp_path, classes, dtype):
    plan = plan_pixels(tmp_path, np.zeros((5, 6), "u1"), "YX", grid(4, 1))
    tiles = predictions(plan.n_patches, classes, 4, 4)
    found = patchplan.stitch(plan, tiles, reduce="argmax").arrays[0]
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, stitch_slowly(plan, list(tiles), reduce="argmax")[0][0, 0])


@pytest.mark.parametrize("reduce", ["argmin", "channel", "channel:-1", "channel:x", "threshold", "threshold:x"])
def test_a_reduction_that_is_none_is_refused(tmp_path, reduce):
    plan = plan_pixels(tmp_path, np.zeros((5, 6), "u1"), "YX", grid(4, 1))
    with pytest.raises(PatchplanError, match=r"--reduce: found .*allowed"):
        patchplan.stitch(plan, predictions(plan.n_patches, 4, 4, 4), reduce=reduce)


@settings(max_examples=25)
@given(
    made=st.sampled_from(["f4", "f8", "i2", "u2", "i8"]),
    wanted=st.sampled_from(["u1", "i1", "u2", "i4", "f4", "f2"]),
    blend=st.sampled_from(["crop", "max", "gaussian"]),
)
def test_another_dtype_is_rounded_half_to_even_and_clipped_and_said(tmp_path_factory, made, wanted, blend):
    plan = plan_pixels(tmp_path_factory.mktemp("dtype"), np.zeros((20, 23), "u1"), "YX", grid(8, 3))
    tiles = (np.random.default_rng(1).normal(0, 300, (plan.n_patches, 1, 8, 8)) // 0.5 * 0.5).astype(made)
    result = patchplan.stitch(plan, tiles, blend=blend, dtype=wanted, force=True)
    found = data_order(result.arrays[0], 2)
    expected = stitch_slowly(plan, list(tiles), blend=blend, dtype=wanted)[0]
    assert found.dtype == np.dtype(wanted)
    if wanted.startswith("f") or blend == "gaussian":
        step = 1 if not wanted.startswith("f") else 0
        np.testing.assert_allclose(found.astype("f8"), expected.astype("f8"), rtol=2e-3, atol=max(step, 1e-2))
    else:
        np.testing.assert_array_equal(found, expected)
    if np.dtype(wanted).kind in "iu" and not np.can_cast(made, wanted):
        assert any("round" in note or "clip" in note for note in result.notes)


@pytest.mark.parametrize("dtype", ["no", "U5", "object", "datetime64[s]"])
def test_a_dtype_that_no_image_has_is_refused(tmp_path, dtype):
    plan = plan_pixels(tmp_path, np.zeros((5, 6), "u1"), "YX", grid(4, 1))
    with pytest.raises(ConfigError, match=r"--dtype: found .*allowed"):
        patchplan.stitch(plan, predictions(plan.n_patches, 1, 4, 4), dtype=dtype)


def test_the_value_of_pixels_that_nothing_covers_is_written_as_given(tmp_path):
    """Not reduced, and exact for 64 bits; one that the dtype lacks is refused."""
    plan = plan_pixels(tmp_path, np.zeros((40, 40), "u1"), "YX", {"name": "random", "patch_size": 9, "seed": 1})
    tiles = pixels_of((plan.n_patches, 1, 9, 9), "i8")
    result = patchplan.stitch(plan, tiles, blend="max", fill_value=2**62 + 1)
    assert (result.arrays[0] == 2**62 + 1).sum() == (result.outputs[0].filled or 0) > 0
    result = patchplan.stitch(plan, np.repeat(tiles, 3, 1), blend="max", reduce="argmax", fill_value=255)
    assert (result.arrays[0] == 255).sum() == result.outputs[0].filled
    for value in (300, -1, 0.5, np.nan):
        with pytest.raises(PatchplanError, match=r"--fill-value: found .*uint8"):
            patchplan.stitch(plan, tiles.astype("u1"), blend="max", fill_value=value)


@pytest.mark.parametrize("shape", [(5, 4), (4, 3), (8, 8), (2, 2)])
def test_tiles_of_a_size_that_nobody_planned_are_refused_naming_found_and_allowed(tmp_path, shape):
    plan = plan_pixels(tmp_path, np.zeros((5, 6), "u1"), "YX", grid(4, 1))
    with pytest.raises(TilesError, match=rf"{shape[0]}(, | x ){shape[1]}.*4(, | x )4"):
        patchplan.stitch(plan, predictions(plan.n_patches, 1, *shape))

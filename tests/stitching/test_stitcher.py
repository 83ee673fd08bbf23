"""The streaming form: tiles in any order, from a loop, without a store between; what stops it and what it leaves."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import AuditError, ConfigError, OutputError, PatchplanError
from patchplan.plans.plan import open_plan
from tests.plans.making import files_of
from tests.stitching.making import (
    Array,
    cut,
    grid,
    kept_parts,
    pixels_of,
    plan_of,
    plan_pixels,
    same,
    without,
    write_folder,
    write_image,
)
from tests.stitching.oracle import stitch_slowly
from tests.stitching.test_same_bytes import OUTPUTS, content


def feed(plan: Any, output: Path | None, batches: Iterable[tuple[Any, Any]], **options: Any) -> Any:
    """Stitch batches of indices and tiles one after the other."""
    with patchplan.Stitcher(plan, output, **options) as stitcher:
        for indices, tiles in batches:
            stitcher.add(indices, tiles)
    return stitcher.result


@pytest.mark.parametrize("blend", ["crop", "hann", "min"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_tile_by_tile_in_any_order_gives_the_same_bytes(case, tmp_path, name, blend):
    plan, tiles = case
    (tmp_path / "whole").mkdir()
    patchplan.stitch(plan, tiles, tmp_path / "whole" / name, blend=blend, **OUTPUTS[name])
    wanted = content(tmp_path / "whole" / name)
    for seed, memory in enumerate(["2GB", "32MB"]):
        order = np.random.default_rng(seed).permutation(plan.n_patches)
        output = tmp_path / str(seed) / name
        output.parent.mkdir()
        batches = ((order[start : start + 7], tiles[order[start : start + 7]]) for start in range(0, len(order), 7))
        feed(plan, output, batches, blend=blend, memory=memory, **OUTPUTS[name])
        assert content(output) == wanted


def test_a_stitcher_left_early_names_what_is_missing(case, tmp_path):
    plan, tiles = case
    with pytest.raises(AuditError, match="missing") as error:
        feed(plan, tmp_path / "out.zarr", [(np.arange(3, plan.n_patches), tiles[3:])])
    assert list(error.value.missing) == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr.partial"]


def test_an_error_inside_a_stitcher_goes_through_and_leaves_nothing(case, tmp_path):
    plan, tiles = case

    def batches() -> Iterator[tuple[Any, Array]]:
        yield [0], tiles[:1]
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        feed(plan, tmp_path / "out.zarr", batches())
    assert not list(tmp_path.iterdir())


def test_a_stitcher_that_may_be_incomplete_fills(case, tmp_path):
    plan, tiles = case
    batches = [(range(1, plan.n_patches), tiles[1:])]
    result = feed(plan, tmp_path / "out.npy", batches, allow_missing=True, fill_value=5)
    assert list(result.missing) == [0]
    assert result.outputs[0].filled
    wanted = stitch_slowly(plan, [None, *tiles[1:]], fill_value=5)[0]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted)


@pytest.mark.parametrize(
    ("indices", "count", "said"),
    [
        ([0, 0], 2, r"\b0\b.*(twice|already|more than once)"),
        ([10**6], 1, "1,?000,?000"),
        ([-1], 1, "-1"),
        ([0, 1], 1, "2.*1|1.*2"),
    ],
    ids=["twice", "beyond", "negative", "lengths"],
)
def test_tiles_that_a_stitcher_cannot_place_are_refused(case, tmp_path, indices, count, said):
    plan, tiles = case
    with pytest.raises(PatchplanError, match=said):
        feed(plan, tmp_path / "out.npy", [(indices, tiles[:count])])
    assert not list(tmp_path.iterdir())


def test_a_tile_added_twice_is_refused_even_when_its_block_is_written(case, tmp_path):
    plan, tiles = case
    with pytest.raises(PatchplanError, match=r"\b4\b"):
        feed(plan, tmp_path / "out.npy", [(range(plan.n_patches), tiles), ([4], tiles[4:5])])
    assert not (tmp_path / "out.npy").exists()


def test_a_stitcher_returns_arrays_where_no_output_is_named(case):
    plan, tiles = case
    result = feed(plan, None, [(range(plan.n_patches), tiles)])
    np.testing.assert_array_equal(result.arrays[0], patchplan.stitch(plan, tiles).arrays[0])


@pytest.mark.parametrize(
    ("output", "memory", "side"),
    [(None, "40MB", 2000), ("out.npy", "40MB", 2000), ("out.zarr", "120MB", 3500), ("out.ome.tif", "120MB", 3500)],
)
def test_tiles_that_do_not_fit_into_memory_wait_on_the_disk(tmp_path, output, memory, side):
    """Column after column, so that no row of blocks is complete before the last; twice as many tiles as memory."""
    plan = plan_pixels(tmp_path, np.zeros((side, side + 100), "u1"), "YX", grid(96, 32))
    tiles = np.random.default_rng(1).normal(0, 1, (plan.n_patches, 1, 96, 96)).astype("f4")
    down = -(-(side - 32) // 64)
    order = np.arange(plan.n_patches).reshape(down, -1).T.ravel()
    batches = ((order[start : start + 40], tiles[order[start : start + 40]]) for start in range(0, len(order), 40))
    wanted = patchplan.stitch(plan, tiles, blend="linear").arrays[0]
    before = files_of(tmp_path)
    place = None if output is None else tmp_path / output
    result = feed(plan, place, batches, blend="linear", memory=memory, levels=1)
    if place is None:
        found = result.arrays[0]
    else:
        with patchplan.open_image(place, axes="YX" if output == "out.npy" else None) as image:
            found = image.read(0, (0, 0), wanted.shape)[0]
    np.testing.assert_array_equal(found, wanted)
    left = set(files_of(tmp_path)) - set(before)
    assert all(name.split("/")[0] == output for name in left), "what waited is gone"


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((8, 8), {"margin": 1}),
        ((20, 5), {"scale": [2, "1/2"], "blend": "gaussian"}),
        ((10, 10), {"reduce": "argmax", "blend": "hann"}),
        ((10, 10), {"reduce": "softmax"}),
        ((10, 10), {"dtype": "uint8", "blend": "cosine"}),
    ],
    ids=["margin", "scale", "argmax", "softmax", "dtype"],
)
def test_every_option_means_the_same_as_for_stitch(tmp_path, size, options):
    plan = plan_pixels(tmp_path, np.zeros((30, 26), "u1"), "YX", {**grid(10, 4), "multiple_of": 2})
    tiles = np.random.default_rng(0).normal(100, 90, (plan.n_patches, 3, *size)).astype("f4")
    order = np.random.default_rng(1).permutation(plan.n_patches)
    result = feed(plan, None, [(order, tiles[order])], **options)
    wanted = patchplan.stitch(plan, tiles, **options)
    same(result.arrays[0], wanted.arrays[0])
    assert result.model_dump(exclude={"plan"}) == wanted.model_dump(exclude={"plan"})


def test_tiles_of_the_kept_parts_only(tmp_path):
    pixels = pixels_of((30, 26), "u2")
    plan = plan_pixels(tmp_path, pixels, "YX", grid(10, 4))
    same(feed(plan, None, enumerate(kept_parts(plan))).arrays[0], pixels)


def test_memory_below_the_minimum_is_refused_naming_what_was_asked_and_the_minimum_works(case, tmp_path):
    plan, tiles = case
    batches = [(range(plan.n_patches), tiles)]
    with pytest.raises(ConfigError, match=r"--memory: found 1KB; .* at least") as error:
        feed(plan, tmp_path / "out.zarr", batches, memory="1KB", chunks=64, shards=128)
    assert not list(tmp_path.iterdir())
    least = str(error.value).split("at least ")[1].split(",")[0]
    feed(plan, tmp_path / "out.zarr", batches, memory=least, chunks=64, shards=128)


def test_one_tile_at_a_time_by_its_index(tmp_path):
    pixels = pixels_of((3, 30, 20), ">i2")
    plan = plan_pixels(tmp_path, pixels, "CYX", grid(9, 2))
    result = feed(plan, None, [(k, tile) for k, tile in enumerate(cut(plan))])
    same(result.arrays[0], pixels)


def test_batches_of_several_images_of_other_channels_and_sizes(tmp_path):
    """Whole images, each of a size of its own, so that a batch is a list."""
    images = [pixels_of((2, 9, 7), "u1", 1), pixels_of((2, 5, 30), "u1", 2)]
    inputs = [write_image(tmp_path / f"{k}.npy", one, "CYX") for k, one in enumerate(images)]
    plan = plan_of(inputs, {"name": "whole"}, axes="CYX")
    result = feed(plan, None, [([1, 0], cut(plan)[::-1])])
    for found, wanted in zip(result.arrays, images, strict=True):
        same(found, wanted)


def test_indices_are_those_of_the_plan_not_positions(tmp_path):
    """A plan of what is missing keeps the indices of the plan it comes from."""
    pixels = pixels_of((30, 20), "u2")
    plan = plan_pixels(tmp_path, pixels, "YX", grid(9, 2))
    tiles = cut(plan)
    first = write_folder(tmp_path / "first", [tile if k in (0, 3) else None for k, tile in enumerate(tiles)])
    patchplan.stitch(plan, first, check=True, missing_output=tmp_path / "rest.csv")
    rest = open_plan(tmp_path / "rest.csv")
    indices = [k for k in range(plan.n_patches) if k not in (0, 3)]
    result = feed(rest, None, [(indices[::-1], [tiles[k] for k in indices[::-1]])])
    wanted = patchplan.stitch(plan, write_folder(tmp_path / "rest", without(tiles, 0, 3)), allow_missing=True)
    same(result.arrays[0], wanted.arrays[0])
    assert result.outputs[0].filled == (wanted.outputs[0].filled or 0) > 0


def test_changing_an_array_after_it_was_added_changes_nothing(tmp_path):
    """A loop may use one buffer for all batches."""
    pixels = pixels_of((30, 20), "u2")
    plan = plan_pixels(tmp_path, pixels, "YX", grid(9, 2))
    buffer: Array = np.empty((1, 1, 9, 9), "u2")

    def batches() -> Iterator[tuple[Any, Array]]:
        for k, tile in reversed(list(enumerate(cut(plan)))):
            buffer[0] = tile
            yield [k], buffer

    same(feed(plan, None, batches()).arrays[0], pixels)


@pytest.mark.parametrize(
    ("tile", "said"),
    [
        (np.zeros((1, 9, 8), "u2"), r"9 x 8.*9, 9"),
        (np.zeros((9, 9), "u2"), r"axes|C Y X"),
        (np.zeros((1, 9, 9), "f4"), r"float32.*uint16"),
        (np.zeros((2, 9, 9), "u2"), r"2.*1"),
    ],
    ids=["shape", "axes", "dtype", "channels"],
)
def test_a_tile_unlike_the_first_is_refused_naming_both(tmp_path, tile, said):
    plan = plan_pixels(tmp_path, pixels_of((30, 20), "u2"), "YX", grid(9, 2))
    before = files_of(tmp_path)
    with pytest.raises(PatchplanError, match=said):
        feed(plan, tmp_path / "out.npy", [(0, cut(plan)[0]), (1, tile)])
    assert files_of(tmp_path) == before


def test_options_are_checked_before_the_loop_begins(case, tmp_path):
    plan, _ = case
    (tmp_path / "old.npy").write_text("mine")
    with pytest.raises(OutputError, match=r"old.npy: exists already"):
        patchplan.Stitcher(plan, tmp_path / "old.npy").__enter__()
    with pytest.raises(ConfigError, match="--blend: found 'mean'"):
        patchplan.Stitcher(plan, tmp_path / "out.npy", blend="mean")
    assert [path.name for path in tmp_path.iterdir()] == ["old.npy"]


def test_tiles_are_added_inside_the_with_block_only(case, tmp_path):
    plan, tiles = case
    stitcher = patchplan.Stitcher(plan, tmp_path / "out.npy")
    with pytest.raises(PatchplanError, match="inside its with block"):
        stitcher.add([0], tiles[:1])
    with stitcher:
        stitcher.add(range(plan.n_patches), tiles)
    with pytest.raises(PatchplanError, match="inside its with block"):
        stitcher.add([0], tiles[:1])

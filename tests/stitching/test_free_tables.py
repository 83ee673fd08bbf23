"""Tables made by hand: boxes of any size anywhere, in any order, over several images with several samples."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.plans.plan import Plan
from tests.stitching.making import Array, grid, in_source_order, pixels_of, plan_of, write_folder, write_image
from tests.stitching.oracle import BLENDS, stitch_slowly
from tests.stitching.test_blends import close

FREE = [blend for blend in BLENDS if blend != "crop"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Shapes of images (T Y X or T Z Y X), and rows: image, sample, start, size; some reach over the edge."""
    ndim = draw(st.sampled_from([2, 3]))
    longest = 30 if ndim == 2 else 10
    shapes = [
        (draw(st.integers(1, 3)), *(draw(st.integers(2, longest)) for _ in range(ndim)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        image = draw(st.integers(0, len(shapes) - 1))
        start = [draw(st.integers(0, size - 1)) for size in shapes[image][1:]]
        size = [draw(st.integers(1, max(2, length * 2 // 3))) for length in shapes[image][1:]]
        rows.append((image, draw(st.integers(0, shapes[image][0] - 1)), *start, *size))
    rows += [(image, 0, *([0] * ndim), *shape[1:]) for image, shape in enumerate(shapes)]
    return shapes, draw(st.permutations(rows))


def plan_table(folder: Path, shapes: list[tuple[int, ...]], rows: list[tuple[int, ...]]) -> Plan:
    """Write images and a table, and plan them; indices are every third number, from the highest."""
    axes = "TZYX" if len(shapes[0]) == 4 else "TYX"
    letters = "zyx" if len(shapes[0]) == 4 else "yx"
    images = [write_image(folder / f"{k}.npy", np.zeros(shape, "u1"), axes) for k, shape in enumerate(shapes)]
    names = [
        "index",
        "data_idx",
        "sample_idx",
        *(f"{field}_{x}" for field in ("coords", "patch_size") for x in letters),
    ]
    lines = [names, *([str(entry) for entry in (3 * (len(rows) - k), *row)] for k, row in enumerate(rows))]
    text = "\n".join(map(",".join, lines))
    (folder / "table.csv").write_text(text + "\n")
    return plan_of(images, {"name": "fixed", "table": str(folder / "table.csv")}, axes=axes)


def source_order(plan: Plan, values: list[Array]) -> list[Array]:
    return [in_source_order(one, plan.open_image(k)) for k, one in enumerate(values)]


@settings(max_examples=60)
@given(case=tables(), blend=st.sampled_from(FREE), seed=st.integers(0, 9))
def test_boxes_of_any_size_anywhere(case, blend, seed):
    shapes, rows = case
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        plan = plan_table(Path(name), shapes, rows)
        tiles = [rng.normal(0, 50, (1, *spec["patch_size"])).astype("f4") for spec in plan.epoch().specs()]
        index = [int(k) for k in plan.epoch().index]
        assert index[0] == 3 * len(rows)
        folder = write_folder(Path(name) / "tiles", tiles, index=index)
        wanted = source_order(plan, stitch_slowly(plan, tiles, blend=blend, fill_value=-1))
        result = patchplan.stitch(plan, folder, blend=blend, fill_value=-1)
        for found, one in zip(result.arrays, wanted, strict=True):
            close(found, one)
        assert [one.filled for one in result.outputs] == [int((one == -1).sum()) for one in wanted]


@settings(max_examples=15)
@given(case=tables(), blend=st.sampled_from(FREE), seed=st.integers(0, 9))
def test_the_same_into_small_chunks_and_tile_by_tile(case, blend, seed):
    """Blocks of four pixels: most tiles lie over several, many blocks see no tile at all."""
    shapes, rows = case
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        plan = plan_table(Path(name), shapes, rows)
        index = [int(k) for k in plan.epoch().index]
        tiles = [rng.normal(0, 50, (2, *spec["patch_size"])).astype("f4") for spec in plan.epoch().specs()]
        folder = write_folder(Path(name) / "tiles", tiles, index=index)
        options: dict[str, Any] = {"blend": blend, "format": "ome-zarr", "chunks": 4, "levels": 1, "fill_value": 2}
        one = patchplan.stitch(plan, folder, Path(name) / "one", **options)
        with patchplan.Stitcher(plan, Path(name) / "two", **options) as stitcher:
            for k in rng.permutation(len(index)):
                stitcher.add(index[k], tiles[k])
        wanted = stitch_slowly(plan, tiles, blend=blend, fill_value=2)
        for output, again, values in zip(one.outputs, stitcher.result.outputs, wanted, strict=True):
            found, second = (_read(str(made.uri), values) for made in (output, again))
            close(found, values)
            np.testing.assert_array_equal(found, second)


def _read(uri: str, like: Array) -> Array:
    """Return a stitched OME-Zarr image as S C (Z) Y X."""
    with patchplan.open_image(uri) as image:
        wide = image.with_ndim(like.ndim - 2)
        return np.stack([wide.read(s, (0,) * (like.ndim - 2), like.shape[2:]) for s in range(like.shape[0])])


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    half=st.integers(1, 3),
    overlap=st.integers(0, 2),
    blend=st.sampled_from(BLENDS),
    name=st.sampled_from(["tiled", "sequential"]),
)
def test_grids_that_hang_over_the_edge(tmp_path_factory, shape, half, overlap, blend, name):
    """With multiple_of the last tiles reach outside; what lies there is no part of the image."""
    if name == "sequential" and blend == "crop":
        blend = "average"
    patch = 4 * half + 4 * overlap
    pixels = np.zeros(shape, "u1")
    folder = tmp_path_factory.mktemp("overhang")
    plan = plan_of(
        write_image(folder / "a.npy", pixels, "YX"), {**grid(patch, 4 * overlap, name), "multiple_of": 2}, axes="YX"
    )
    tiles = [pixels_of((1, patch, patch), "f4", k) for k in range(plan.n_patches)]
    found = patchplan.stitch(plan, np.stack(tiles), blend=blend).arrays[0]
    close(found[None, None], stitch_slowly(plan, tiles, blend=blend)[0])


@pytest.mark.parametrize("blend", FREE)
def test_planes_counted_as_samples_go_back_into_the_stack(tmp_path, blend):
    image = write_image(tmp_path / "a.npy", np.zeros((3, 20, 30), "u1"), "ZYX")
    plan = plan_of(image, grid(12, 5), axes="ZYX", z_as_samples=True)
    tiles = [pixels_of((1, 12, 12), "f4", k) for k in range(plan.n_patches)]
    result = patchplan.stitch(plan, np.stack(tiles), blend=blend)
    assert result.outputs[0].axes == "ZYX"
    close(result.arrays[0][:, None], stitch_slowly(plan, tiles, blend=blend)[0])


def test_a_table_of_one_pixel(tmp_path):
    plan = plan_table(tmp_path, [(1, 2, 2)], [(0, 0, 1, 1, 1, 1)])
    result = patchplan.stitch(plan, np.full((1, 1, 1, 1), 5, "u1"), fill_value=3)
    assert result.arrays[0].tolist() == [[[3, 3], [3, 5]]]
    assert result.outputs[0].filled == 3

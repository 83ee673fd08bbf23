"""The closed form of grids equals counting their rows, whatever the size."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import patchplan
from patchplan.core.grid import GridAxis
from patchplan.coverage import grids
from patchplan.coverage.report import inspect_plan
from patchplan.coverage.visits import multiply
from patchplan.errors import PlanError
from patchplan.patching import create_patching
from tests.coverage.canvas import TablePlan, canvases, histogram_of, write
from tests.laws.test_contract import setups
from tests.laws.test_grids import axes

GRIDS = ["sequential", "tiled", "whole"]


@pytest.mark.parametrize("name", GRIDS)
@given(data=st.data())
def test_the_closed_form_equals_the_rows_and_the_canvas(name, data):
    shapes, config = data.draw(setups(name))
    if name != "whole" and data.draw(st.booleans()):
        multiple = data.draw(st.integers(1, 2))
        config |= {"multiple_of": multiple, "overlaps": 0}
        config["patch_size"] = [-(-size // multiple) * multiple for size in config["patch_size"]]
    patching = create_patching(shapes, config)
    specs = patching.get_patch_specs()
    closed = grids.count_grid(patching, 20)
    assert closed is not None
    for image, canvas in zip(closed.read, canvases(shapes, specs), strict=True):
        assert image.histogram == histogram_of(canvas)
    counted = inspect_plan(TablePlan(shapes, specs))
    for image, other in zip(closed.read, counted.images, strict=True):
        assert image.histogram == dict(other.visits.histogram)
        assert image.n_patches == other.n_patches
        assert [sample.n_patches for sample in image.samples] == [sample.n_patches for sample in other.samples]
    assert (closed.kept is not None) == specs.is_tiles
    if specs.is_tiles:
        assert counted.total.partition is not None
        assert counted.total.partition.exact


@given(axes())
@example(GridAxis(size=60, patch=4, overlap=3))
@example(GridAxis(size=61, patch=4, overlap=3, overhang=True))
def test_an_axis_equals_the_obvious_way(axis):
    index = np.arange(axis.n)
    reads, keeps = np.zeros(axis.size, int), np.zeros(axis.size, int)
    for start, low, high in zip(axis.starts(index), axis.cuts(index), axis.cuts(index + 1), strict=True):
        reads[start : start + axis.patch] += 1
        keeps[low:high] += 1
    assert grids.read_histogram(axis) == histogram_of(reads)
    assert grids.kept_histogram(axis) == histogram_of(keeps) == {1: axis.size}


@given(axes(), st.integers(0, 2**40))
def test_a_longer_axis_has_more_periods_and_nothing_else(axis, more):
    """Exact for axes of any length: an axis of 10^12 patches is not laid out."""
    longer = GridAxis(axis.size + 60 * axis.stride + more * axis.stride, axis.patch, axis.overlap, axis.overhang)
    base = GridAxis(axis.size + 60 * axis.stride, axis.patch, axis.overlap, axis.overhang)
    histogram = grids.read_histogram(longer)
    assert sum(histogram.values()) == longer.size
    assert grids.kept_histogram(longer) == {1: longer.size}
    grown = {visits: n - grids.read_histogram(base).get(visits, 0) for visits, n in histogram.items()}
    most, rest = divmod(axis.patch, axis.stride)
    expected = {most + 1: rest * more, most: (axis.stride - rest) * more}
    assert {visits: n for visits, n in grown.items() if n} == {visits: n for visits, n in expected.items() if n}


def test_an_overlap_that_makes_too_many_patches_is_refused():
    with pytest.raises(PlanError, match=r"overlap 1073741823 of patch size 1073741824 makes .* allowed are 16,777,216"):
        grids.read_histogram(GridAxis(2**40, 2**30, 2**30 - 1))


def test_a_product_multiplies_counts():
    one, two, three = {1: 3, 2: 4}, {1: 5}, {0: 1, 3: 2}
    assert multiply([one, two, three]) == {0: 35, 3: 30, 6: 40}


def test_kept_parts_that_are_no_partition_are_not_taken_for_one(monkeypatch):
    """The proof counts what the cuts say: were they wrong, the rows would be counted, and tell where."""
    patching: Any = create_patching([(1, 1, 100, 100)], {"name": "tiled", "patch_size": 16, "overlaps": 4})
    cuts = GridAxis.cuts
    monkeypatch.setattr(GridAxis, "cuts", lambda axis, index: cuts(axis, index) + (index == 2))
    specs = patching.get_patch_specs()
    assert grids.kept_histogram(GridAxis(100, 16, 4)) == {1: 100}, "a cut that moves for both its sides"
    monkeypatch.setattr(GridAxis, "cuts", lambda axis, index: cuts(axis, index) - 5 * (index == 2))
    assert grids.count_grid(patching, 20) is None
    assert len(specs) == 64


@pytest.mark.parametrize("name", GRIDS)
def test_a_plan_without_rows_is_told_as_one_with_rows(tmp_path, name):
    shapes = [(2, 1, 50, 40), (1, 3, 9, 70)]
    config = {"name": name} if name == "whole" else {"name": name, "patch_size": 16, "overlaps": 5}
    patching = create_patching(shapes, config)
    with_rows = patchplan.inspect(write(tmp_path / "rows.parquet", shapes, patching, config))
    without = patchplan.inspect(write(tmp_path / "none.parquet", shapes, patching, config, rows=False))
    assert (with_rows.counted, without.counted) == ("rows", "grid")
    assert with_rows.images == without.images
    assert with_rows.total == without.total


def test_10_to_the_22_pixels_without_rows(tmp_path):
    side, config = 10**11, {"name": "tiled", "patch_size": [256, 256], "overlaps": [32, 32]}
    small = create_patching([(1, 1, 300, 300)], config)
    path = write(tmp_path / "plan.parquet", [(1, 1, 300, 300)], small, config, rows=False)
    header = patchplan.open_plan(path).header
    n = create_patching([(1, 1, side, side)], config).n_patches
    shape = (1, 1, side, side)
    image = header.images[0].model_copy(update={"shape": shape, "data_shape": shape, "n_patches": n})
    large = header.model_copy(update={"images": (image,), "n_patches": n, "n_rows": n})
    from patchplan.plans.write import write_plan

    write_plan(path, large, [], overwrite=True)
    total = patchplan.inspect(path).total
    assert sum(pixels for _, pixels in total.visits.histogram) == side**2
    assert total.partition is not None
    assert total.partition.exact
    assert total.n_patches == n

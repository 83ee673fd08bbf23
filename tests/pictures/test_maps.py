"""Every picture pixel is the mean, min or max of a canvas of zeros painted by += 1."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchplan.core.grid import GridAxis
from patchplan.coverage.rows import PlanRows
from patchplan.patching import create_patching
from patchplan.pictures import grids
from patchplan.pictures.extremes import extremes
from patchplan.pictures.maps import visit_maps
from patchplan.pictures.panels import Panel, panels_of
from patchplan.pictures.sums import Sums
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import open_plan
from tests.coverage.canvas import TablePlan, canvases, write
from tests.laws.test_contract import every_strategy, setups

REDUCE: dict[str, Any] = {"mean": np.mean, "min": np.min, "max": np.max}
VALUES: tuple[MapValue, ...] = ("mean", "min", "max")
sides = st.sampled_from([1, 2, 3, 5, 8, 1000])
few = settings(max_examples=10)


def reduced(canvas, panel, value):
    """The obvious way: one picture pixel after the other."""
    volume = canvas[panel.sample_idx].reshape(-1, *canvas.shape[-2:])
    found, f = np.zeros(panel.shape), panel.factor
    for i, j in np.ndindex(panel.shape):
        found[i, j] = REDUCE[value](volume[:, i * f : (i + 1) * f, j * f : (j + 1) * f])
    return found


@every_strategy
@few
@given(data=st.data())
def test_pictures_of_tables_equal_the_canvas(name, data):
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    canvas = canvases(shapes, specs)
    panels = panels_of(shapes, data.draw(st.integers(1, 9)), data.draw(sides))
    plan = TablePlan(shapes, specs)
    for value in VALUES:
        for panel, found in zip(panels, visit_maps(plan, panels, value), strict=True):
            assert np.array_equal(found, reduced(canvas[panel.data_idx], panel, value))


@pytest.mark.parametrize("name", ["sequential", "tiled", "whole"])
@few
@given(data=st.data())
def test_pictures_of_grids_equal_the_canvas(name, data, tmp_path_factory):
    """Without a row and without a canvas, in parts so small that every edge is crossed."""
    shapes, config = data.draw(setups(name))
    if name != "whole" and data.draw(st.booleans()):
        config |= {"multiple_of": 1}
    patching = create_patching(shapes, config)
    path = tmp_path_factory.mktemp("grid") / "plan.parquet"
    plan = open_plan(write(path, shapes, patching, config, rows=False))
    canvas = canvases(shapes, patching.get_patch_specs())
    panels = panels_of(shapes, 9, data.draw(sides))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids, "MAX_PATCHES", data.draw(st.sampled_from([1, 20, 10**6])))
        for value in VALUES:
            for panel, found in zip(panels, visit_maps(plan, panels, value), strict=True):
                assert np.array_equal(found, reduced(canvas[panel.data_idx], panel, value))


@every_strategy
@few
@given(data=st.data())
def test_windows_and_blocks_and_wide_numbers_change_nothing(name, data):
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    panels = panels_of(shapes, 9, data.draw(sides))
    plan = TablePlan(shapes, specs)
    rows = PlanRows(plan, max_held=data.draw(st.sampled_from([1, 2, 5, 1000])))
    for which in ("min", "max"):
        expected = visit_maps(plan, panels, which)
        found = extremes(rows, panels, which, max_cells=data.draw(st.sampled_from([1, 2, 3, 7, 50])))
        assert all(map(np.array_equal, found, expected))
    sums = [Sums(rows, panels), Sums(rows, panels, exact=0)]
    for one in sums:
        for piece in rows.pieces():
            one.add(piece.specs)
    assert all(map(np.array_equal, sums[0].finish(), sums[1].finish()))


@given(st.integers(1, 60), st.integers(1, 20), st.data())
def test_patches_begun_are_counted_where_they_begin(size, patch, data):
    axis = GridAxis(size, patch, data.draw(st.integers(0, patch - 1)), data.draw(st.booleans()))
    factor = data.draw(st.integers(1, size))
    starts = axis.starts(np.arange(axis.n))
    expected = np.bincount(starts // factor, minlength=-(-size // factor))
    assert np.array_equal(grids.axis_picture(axis, factor).begun, expected)


@example(3, 5)
@given(st.integers(1, 6), st.integers(1, 12))
def test_first_samples_of_all_images_come_first(n_images, most):
    shapes = [(3, 1, 40, 90)] * n_images
    panels = panels_of(shapes, most, 30)
    assert len(panels) == min(most, 3 * n_images)
    assert {panel.data_idx for panel in panels if panel.sample_idx == 0} == set(range(min(most, n_images)))
    assert panels == sorted(panels)
    assert all(max(panel.shape) <= 30 for panel in panels)


def test_a_picture_of_10_to_the_18_pixels_is_exact_and_costs_nothing(tmp_path):
    shapes, config = [(1, 1, 10**9, 10**9)], {"name": "tiled", "patch_size": 1000, "overlaps": 200}
    patching = create_patching(shapes, config)
    small = create_patching([(1, 1, 10, 10)], config)
    write(tmp_path / "plan.parquet", [(1, 1, 10, 10)], small, config, rows=False)
    panel = Panel(0, 0, (10**9, 10**9), 10**6)
    axis = patching.grid_axes(0)[0]  # type: ignore[attr-defined]
    solved = grids.axis_picture(axis, panel.factor)
    assert solved.sum.sum() == 1000 * axis.n
    assert (solved.min.min(), solved.max.max()) == (1, 2)
    assert Panel(0, 0, (10**6, 10**9, 10**9), 10**9).areas().tolist() == [[10**24]]

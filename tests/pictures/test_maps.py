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
from patchplan.pictures.maps import coarser, visit_maps
from patchplan.pictures.panels import Panel, in_step, panels_of
from patchplan.pictures.sums import Sums
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import open_plan
from tests.coverage.canvas import TablePlan, canvases, write
from tests.laws.test_contract import every_strategy, setups

REDUCE: dict[str, Any] = {"mean": np.mean, "min": np.min, "max": np.max}
VALUES: tuple[MapValue, ...] = ("mean", "min", "max")
sides = st.sampled_from([1, 2, 3, 5, 8, 1000])
steps = st.tuples(st.integers(1, 20), st.integers(1, 20))
few = settings(max_examples=10)


def reduced(canvas, panel, value):
    """The obvious way: one picture pixel after the other."""
    volume = canvas[panel.sample_idx].reshape(-1, *canvas.shape[-2:])
    found, (down, across) = np.zeros(panel.shape), panel.block
    for i, j in np.ndindex(panel.shape):
        found[i, j] = REDUCE[value](volume[:, i * down : (i + 1) * down, j * across : (j + 1) * across])
    return found


@every_strategy
@few
@given(data=st.data())
def test_pictures_of_tables_equal_the_canvas(name, data):
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    canvas = canvases(shapes, specs)
    panels = panels_of(shapes, data.draw(st.integers(1, 9)), data.draw(sides), data.draw(steps))
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
    panels = panels_of(shapes, 9, data.draw(sides), data.draw(steps))
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
    panels = panels_of(shapes, 9, data.draw(sides), data.draw(steps))
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


@given(st.integers(1, 500), st.integers(1, 40), st.data())
def test_picture_pixels_in_step_with_a_grid_show_it_without_a_beat(size, patch, data):
    """Away from its ends all pixels of a coarse map are alike, in as many kinds as strides have pixels."""
    axis = GridAxis(size, patch, data.draw(st.integers(0, patch - 1)))
    n = data.draw(st.integers(axis.stride, 3 * axis.stride))
    block = in_step(n, axis.stride)
    assert n <= block < 2 * n
    sums = grids.axis_picture(axis, block).sum
    inside = sums[-(-patch // block) : axis.last_start // block]
    assert len(set(inside.tolist())) <= 1


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_step_is_a_multiple_or_a_divisor_of_the_stride_or_as_it_was(n, stride):
    found = in_step(n, stride)
    assert found == n or (n < found < 2 * n and (stride % found == 0 or found % stride == 0))


@every_strategy
@few
@given(data=st.data())
def test_coarser_maps_are_means_of_the_canvas_too(name, data):
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    canvas = canvases(shapes, specs)
    strides = data.draw(steps)
    panels = panels_of(shapes, 9, data.draw(sides), strides)
    for panel, found in zip(panels, visit_maps(TablePlan(shapes, specs), panels), strict=True):
        coarse, means = coarser(panel, found, data.draw(sides), strides)
        assert np.allclose(means, reduced(canvas[panel.data_idx], coarse, "mean"), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("config", "strides"),
    [
        ({"name": "tiled", "patch_size": [64, 48], "overlaps": [16, 8]}, (48, 40)),
        ({"name": "sequential", "patch_size": 64}, (64, 64)),
        ({"name": "random", "patch_size": 64, "seed": 1}, (1, 1)),
    ],
)
def test_strides_are_those_of_the_config(tmp_path, config, strides):
    shapes = [(1, 1, 200, 300)]
    plan = open_plan(write(tmp_path / "p.parquet", shapes, create_patching(shapes, config), config))
    assert grids.grid_strides(plan) == strides


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
    axis = patching.grid_axes(0)[0]  # type: ignore[attr-defined]
    solved = grids.axis_picture(axis, 10**6)
    assert solved.sum.sum() == 1000 * axis.n
    assert (solved.min.min(), solved.max.max()) == (1, 2)
    assert Panel(0, 0, (10**6, 10**9, 10**9), (10**9, 10**9)).areas().tolist() == [[10**24]]

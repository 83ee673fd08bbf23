"""Coverage equals the obvious way, a canvas of zeros and += 1, for every registered strategy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patchplan.core.specs import SpecTable
from patchplan.coverage.rows import PlanRows
from patchplan.coverage.tables import count_rows
from patchplan.coverage.visits import summarise
from patchplan.patching import create_patching
from tests.coverage.canvas import TablePlan, canvases, histogram_of
from tests.laws.test_contract import every_strategy, setups

MANY = 10**6
bands = st.sampled_from([1, 2, 3, 7, 50, 10**6])
windows = st.sampled_from([1, 2, 5, 1000])


def painted(placed, image):
    """The boxes found, painted on a canvas S (Z) Y X by += 1."""
    canvas = np.zeros((image.n_samples, *image.size), np.int64)
    for sample_idx, (start, stop) in placed:
        canvas[(sample_idx, *(slice(a, b) for a, b in zip(start, stop, strict=True)))] += 1
    return canvas


def check(shapes, specs, max_cells, max_held, *, kept=False):
    """Count rows in bands and windows of these sizes, and compare with the canvas."""
    rows = PlanRows(TablePlan(shapes, specs), max_held=max_held)
    images = count_rows(rows, MANY, kept=kept, max_cells=max_cells)
    for image, canvas in zip(images, canvases(shapes, specs, kept=kept), strict=True):
        assert image.histogram == histogram_of(canvas)
        assert np.array_equal(painted(image.zeros, image), canvas == 0)
        if kept:
            assert np.array_equal(painted(image.doubles, image), canvas > 1)
        for sample in image.samples:
            assert sample.histogram == histogram_of(canvas[sample.sample_idx])
        figures = summarise(image.histogram)
        assert (figures.min, figures.max) == (canvas.min(), canvas.max())
        assert figures.mean == pytest.approx(canvas.mean())
        assert figures.std == pytest.approx(canvas.std())
        assert figures.uncovered_fraction == (canvas == 0).mean()
    assert sum(image.n_patches for image in images) == len(specs)
    return images


@every_strategy
@settings(max_examples=25)
@given(data=st.data())
def test_visits_and_uncovered_boxes_equal_the_obvious_way(name, data):
    """In bands and windows so small that every edge is crossed."""
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    images = check(shapes, specs, data.draw(bands), data.draw(windows))
    counts = np.bincount(specs.data_idx, minlength=len(shapes)).tolist()
    assert [image.n_patches for image in images] == counts


@settings(max_examples=25)
@given(data=st.data())
def test_kept_parts_equal_the_obvious_way_for_any_table(data):
    """Tiles drawn at will, their kept parts too: gaps and doubles are where the canvas has them."""
    ndim = data.draw(st.integers(2, 3))
    size = data.draw(st.tuples(*[st.integers(1, 12 if ndim == 2 else 6)] * ndim))
    shapes = [(data.draw(st.integers(1, 3)), 1, *size)] * 2
    rows = [draw_tile(data.draw, size, shapes[0][0]) for _ in range(data.draw(st.integers(1, 12)))]
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows], np.int64) for name in rows[0]}
    specs = SpecTable(**columns)
    max_cells, max_held = data.draw(bands), data.draw(windows)
    check(shapes, specs, max_cells, max_held)
    check(shapes, specs, max_cells, max_held, kept=True)


def draw_tile(draw, size, n_samples):
    stitch = [draw(st.integers(0, n - 1)) for n in size]
    kept = [draw(st.integers(1, n - a)) for n, a in zip(size, stitch, strict=True)]
    lead = [draw(st.integers(0, a)) for a in stitch]
    return {
        "data_idx": draw(st.integers(0, 1)),
        "sample_idx": draw(st.integers(0, n_samples - 1)),
        "coords": [a - b for a, b in zip(stitch, lead, strict=True)],
        "patch_size": [a + b + draw(st.integers(0, 4)) for a, b in zip(kept, lead, strict=True)],
        "crop_coords": lead,
        "crop_size": kept,
        "stitch_coords": stitch,
        "total_tiles": 1,
    }


@given(data=st.data())
def test_in_2d_boxes_do_not_depend_on_bands_and_windows(data):
    name = data.draw(st.sampled_from(["random", "fixed_random"]))
    shapes, config = data.draw(setups(name))
    assume(len(shapes[0]) == 4)
    specs = create_patching(shapes, config).get_patch_specs()
    plain, cut = (
        [image.zeros for image in count_rows(PlanRows(TablePlan(shapes, specs), max_held=held), most, kept=False,
                                             max_cells=cells)]
        for most in (data.draw(st.integers(0, 9)),)
        for held, cells in ((MANY, MANY), (data.draw(windows), data.draw(bands)))
    )  # fmt: skip
    assert plain == cut


def test_the_first_boxes_are_the_first_of_all():
    shapes = [(3, 1, 20, 20)]
    specs = create_patching(shapes, {"name": "random", "patch_size": 5, "seed": 1}).get_patch_specs()
    rows = PlanRows(TablePlan(shapes, specs))
    every = count_rows(rows, MANY, kept=False)[0].zeros
    assert len(every) > 4
    for most in range(len(every) + 2):
        assert count_rows(rows, most, kept=False)[0].zeros == every[:most]


def test_a_gap_is_one_box_however_many_bands_it_crosses():
    shapes = [(1, 1, 100, 100)]
    rows = [{"data_idx": 0, "sample_idx": 0, "coords": (0, x), "patch_size": (100, n)} for x, n in ((0, 30), (40, 60))]
    specs = create_patching(shapes, {"name": "fixed", "fixed_patch_specs": rows}).get_patch_specs()
    for max_cells in (1, 2, MANY):
        image = count_rows(PlanRows(TablePlan(shapes, specs)), 20, kept=False, max_cells=max_cells)[0]
        assert image.zeros == [(0, ((0, 30), (100, 40)))]


def test_sizes_beyond_32_bits_and_beyond_exact_floats_are_counted():
    """Two boxes on an image of 2**80 pixels; every number is exact."""
    side = 2**40
    rows: list[Any] = [
        {"data_idx": 0, "sample_idx": 0, "coords": (5, 7), "patch_size": (side, 11)},
        {"data_idx": 0, "sample_idx": 0, "coords": (0, 0), "patch_size": (6, 8)},
    ]
    shapes = [(1, 1, side, side)]
    specs = create_patching(shapes, {"name": "fixed", "fixed_patch_specs": rows}).get_patch_specs()
    image = count_rows(PlanRows(TablePlan(shapes, specs)), 20, kept=False)[0]
    once = (side - 5) * 11 + 6 * 8 - 2
    assert image.histogram == {0: side * side - once - 1, 1: once, 2: 1}


def test_samples_without_patches_cost_nothing():
    shapes = [(10**12, 1, 10, 10)]
    rows: Any = [{"data_idx": 0, "sample_idx": 10**11, "coords": (0, 0), "patch_size": (10, 10)}]
    specs = create_patching(shapes, {"name": "fixed", "fixed_patch_specs": rows}).get_patch_specs()
    image = count_rows(PlanRows(TablePlan(shapes, specs)), 3, kept=False)[0]
    assert image.histogram == {0: (10**12 - 1) * 100, 1: 100}
    assert [box.sample_idx for box in image.zeros] == [0, 1, 2]
    assert [sample.sample_idx for sample in image.samples] == list(range(100))

"""Where tiles go along one axis of an output, at any scale."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patchplan.core.grid import GridAxis
from patchplan.core.placing import Kept, ScaledAxis, place
from patchplan.errors import ShapeError

SCALES = st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3, 2), Fraction(1, 4)])


@st.composite
def grids(draw):
    """A grid of which all starts and cuts fall on whole pixels of the output."""
    scale = draw(SCALES)
    step = scale.denominator
    patch = step * draw(st.integers(2, 20))
    half = step * draw(st.integers(0, (patch // step - 1) // 2))
    size = draw(st.integers(1, 200))
    return scale, GridAxis(size, patch, 2 * half, overhang=True)


def kept_of(grid: GridAxis, *, only: bool, alone: bool) -> Kept:
    i = np.arange(grid.n)
    cuts = grid.cuts(i)
    return Kept(cuts - grid.starts(i), cuts, grid.cuts(i + 1), only, np.full(grid.n, alone))


def place_grid(grid, scale, *, margin=0, kept=None):
    axis = ScaledAxis("Y", grid.size, scale)
    i = np.arange(grid.n)
    return axis, place(axis, grid.starts(i), np.full(grid.n, grid.patch), margin, kept)


@given(grids(), st.booleans())
def test_what_is_kept_partitions_an_output_of_any_scale(case, alone):
    scale, grid = case
    axis, places = place_grid(grid, scale, kept=kept_of(grid, only=True, alone=alone))
    assert axis.n == ceil(grid.size * scale)
    visits = np.zeros(axis.n, int)
    for start, stop in zip(places.start, places.stop, strict=True):
        visits[start:stop] += 1
    assert (visits == 1).all()


@given(grids())
def test_what_is_used_of_a_tile_lies_in_the_tile_and_in_the_output(case):
    scale, grid = case
    for kept in (None, kept_of(grid, only=False, alone=False), kept_of(grid, only=True, alone=False)):
        axis, places = place_grid(grid, scale, kept=kept)
        assert (places.start >= places.origin).all()
        assert (places.stop <= places.origin + places.length).all()
        assert (places.start >= 0).all()
        assert (places.stop <= axis.n).all()


@given(grids(), st.integers(1, 4))
def test_a_margin_takes_its_pixels_from_either_side(case, margin):
    scale, grid = case
    assume(grid.patch * scale > 2 * margin)
    axis, places = place_grid(grid, scale, margin=margin)
    _, whole = place_grid(grid, scale)
    assert (places.origin == whole.origin + margin).all()
    assert (places.start == whole.start + margin).all()
    assert (places.stop == np.minimum(whole.read + whole.length - margin, axis.n)).all()


def test_a_margin_wider_than_the_halo_is_refused_inside_the_image_only():
    grid = GridAxis(40, 16, 4)
    place_grid(grid, Fraction(1), margin=2, kept=kept_of(grid, only=True, alone=False))
    with pytest.raises(ShapeError, match=r"--margin 3 on Y: tiles hold 3 to 13, but 0 to 14 is kept"):
        place_grid(grid, Fraction(1), margin=3, kept=kept_of(grid, only=True, alone=False))


def test_a_start_between_two_pixels_of_the_output_is_refused_naming_multiple_of():
    with pytest.raises(ShapeError, match=r"--scale 1/2 on Y: coords 3 .* multiple_of 2"):
        place(ScaledAxis("Y", 40, Fraction(1, 2)), np.array([0, 3]), np.array([8, 8]), 0, None)


def test_the_end_of_an_odd_image_becomes_the_end_of_the_output():
    axis = ScaledAxis("X", 101, Fraction(1, 2))
    assert axis.n == 51
    assert axis.ends(np.array([50, 101]), "end").tolist() == [25, 51]
    with pytest.raises(ShapeError, match=r"--scale 1/2 on X: end 51 does not fall on a whole pixel"):
        axis.ends(np.array([51]), "end")

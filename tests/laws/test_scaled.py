"""An image and its companion at the same or a lower resolution."""

from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.core.scaled import ScaledAxis, box_sums, scaled_axes
from patchplan.errors import ShapeError

AXES = st.integers(1, 200).flatmap(lambda size: st.builds(ScaledAxis, st.just(size), st.integers(1, size)))


@st.composite
def boxes_of_axes(draw):
    """Axes, values of a companion, and boxes in the image, not empty."""
    sizes = draw(st.lists(st.integers(1, 30), min_size=2, max_size=3))
    axes = tuple(ScaledAxis(size, draw(st.integers(1, size))) for size in sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from([bool, np.uint8, np.int16]))
    values = rng.integers(0, 2 if kind is bool else 100, [axis.n for axis in axes]).astype(kind)
    starts = rng.integers(0, sizes, (20, len(sizes)))
    stops = starts + 1 + rng.integers(0, np.array(sizes) - starts)
    return axes, values, starts, stops


def enlarged(axes, values):
    """The companion at the image's resolution, the obvious way."""
    return values[np.ix_(*[[at * axis.n // axis.size for at in range(axis.size)] for axis in axes])]


@given(AXES)
def test_the_runs_of_companion_pixels_partition_the_image(axis):
    pixels = axis.pixel(np.arange(axis.size))
    firsts = axis.first(np.arange(axis.n + 1))
    assert firsts[0] == 0
    assert firsts[-1] == axis.size
    runs = np.diff(firsts)
    assert np.array_equal(np.repeat(np.arange(axis.n), runs), pixels)
    assert set(runs.tolist()) <= {floor(axis.size / axis.n), ceil(axis.size / axis.n)}


@given(AXES, st.data())
def test_plain_ints_and_arrays_agree(axis, data):
    at, pixel = data.draw(st.integers(0, axis.size - 1)), data.draw(st.integers(0, axis.n))
    assert axis.pixel(at) == axis.pixel(np.array([at]))[0]
    assert axis.first(pixel) == axis.first(np.array([pixel]))[0]


@given(AXES, st.data())
def test_a_span_holds_the_pixels_of_a_box_and_no_more(axis, data):
    start = data.draw(st.integers(0, axis.size - 1))
    stop = data.draw(st.integers(start + 1, axis.size))
    low, high = axis.span(start, stop)
    assert set(range(low, high)) == {axis.pixel(at) for at in range(start, stop)}


@given(boxes_of_axes())
def test_sums_are_those_of_the_enlarged_companion(case):
    axes, values, starts, stops = case
    image = enlarged(axes, values)
    boxes = [tuple(map(slice, start, stop)) for start, stop in zip(starts, stops, strict=True)]
    assert box_sums(axes, values, starts, stops).tolist() == [int(image[box].sum()) for box in boxes]


@given(boxes_of_axes())
def test_a_part_of_the_companion_gives_the_same_sums(case):
    axes, values, starts, stops = case
    spans = [axis.span(int(low), int(high)) for axis, low, high in zip(axes, starts.min(0), stops.max(0), strict=True)]
    part = values[tuple(slice(*span) for span in spans)]
    found = box_sums(axes, part, starts, stops, [low for low, _ in spans])
    assert np.array_equal(found, box_sums(axes, values, starts, stops))


@given(st.lists(st.integers(1, 500), min_size=2, max_size=2), st.floats(1, 64), st.data())
def test_an_image_divided_by_one_factor_is_allowed(size, factor, data):
    small = tuple(max(1, data.draw(st.sampled_from([floor, ceil]))(pixels / factor)) for pixels in size)
    assert [axis.n for axis in scaled_axes(tuple(size), small)] == list(small)


def test_z_may_have_a_factor_of_its_own():
    assert [axis.n for axis in scaled_axes((40, 512, 512), (40, 128, 128))] == [40, 128, 128]
    assert [axis.n for axis in scaled_axes((40, 512, 512), (10, 512, 512))] == [10, 512, 512]


@pytest.mark.parametrize(
    ("size", "small"),
    [
        pytest.param((512, 512), (1024, 1024), id="larger"),
        pytest.param((512, 512), (256, 128), id="another factor per axis"),
        pytest.param((512, 256), (256, 512), id="turned"),
        pytest.param((512, 512), (510, 512), id="cropped"),
        pytest.param((8, 512, 512), (9, 512, 512), id="more slices"),
        pytest.param((512, 512), (0, 512), id="empty"),
        pytest.param((8, 512, 512), (512, 512), id="no Z"),
    ],
)
def test_what_cannot_be_the_same_field_is_refused_with_both_sizes(size, small):
    shapes = "{}, that of the image {}".format(*(" x ".join(map(str, shape)) for shape in (small, size)))
    with pytest.raises(ShapeError, match=shapes):
        scaled_axes(size, small)

"""Axes to S C (Z) Y X, against transposed NumPy arrays."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patchplan.errors import ImageError
from patchplan.images.layout import parse_override, resolve, sample_notes


@st.composite
def axes_and_shape(draw: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    """Axes with Y and X, any others, and up to two channel axes."""
    others = draw(st.lists(st.sampled_from(["T", "Q", "I", "C", "CC", "Z"]), unique=True, max_size=4))
    if "C" in others and "CC" in others:
        others.remove("CC")
    letters = draw(st.permutations(list("YX" + "".join(others))))
    shape = tuple(draw(st.integers(1, 4)) for _ in letters)
    return "".join(letters), shape


@given(axes_and_shape(), st.booleans(), st.data())
@example(("CTYXC", (2, 3, 4, 4, 3)), False, None)
def test_boxes_of_a_layout_equal_the_transposed_array(
    case: tuple[str, tuple[int, ...]], z_as_samples: bool, data: st.DataObject | None
) -> None:
    axes, shape = case
    pixels = np.arange(np.prod(shape)).reshape(shape)
    layout = resolve(axes, shape, z_as_samples=z_as_samples)
    spatial = "ZYX" if layout.ndim == 3 else "YX"
    channels = [i for i, letter in enumerate(axes) if letter == "C"]
    space = [axes.index(letter) for letter in spatial]
    samples = [i for i in range(len(axes)) if i not in channels and i not in space]
    expected = pixels.transpose(*samples, *channels, *space).reshape(layout.data_shape)
    wanted = None
    if data is not None:
        n_channels = layout.n_channels
        wanted = data.draw(st.none() | st.lists(st.integers(0, n_channels - 1), min_size=1, max_size=4))
    whole = [slice(0, n) for n in layout.data_shape[2:]]
    for sample in range(layout.data_shape[0]):
        parts = [layout.to_data(pixels[box]) for box in layout.boxes(sample, whole, wanted)]
        chosen = expected[sample] if wanted is None else expected[sample][wanted]
        np.testing.assert_array_equal(np.concatenate(parts), chosen)


REFUSED = {
    "2-D of a volume": ("ZYX", (3, 4, 5), 2, r"Z of size 3, 2 spatial axes are asked for; .*--z-as-samples"),
    "3-D of unknown depth": ("QYX", (3, 4, 5), 3, r"have no Z, 3 spatial axes are asked for; .*--axes ZYX"),
    "3-D of a plane": ("YX", (4, 5), 3, r"have no Z, 3 spatial axes are asked for; give 2"),
    "four spatial axes": ("YX", (4, 5), 4, r"allowed are 2 and 3"),
    "no X": ("ZY", (4, 5), None, r"must have X exactly once"),
    "Y twice": ("YYX", (4, 5, 5), None, r"must have Y exactly once"),
    "Z twice": ("ZZYX", (4, 5, 5, 5), None, r"must have Z at most once"),
    "an empty axis": ("TYX", (0, 5, 5), None, r"axis T has size 0"),
    "a missing letter": ("YX", (2, 5, 5), None, r"2 letters for 3 axes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layout_refuses(name: str) -> None:
    axes, shape, ndim, message = REFUSED[name]
    with pytest.raises(ImageError, match=message):
        resolve(axes, shape, ndim=ndim)


def test_z_of_one_is_dropped_in_2d_and_kept_in_3d() -> None:
    assert resolve("TZYX", (2, 1, 4, 5)).data_shape == (2, 1, 4, 5)
    assert resolve("TZYX", (2, 1, 4, 5), ndim=2).data_shape == (2, 1, 4, 5)
    assert resolve("TZYX", (2, 1, 4, 5), ndim=3).data_shape == (2, 1, 1, 4, 5)


BAD_OVERRIDES = {"YX": r"2 letters for shape", "ZYY": r"X and Y once", "CCYX": r"letters for shape", "1YX": r"allowed"}


@pytest.mark.parametrize("text", BAD_OVERRIDES)
def test_override_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match=BAD_OVERRIDES[text]):
        parse_override(text, (3, 4, 5), "QYX")


def test_override_is_taken_in_any_case() -> None:
    assert parse_override("zyx", (3, 4, 5), "QYX") == "ZYX"
    assert parse_override("s,y,x", (3, 4, 5), None) == "SYX"


def test_unknown_letters_are_noted_with_how_to_say_otherwise() -> None:
    assert sample_notes("QYX", False) == ("axes QYX: Q is read as samples; say otherwise with --axes ZYX",)
    assert sample_notes("TYX", False) == ()
    assert sample_notes("QYX", True) == ()

"""What `ImageSource.read` takes, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import ConfigError, ShapeError
from patchplan.images import ImageSource, open_image


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    path = tmp_path_factory.mktemp("arguments") / "a.npy"
    np.save(path, np.arange(3 * 20 * 30, dtype="u2").reshape(3, 20, 30))
    return open_image(path, axes="CYX")


INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_integers_of_every_kind_mean_the_same(source: ImageSource, data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(INTEGERS)))
    lowest = 0 if dtype.kind == "u" else -9
    coords = [data.draw(st.integers(lowest, 40)) for _ in "yx"]
    size = [data.draw(st.integers(1, 40)) for _ in "yx"]
    mode: Any = data.draw(st.sampled_from(["constant", "reflect", "edge"]))
    expected = source.read(0, coords, size, [2, 0], pad_mode=mode)
    given_as: Any = [np.array(values, dtype) for values in (0, coords, size, [2, 0])]
    found = source.read(given_as[0][()], *given_as[1:], pad_mode=mode)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, (0, 0), (2, 2)), r"a\.npy: sample \(0\.0,\) asked for; allowed are integers"),
        ((0, (0, 1.5), (2, 2)), r"a\.npy: coords \(0, 1\.5\) asked for; allowed are integers"),
        ((0, (0, 0), np.array([2.0, 2.0])), r"size \[2\. 2\.\] asked for; allowed are integers"),
        ((0, (0, 0), 2), r"size 2 asked for; allowed are integers"),
        ((0, (0, 0), (2, 2), ["0"]), r"channels \['0'\] asked for; allowed are integers"),
    ],
)
def test_what_is_no_integer_is_refused(arguments: Any, message: str, source: ImageSource) -> None:
    with pytest.raises(ShapeError, match=message):
        source.read(*arguments)


def test_unknown_pad_mode_is_refused(source: ImageSource) -> None:
    with pytest.raises(ConfigError, match=r"pad_mode: found 'wrap'; allowed: constant, reflect, edge"):
        source.read(0, (0, 0), (2, 2), pad_mode="wrap")  # type: ignore[arg-type]

"""Blending windows: the formulas, symmetric, above 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.core.windows import WINDOWS, window

NAMES = st.sampled_from(sorted(WINDOWS))
SIZES = st.integers(1, 300)


@given(NAMES, SIZES)
def test_every_window_is_symmetric_and_nowhere_0(name, n):
    found = window(name, n)
    assert found.shape == (n,)
    assert np.array_equal(found, found[::-1])
    assert found.min() > 0
    assert found.max() <= 1 + 1e-12


@pytest.mark.parametrize(
    ("name", "n", "expected"),
    [
        ("average", 3, [1, 1, 1]),
        ("linear", 5, [0.2, 0.6, 1, 0.6, 0.2]),
        ("cosine", 2, [np.sqrt(0.5), np.sqrt(0.5)]),
        ("hann", 4, [np.sin(np.pi / 8) ** 2, np.sin(3 * np.pi / 8) ** 2] * 2),
        ("gaussian", 8, np.exp(-((np.arange(8) - 3.5) ** 2) / 2)),
    ],
)
def test_windows_are_those_of_the_formulas(name, n, expected):
    wanted = np.array(expected)
    if name == "hann":
        wanted = np.concatenate([wanted[:2], wanted[:2][::-1]])
    np.testing.assert_allclose(window(name, n), wanted, rtol=1e-14)


@given(NAMES, SIZES)
def test_a_window_rises_towards_its_middle(name, n):
    half = window(name, n)[: (n + 1) // 2]
    assert (np.diff(half) >= -1e-15).all()

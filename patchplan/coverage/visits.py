"""Histograms of visits, as plain ints of any size: how many pixels are visited how often."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import product
from math import isqrt, sqrt
from typing import NamedTuple

Histogram = dict[int, int]
"""Pixels by number of visits."""


def add(total: Histogram, more: Histogram, times: int = 1) -> None:
    """Add a histogram to another in place."""
    for visits, pixels in more.items():
        if pixels and times:
            total[visits] = total.get(visits, 0) + pixels * times


def multiply(axes: Iterable[Histogram]) -> Histogram:
    """Return the histogram of a product of axes: a pixel is visited as often as its axes' counts multiply to.

    Examples
    --------
    >>> multiply([{1: 6, 2: 4}, {1: 3}, {1: 1, 2: 1}])
    {1: 18, 2: 30, 4: 12}
    """
    total: Histogram = {1: 1}
    for axis in axes:
        pairs, total = product(total.items(), axis.items()), {}
        for (a, n), (b, m) in pairs:
            total[a * b] = total.get(a * b, 0) + n * m
    return total


class Summary(NamedTuple):
    """Figures of a histogram, each the exact value rounded once."""

    min: int
    max: int
    mean: float
    std: float
    uncovered_fraction: float


def summarise(histogram: Histogram) -> Summary:
    """Return the figures of a histogram that has at least one pixel.

    Examples
    --------
    >>> summarise({0: 1, 1: 2, 2: 1})
    Summary(min=0, max=2, mean=1.0, std=0.7071067811865476, uncovered_fraction=0.25)
    """
    n = sum(histogram.values())
    first = sum(visits * pixels for visits, pixels in histogram.items())
    second = sum(visits * visits * pixels for visits, pixels in histogram.items())
    present = [visits for visits, pixels in histogram.items() if pixels]
    mean, std = first / n, _root(Fraction(n * second - first * first, n * n))
    return Summary(min(present), max(present), mean, std, histogram.get(0, 0) / n)


def _root(value: Fraction) -> float:
    """Return the square root, also of a fraction whose parts are larger than floats are."""
    try:
        return sqrt(value)
    except OverflowError:
        return float(isqrt(int(value)))

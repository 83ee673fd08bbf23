"""An image and its companion: a mask, label image or map of the same field at the same or a lower resolution.

Image pixel x belongs to companion pixel floor(x * n / size), so that every companion pixel owns a run of
floor or ceil of size / n image pixels, and all runs together are the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError

IntOrArray = TypeVar("IntOrArray", int, IntArray)


@dataclass(frozen=True, slots=True)
class ScaledAxis:
    """One axis: `size` pixels of an image, `n` of its companion, 1 <= n <= size; size * n < 2**63.

    Examples
    --------
    >>> axis = ScaledAxis(size=10, n=4)
    >>> axis.pixel(np.arange(10)).tolist(), axis.first(np.arange(5)).tolist()
    ([0, 0, 0, 1, 1, 2, 2, 2, 3, 3], [0, 3, 5, 8, 10])
    """

    size: int
    n: int

    def pixel(self, at: IntOrArray) -> IntOrArray:
        """Return the companion pixel that an image pixel belongs to."""
        return at if self.n == self.size else at * self.n // self.size

    def first(self, pixel: IntOrArray) -> IntOrArray:
        """Return the first image pixel of a companion pixel; the size of the image for `n`."""
        return pixel if self.n == self.size else -(-pixel * self.size // self.n)

    def span(self, start: IntOrArray, stop: IntOrArray) -> tuple[IntOrArray, IntOrArray]:
        """Return the half-open range of companion pixels that hold image pixels [start, stop), not empty."""
        return self.pixel(start), self.pixel(stop - 1) + 1


def scaled_axes(size: Shape, small: Shape) -> tuple[ScaledAxis, ...]:
    """Return the axes of an image of `size` and a companion of `small` pixels, (Z)YX.

    Y and X must have one factor f >= 1 in common, by which both were divided and rounded up or down; Z may
    have another.

    Raises
    ------
    ShapeError
        If the companion cannot be the same field at the same or a lower resolution.

    Examples
    --------
    >>> [axis.n for axis in scaled_axes((1001, 501), (250, 126))]
    [250, 126]
    """
    fits = len(size) == len(small) and all(1 <= n <= pixels for pixels, n in zip(size, small, strict=True))
    if not fits or not _have_one_factor(size[-2:], small[-2:]):
        letters, found = " ".join(spatial_axes(len(small))), " x ".join(map(str, small))
        raise ShapeError(
            f"{letters} is {found}, that of the image {' x '.join(map(str, size))}; "
            "allowed: the same size, or smaller by one factor on Y and X"
        )
    return tuple(ScaledAxis(pixels, n) for pixels, n in zip(size, small, strict=True))


def _have_one_factor(size: Shape, small: Shape) -> bool:
    """Tell whether one f gives floor or ceil of size / f on every axis: n - 1 < size / f < n + 1."""
    pairs = list(zip(size, small, strict=True))
    highest = [Fraction(pixels, n - 1) for pixels, n in pairs if n > 1]
    return not highest or max(Fraction(pixels, n + 1) for pixels, n in pairs) < min(highest)


def box_sums(
    axes: Sequence[ScaledAxis],
    values: NDArray[Any],
    starts: IntArray,
    stops: IntArray,
    origin: Sequence[int] | None = None,
) -> IntArray:
    """Return the sum over the image pixels of boxes, each pixel with the value of its companion pixel; exact.

    Parameters
    ----------
    axes : sequence of ScaledAxis
    values : NDArray
        Part of the companion, bool or integers, (Z)YX, with `origin` (default 0) the first of its pixels. Its
        sum over image pixels must be below 2**63.
    starts, stops : IntArray
        Half-open boxes in image pixels, shape (n, ndim), whose companion pixels `values` holds.

    Returns
    -------
    IntArray
        Shape (n,).

    Examples
    --------
    >>> axes = scaled_axes((6, 6), (2, 2))
    >>> box_sums(axes, np.eye(2, dtype=bool), np.array([[0, 0]]), np.array([[5, 4]])).tolist()
    [11]
    """
    origin = [0] * len(axes) if origin is None else origin
    edges = [axis.first(np.arange(low, low + n + 1)) for axis, low, n in zip(axes, origin, values.shape, strict=True)]
    table = np.zeros([n + 1 for n in values.shape], np.int64)
    inner = table[(slice(1, None),) * values.ndim]
    inner[...] = values
    for axis, edge in enumerate(edges):
        inner *= np.diff(edge).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    for axis in range(values.ndim):
        np.cumsum(table, axis=axis, out=table)
    total = np.zeros(len(starts), np.int64)
    for corner in product((0, 1), repeat=values.ndim):
        at = [(stops if side else starts)[:, axis] for axis, side in enumerate(corner)]
        total += (-1) ** (values.ndim - sum(corner)) * _prefix(table, axes, edges, origin, at)
    return total


def _prefix(
    table: IntArray,
    axes: Sequence[ScaledAxis],
    edges: Sequence[IntArray],
    origin: Sequence[int],
    at: Sequence[IntArray],
) -> IntArray:
    """Return the sum over all image pixels before `at` on every axis, linear inside a companion pixel."""
    cells, within, widths = [], [], []
    for axis, edge, low, position in zip(axes, edges, origin, at, strict=True):
        cell = np.minimum(axis.pixel(position) - low, len(edge) - 2)
        cells.append(cell)
        within.append(position - edge[cell])
        widths.append(edge[cell + 1] - edge[cell])
    # Sums at the corners of the companion pixels, (2, ..., 2, n); one axis goes after the other.
    corners = product((0, 1), repeat=len(axes))
    sums = np.stack([table[tuple(map(np.add, cells, corner))] for corner in corners]).reshape(*[2] * len(axes), -1)
    for inside, width in zip(within, widths, strict=True):
        # A difference is a whole number of rows of `width` pixels: nothing is rounded.
        sums = sums[0] + inside * ((sums[1] - sums[0]) // width)
    return sums

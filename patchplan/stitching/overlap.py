"""Which part of each tile goes where in a box, as slices."""

from collections.abc import Iterator, Sequence
from itertools import chain, product, repeat

import numpy as np

from patchplan.core.placing import Placed
from patchplan.core.specs import IntArray

Slices = tuple[slice, ...]
ALL = slice(None)
MANY = 1 << 12
"""Tiles whose slices are made at once."""


class Overlap:
    """What of each tile lies in a box: `to` in the box, `source` in the tile; slices of C (Z) Y X.

    Made for many tiles at once, because a line of Python per tile costs as much as to copy a small tile: for
    part of a grid from those along each axis; else piece by piece, because slices take more memory than numbers.
    """

    def __init__(self, placed: Placed, start: Sequence[int], shape: Sequence[int]) -> None:
        first = np.array(start)
        self._placed = placed
        self._lo = np.maximum(placed.start, first)
        self._size = np.minimum(placed.stop, first + np.array(shape)) - self._lo
        self.to = self.within(first, ALL)
        self.source = self.within(placed.origin, ALL)

    def within(self, origin: IntArray, *before: slice) -> Iterator[Slices]:
        """Return slices relative to an origin, (k, ndim) or one for all, after those of axes `before` space."""
        begin = self._lo - origin
        end = begin + self._size
        if self._placed.grid is not None:
            axes = range(begin.shape[1])
            along = [map(slice, *(self._placed.along(one, i).tolist() for one in (begin, end))) for i in axes]
            return product(*([one] for one in before), *along)
        return chain.from_iterable(
            # `repeat` has no end
            zip(*map(repeat, before), *_slices(begin[rows], end[rows]), strict=False)
            for rows in _some(len(begin))
        )

    def tuples(self, columns: IntArray) -> Iterator[tuple[int, ...]]:
        """Return rows (k, ndim) as tuples of plain ints."""
        if self._placed.grid is not None:
            return product(*(self._placed.along(columns, i).tolist() for i in range(columns.shape[1])))
        return chain.from_iterable(map(tuple, columns[rows].tolist()) for rows in _some(len(columns)))


def _slices(begin: IntArray, end: IntArray) -> list[Iterator[slice]]:
    """Return the slices of each axis."""
    return [map(slice, begin[:, axis].tolist(), end[:, axis].tolist()) for axis in range(begin.shape[1])]


def _some(n: int) -> Iterator[slice]:
    """Yield the rows of a table in pieces."""
    return (slice(start, start + MANY) for start in range(0, n, MANY))

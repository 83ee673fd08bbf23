"""The blocks of an image that is filled by tiles in any order: which are written, which wait for tiles."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from patchplan.core.placing import Placed
from patchplan.core.specs import IntArray
from patchplan.stitching.places import GridPlaces, TilePlaces
from patchplan.stitching.work import Task


class Blocks:
    """The blocks of one image, and how many tiles each still waits for.

    `written` tells of each block (S, (Z), Y, X) whether it is written already.
    """

    def __init__(
        self, places: TilePlaces, spatial: Sequence[int], block: Sequence[int], written: NDArray[np.bool_]
    ) -> None:
        self.spatial, self.block = tuple(spatial), tuple(block)
        self.grid = written.shape[1:]
        self.waiting = np.broadcast_to(self._planned(places), written.shape).copy()
        self.written = written

    def _planned(self, places: TilePlaces) -> IntArray:
        if not isinstance(places, GridPlaces):
            bounds: IntArray = places.bounds  # type: ignore[attr-defined]
            return np.diff(bounds).reshape(-1, *self.grid)
        counts = np.ones((1,) * len(self.grid), np.int64)
        for axis, (n, size, pixels) in enumerate(zip(self.grid, self.block, self.spatial, strict=True)):
            starts = np.arange(n) * size
            one = places.axes[axis]
            first = np.searchsorted(one.stop, starts, side="right")
            last = np.searchsorted(one.start, np.minimum(starts + size, pixels), side="left")
            counts = counts * (last - first).reshape([-1 if i == axis else 1 for i in range(len(self.grid))])
        return counts

    def touched(self, start: Sequence[int], stop: Sequence[int]) -> tuple[slice, ...]:
        """Return the blocks that a box touches; none if it is empty."""
        if any(b <= a for a, b in zip(start, stop, strict=True)):
            return (slice(0, 0),) * len(self.grid)
        return tuple(slice(a // n, -(-b // n)) for a, b, n in zip(start, stop, self.block, strict=True))

    def has(self, sample_idx: IntArray, placed: Placed) -> NDArray[np.bool_]:
        """Return which tiles are in written blocks only, as those are that no pixel is taken of."""
        missing = np.pad((~self.written).astype(np.int64), [(0, 0)] + [(1, 0)] * len(self.grid))
        for axis in range(1, missing.ndim):
            missing = missing.cumsum(axis)
        size = np.array(self.block)
        first, last = placed.start // size, -(-placed.stop // size)
        empty = (placed.stop <= placed.start).any(axis=1)
        found = np.zeros(len(sample_idx), np.int64)
        for corner in product((0, 1), repeat=len(self.grid)):
            where = np.where(np.array(corner, np.bool_), last, first)
            found += (-1) ** (len(self.grid) - sum(corner)) * missing[(sample_idx, *where.T)]
        has: NDArray[np.bool_] = empty | (found == 0)
        return has

    def task(self, sample_idx: int, where: Sequence[int]) -> Task:
        """Return the box of a block."""
        start = tuple(i * n for i, n in zip(where, self.block, strict=True))
        stop = tuple(min(a + n, size) for a, n, size in zip(start, self.block, self.spatial, strict=True))
        return Task(0, sample_idx, start, stop)

"""Which region each index of a sample draws from, and which of its coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import CellGrid, FloatArray
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray

BoxBits = NDArray[np.uint8]
IntOrArray = TypeVar("IntOrArray", int, IntArray)


@dataclass(frozen=True, eq=False)
class Lottery:
    """Which region each of a sample's n indices draws from, and which of its coordinates.

    A region with weight w of W in all expects v = n w / W draws per epoch. `owners` names it floor(v) times:
    these indices always draw from it. The remainders v - floor(v) of all regions lie end to end on a line
    that is cut into unit intervals, one for each index left; `ends` is where each region's part ends.

    A draw takes a row of ndim + 2 uniform numbers: place on the line, sub-box, a coordinate per axis.
    """

    grid: CellGrid
    boxes: BoxBits
    owners: IntArray
    ends: FloatArray

    @classmethod
    def of(cls, grid: CellGrid, n: int, boxes: BoxBits, weights: FloatArray) -> "Lottery":
        """Share n > 0 indices out to regions by their `weights`, which are not all 0 and are overwritten."""
        last = weights.size - 1 - int(np.argmax(weights[::-1] > 0))
        total = weights.sum()
        # Multiplied before divided: n w is exact where no p is set, so that a whole v comes out whole.
        weights *= n
        weights /= total
        own = weights.astype(np.int64)
        weights -= own
        ends = np.cumsum(weights, out=weights)
        # Rounding may leave the line short of a whole interval: the last region with weight takes the rest.
        ends[last:] = np.inf
        return cls(grid, boxes, np.repeat(np.arange(own.size), own), ends)

    def draw(self, index: int, row: list[float]) -> Shape:
        """Return the coordinates that an index draws."""
        region = self._region(index, row[0])
        heads = self._heads(region)
        axes = zip(heads, self.grid.size, self.grid.patch, strict=True)
        tails = [min(patch - 1, size - patch - head) for head, size, patch in axes]
        counts = _box_counts(self.boxes.item(region), tails)
        target = row[1] * sum(counts)
        box = sum(target >= end for end in accumulate(counts[:-1]))
        return tuple(
            head + 1 + int(u * tail) if box >> axis & 1 else head
            for axis, (head, tail, u) in enumerate(zip(heads, tails, row[2:], strict=True))
        )

    def draw_many(self, indices: IntArray, rows: FloatArray) -> list[IntArray]:
        """Return what `draw` does for indices (n,) and rows (n, ndim + 2), as one column per axis."""
        regions = self._regions(indices, rows[:, 0])
        heads = self._heads(regions)
        axes = zip(heads, self.grid.size, self.grid.patch, strict=True)
        tails = [np.minimum(patch - 1, size - patch - head) for head, size, patch in axes]
        counts = _box_counts(self.boxes[regions], tails)
        target = rows[:, 1] * sum(counts)
        box = sum(target >= end for end in accumulate(counts[:-1]))
        return [
            head + (box >> axis & 1) * (1 + (u * tail).astype(np.int64))
            for axis, (head, tail, u) in enumerate(zip(heads, tails, rows[:, 2:].T, strict=True))
        ]

    def _region(self, index: int, place: float) -> int:
        shared = index - len(self.owners)
        return self.owners.item(index) if shared < 0 else int(self.ends.searchsorted(shared + place, "right"))

    def _regions(self, indices: IntArray, places: FloatArray) -> IntArray:
        regions = np.empty(len(indices), np.int64)
        owned = indices < len(self.owners)
        regions[owned] = self.owners[indices[owned]]
        shared = indices[~owned] - len(self.owners)
        regions[~owned] = self.ends.searchsorted(shared + places[~owned], "right")
        return regions

    def _heads(self, region: IntOrArray) -> list[IntOrArray]:
        """Return the head per axis of a region or of many."""
        heads = []
        for n, patch in zip(reversed(self.grid.shape), reversed(self.grid.patch), strict=True):
            above = region // n
            heads.append((region - above * n) * patch)
            region = above
        return heads[::-1]


def _box_counts(drawable: int | BoxBits, tails: Sequence[Any]) -> list[Any]:
    """Return how many coordinates may be drawn in each sub-box of a region or of many; a head is one."""
    return [
        (drawable >> box & 1) * prod(tail for axis, tail in enumerate(tails) if box >> axis & 1)
        for box in range(1 << len(tails))
    ]

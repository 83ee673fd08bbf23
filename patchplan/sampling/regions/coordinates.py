"""Where patches of one size pass the test of a region: boxes of coordinates, to draw from.

All patches that start in a box of coordinates lie in their union, and all hold their intersection:

    |-- box --|                     coordinates
    |------ patch ------|           the first patch
              |------ patch ------| the last
    |------------ union ----------|
              |-- core -|           the intersection

So what both have in the region bounds what any patch of the box has. Boxes in which no patch can pass are dropped,
boxes in which all pass are sure, and the others are halved along each axis, until a draw from what is left passes at
least half of the time. A single coordinate is always decided.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import prod
from operator import le

import numpy as np

from patchplan.core.cells import BoolArray, CellGrid
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray

FEW_BOXES = 1 << 14
"""Boxes to begin with, at most."""

MAX_BOXES = 1 << 20
"""Undecided boxes, at most: with more of them, draws may pass less often."""

Count = Callable[[IntArray, IntArray], IntArray]
"""How many pixels of boxes, (n, ndim) starts and stops inside the image, are in the region: (n,)."""


@dataclass(frozen=True)
class Coordinates:
    """Boxes of coordinates, (n, ndim) in (Z)YX order, that hold all at which patches pass; at `sure` ones all do."""

    low: IntArray
    size: IntArray
    sure: BoolArray

    @property
    def ends(self) -> IntArray:
        """Number of coordinates up to and with each box."""
        return np.cumsum(self.size.prod(axis=1))

    def at(self, number: IntArray, ends: IntArray) -> tuple[IntArray, BoolArray]:
        """Return coordinates by their number in all boxes, (k, ndim), and which of them surely pass."""
        box = np.searchsorted(ends, number, "right")
        rest, size = ends[box] - 1 - number, self.size[box]
        coords = self.low[box]
        for axis in reversed(range(self.low.shape[1])):
            rest, here = np.divmod(rest, size[:, axis])
            coords[:, axis] += here
        return coords, self.sure[box]

    def taken(self, rows: IntArray | BoolArray) -> "Coordinates":
        """Return some of the boxes."""
        return Coordinates(self.low[rows], self.size[rows], self.sure[rows])

    def __add__(self, other: "Coordinates") -> "Coordinates":
        low, size = np.concatenate([self.low, other.low]), np.concatenate([self.size, other.size])
        return Coordinates(low, size, np.concatenate([self.sure, other.sure]))

    def reached(self, grid: CellGrid) -> BoolArray:
        """Return in which cells of a grid of patches coordinates lie: a bool array of its shape."""
        return _marked(self.low // grid.patch, (self.low + self.size - 1) // grid.patch + 1, grid.shape)

    def reached_boxes(self, grid: CellGrid) -> BoolArray:
        """Return in which sub-boxes of cells coordinates lie: of its shape, twice as long; heads are 0, 2, 4, ..."""
        first, last = sub_boxes(self.low, grid), sub_boxes(self.low + self.size - 1, grid) + 1
        return _marked(first, last, tuple(2 * n for n in grid.shape))


@dataclass(frozen=True)
class Rule:
    """Patches pass that have at least `needed` > 0 pixels in a region.

    Parameters
    ----------
    count : Count
    needed : int
    image, patch : Shape
        Pixels, (Z)YX. Where the image is smaller than the patch, the patch is at 0 and cut.
    """

    count: Count
    needed: int
    image: Shape
    patch: Shape

    def decide(self, low: IntArray, size: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell in which boxes of coordinates all patches pass, and in which this is undecided."""
        least, most = _bounds(self.count, low, size, tuple(map(min, self.patch, self.image)))
        return least >= self.needed, (least < self.needed) & (most >= self.needed)


def find_coordinates(rule: Rule) -> Coordinates:
    """Return where patches pass. Undecided boxes are at most as large as the patch."""
    low, size, nominal = _first_boxes(rule.image, rule.patch)
    sure: list[tuple[IntArray, IntArray]] = []
    n_sure = 0
    while True:
        passing, undecided = rule.decide(low, size)
        sure.append((low[passing], size[passing]))
        n_sure += int(size[passing].prod(axis=1).sum())
        low, size = low[undecided], size[undecided]
        n_open = int(size.prod(axis=1).sum())
        small = all(map(le, nominal, map(min, rule.patch, rule.image)))
        if not n_open or (small and (n_sure >= n_open or len(low) << len(nominal) > MAX_BOXES)):
            break
        nominal = tuple(-(-side // 2) for side in nominal)
        low, size = halved(low, size, np.array(nominal))
    lows, sizes = ([part[i] for part in sure] for i in (0, 1))
    n_passing = sum(map(len, lows))
    is_sure = np.arange(n_passing + len(low)) < n_passing
    return Coordinates(np.concatenate([*lows, low]), np.concatenate([*sizes, size]), is_sure)


def sub_boxes(coords: IntArray, grid: CellGrid) -> IntArray:
    """Return in which sub-boxes coordinates lie, (n, ndim): twice the cell on each axis, and one more in its tail."""
    cell, within = np.divmod(coords, grid.patch)
    return 2 * cell + (within > 0)


def _marked(first: IntArray, last: IntArray, shape: Shape) -> BoolArray:
    """Return which pixels of a shape are in boxes from `first` to before `last`."""
    marks = np.zeros([n + 1 for n in shape], np.int64)
    for corner in product((0, 1), repeat=len(shape)):
        place = tuple((last if side else first)[:, axis] for axis, side in enumerate(corner))
        np.add.at(marks, place, (-1) ** sum(corner))
    for axis in range(len(shape)):
        np.cumsum(marks, axis=axis, out=marks)
    inside: BoolArray = marks[tuple(slice(n) for n in shape)] > 0
    return inside


def _first_boxes(image: Shape, patch: Shape) -> tuple[IntArray, IntArray, Shape]:
    """Return boxes of all coordinates, of 1, 2, 4, 8, ... patches a side, so that cells of patches are never cut."""
    bounds = [max(1, pixels - side + 1) for pixels, side in zip(image, patch, strict=True)]
    sides = patch
    while prod(-(-n // side) for n, side in zip(bounds, sides, strict=True)) > FEW_BOXES:
        sides = tuple(2 * side for side in sides)
    starts = np.meshgrid(*(np.arange(0, n, side) for n, side in zip(bounds, sides, strict=True)), indexing="ij")
    low = np.stack([start.reshape(-1) for start in starts], axis=1)
    return low, np.minimum(sides, np.array(bounds) - low), sides


def halved(low: IntArray, size: IntArray, half: IntArray) -> tuple[IntArray, IntArray]:
    """Cut boxes `half` pixels from where they start, (ndim,) or (n, ndim), along each axis where they are longer."""
    lows, sizes = [], []
    for corner in product((0, 1), repeat=low.shape[1]):
        second = np.array(corner, bool)
        part = np.where(second, size - half, np.minimum(size, half))
        there = (part > 0).all(axis=1)
        lows.append((low + np.where(second, half, 0))[there])
        sizes.append(part[there])
    return np.concatenate(lows), np.concatenate(sizes)


def _bounds(count: Count, low: IntArray, size: IntArray, patch: Shape) -> tuple[IntArray, IntArray]:
    """Return the fewest and the most pixels in the region that a patch of each box may have."""
    stop = low + size - 1 + patch
    in_union = count(low, stop)
    core_start, core_stop = low + size - 1, low + patch
    has_core = (core_start < core_stop).all(axis=1)
    in_core, core = np.zeros((2, len(low)), np.int64)
    in_core[has_core] = count(core_start[has_core], core_stop[has_core])
    core[has_core] = (core_stop - core_start)[has_core].prod(axis=1)
    area, union = prod(patch), (stop - low).prod(axis=1)
    return np.maximum(in_core, area - (union - in_union)), np.minimum(in_union, area - (core - in_core))

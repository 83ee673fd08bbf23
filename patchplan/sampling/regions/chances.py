"""How many draws the coordinates of a sample expect of a stratified strategy, and those of them that pass."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from patchplan.core.cells import BoolArray, CellGrid, FloatArray
from patchplan.core.lottery import BoxBits, Lottery
from patchplan.core.specs import IntArray
from patchplan.sampling.regions.coordinates import Coordinates

ABOUT = 1e-6
"""How much draws that should be the same may differ, relatively: a lottery has them rounded."""


@dataclass(frozen=True)
class Chances:
    """Per cell of a grid, flat: the sub-boxes that are drawn from, as bits, and the draws that these expect."""

    grid: CellGrid
    boxes: BoxBits
    weights: FloatArray

    @classmethod
    def of(cls, lottery: Lottery, n: int) -> "Chances":
        """Return those of a lottery of n indices."""
        weights = np.bincount(lottery.owners, minlength=len(lottery.ends)).astype(np.float64)
        weights += np.diff(np.minimum(lottery.ends, n - len(lottery.owners)), prepend=0)
        return cls(lottery.grid, lottery.boxes, weights)

    @cached_property
    def each(self) -> FloatArray:
        """Draws that each coordinate expects, by cell."""
        counts = self.grid.counts_in(self.boxes)
        return np.divide(self.weights, counts, out=np.zeros_like(self.weights), where=counts > 0)

    @cached_property
    def partial(self) -> BoolArray:
        """Cells that are drawn from, but not at all of their coordinates."""
        whole = self.grid.counts_in(np.full_like(self.boxes, 255))
        return (self.weights > 0) & (self.grid.counts_in(self.boxes) < whole)

    @cached_property
    def even(self) -> BoolArray:
        """Cells of which all coordinates expect about as many draws as those of the cell with the most draws."""
        common = self.each[self.weights.argmax()]
        even: BoolArray = ~self.partial & (abs(self.each - common) <= ABOUT * common)
        return even

    def cells(self, coords: IntArray) -> IntArray:
        """Return the numbers of the cells that coordinates (n, ndim) lie in."""
        numbers: IntArray = np.ravel_multi_index(tuple((coords // self.grid.patch).T), self.grid.shape)
        return numbers

    def only(self, found: Coordinates) -> "Chances":
        """Return the chances of sub-boxes in which coordinates were found."""
        inside, reached = found.reached_boxes(self.grid), np.zeros(self.grid.shape, np.uint8)
        for tails in product((0, 1), repeat=inside.ndim):
            box = sum(tail << axis for axis, tail in enumerate(tails))
            reached |= inside[tuple(slice(tail, None, 2) for tail in tails)].view(np.uint8) << np.uint8(box)
        boxes = self.boxes & reached.ravel()
        return Chances(self.grid, boxes, self.each * self.grid.counts_in(boxes))


def with_edges(grid: CellGrid, cells: BoolArray) -> BoolArray:
    """Return the same cells; those at the edge that lack a pixel, in which no patch starts, as their neighbours."""
    sides = zip(grid.shape, grid.size, grid.patch, strict=True)
    return cells[np.ix_(*(np.minimum(np.arange(n), size // patch - 1) for n, size, patch in sides))]

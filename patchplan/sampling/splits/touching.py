"""Which boxes share a pixel with any of others: exactly, whatever their number, place and size.

The edges of the others cut space into a grid of which each cell is covered or not. Where that grid would be
large, space is halved first, and each half has the boxes that reach into it.
"""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.specs import IntArray

LIMIT = 1 << 18
"""Cells of a grid, or pairs of boxes, that are looked at together."""


class Boxes(NamedTuple):
    """Boxes [start, stop), shape (n_axes, n) each; the first axis may number samples."""

    start: IntArray
    stop: IntArray

    def take(self, index: BoolArray | NDArray[np.intp]) -> "Boxes":
        """Return some of them."""
        return Boxes(self.start[:, index], self.stop[:, index])

    def within(self, block: "Boxes") -> BoolArray:
        """Tell which share a pixel with one box."""
        inside = (self.start < block.stop) & (self.stop > block.start)
        found: BoolArray = np.logical_and.reduce(inside)
        return found

    def clipped(self, block: "Boxes") -> "Boxes":
        """Return them cut to one box that they reach into."""
        return Boxes(np.maximum(self.start, block.start), np.minimum(self.stop, block.stop))

    def filling(self, block: "Boxes") -> BoolArray:
        """Tell which cover all of one box."""
        found: BoolArray = np.logical_and.reduce((self.start <= block.start) & (self.stop >= block.stop))
        return found


def touching(boxes: Boxes, others: Boxes) -> BoolArray:
    """Tell which of the boxes, shape (n,), share a pixel with any of the others.

    Examples
    --------
    >>> boxes = Boxes(np.array([[0, 4, 8], [0, 0, 0]]), np.array([[4, 8, 9], [4, 4, 9]]))
    >>> touching(boxes, Boxes(np.array([[3], [3]]), np.array([[5], [4]]))).tolist()
    [True, True, False]
    """
    n = boxes.start.shape[1]
    hit = np.zeros(n, bool)
    if not others.start.size:
        return hit
    block = Boxes(others.start.min(axis=1, keepdims=True), others.stop.max(axis=1, keepdims=True))
    pending = [(block, np.arange(n), boxes, others)]
    while pending:
        block, rows, here, there = pending.pop()
        left = here.within(block) & ~hit[rows]
        rows, here = rows[left], here.take(left)
        there = there.take(there.within(block)).clipped(block)
        if not len(rows) or not there.start.size:
            continue
        if there.filling(block).any():
            hit[rows] = True
        elif len(rows) * there.start.shape[1] <= LIMIT:
            hit[rows] = _in_pairs(here, there)
        else:
            edges = [np.unique(np.concatenate(sides)) for sides in zip(there.start, there.stop, strict=True)]
            if prod(len(cuts) + 1 for cuts in edges) <= LIMIT:
                hit[rows] = _on_grid(here.clipped(block), there, edges)
            else:
                hit[rows] = here.filling(block)
                pending += [(half, rows, here, there) for half in _halves(block, edges)]
    return hit


def _in_pairs(boxes: Boxes, others: Boxes) -> BoolArray:
    pairs = np.ones((boxes.start.shape[1], others.start.shape[1]), bool)
    for start, stop, low, high in zip(*boxes, *others, strict=True):
        pairs &= (start[:, np.newaxis] < high) & (stop[:, np.newaxis] > low)
    found: BoolArray = np.logical_or.reduce(pairs, axis=1)
    return found


def _on_grid(boxes: Boxes, others: Boxes, edges: list[IntArray]) -> BoolArray:
    """Paint the others on the grid of their edges, and look which boxes reach into painted cells."""
    shape = tuple(len(cuts) for cuts in edges)  # the last cell of each axis stays empty
    low = [np.searchsorted(cuts, start) for cuts, start in zip(edges, others.start, strict=True)]
    high = [np.searchsorted(cuts, stop) for cuts, stop in zip(edges, others.stop, strict=True)]
    changes = np.zeros(shape, np.int32)
    for corner in np.ndindex(*(2,) * len(shape)):
        at = tuple(pair[side] for side, pair in zip(corner, zip(low, high, strict=True), strict=True))
        np.add.at(changes, at, -1 if sum(corner) % 2 else 1)
    painted = (_summed(changes) > 0).astype(np.int32)
    sums = np.pad(_summed(painted), [(1, 0)] * len(shape))
    first = [np.searchsorted(cuts, start, "right") - 1 for cuts, start in zip(edges, boxes.start, strict=True)]
    last = [np.searchsorted(cuts, stop) for cuts, stop in zip(edges, boxes.stop, strict=True)]
    first = [index.clip(0) for index in first]
    total = np.zeros(boxes.start.shape[1], np.int32)
    for corner in np.ndindex(*(2,) * len(shape)):
        at = tuple(pair[side] for side, pair in zip(corner, zip(last, first, strict=True), strict=True))
        total += -sums[at] if sum(corner) % 2 else sums[at]
    found: BoolArray = total > 0
    return found


def _summed(values: NDArray[np.int32]) -> NDArray[np.int32]:
    for axis in range(values.ndim):
        np.add.accumulate(values, axis=axis, out=values)
    return values


def _halves(block: Boxes, edges: list[IntArray]) -> list[Boxes]:
    """Cut a block in two at the middle edge of the axis that has the most."""
    inner = [
        cuts[(cuts > low) & (cuts < high)]
        for cuts, low, high in zip(edges, block.start[:, 0], block.stop[:, 0], strict=True)
    ]
    axis = int(np.argmax([len(cuts) for cuts in inner]))
    middle = inner[axis][len(inner[axis]) // 2]
    stop, start = block.stop.copy(), block.start.copy()
    stop[axis] = start[axis] = middle
    return [Boxes(block.start, stop), Boxes(start, block.stop)]

"""Pixels of one sample that splits cover and share, and where they share them."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.coverage.count import MAX_CELLS, Boxes, CellAxis, cell_counts
from patchplan.coverage.find import BoxFinder
from patchplan.coverage.rows import Counted

Pair = tuple[int, int]


class SharedCounter:
    """Counts a sample block by block, in C order.

    `pixels` has those that each split covers, `shared` those that two do, `finders` the first `most` boxes of
    these.
    """

    def __init__(self, most: int, max_cells: int | None = None, counted: Counted | None = None) -> None:
        self._most, self._counted = most, counted
        self._limit = MAX_CELLS if max_cells is None else max_cells
        self.pixels: dict[int, int] = {}
        self.shared: dict[Pair, int] = {}
        self.finders: dict[Pair, BoxFinder] = {}

    def count(self, parts: Mapping[int, Boxes], low: Sequence[int], high: Sequence[int]) -> None:
        """Count the boxes of each split, which must lie in the block [low, high)."""
        axes = [CellAxis.cut(self._edges(parts, axis, low, high), low[axis], high[axis]) for axis in range(len(low))]
        halved = next((axis for axis, cells in enumerate(axes[:-1]) if len(cells) > 1), None)
        if halved is None or prod(map(len, axes)) <= self._limit:
            self._block(parts, axes)
            return
        middle = int(axes[halved].edges[len(axes[halved]) // 2])
        for begin, end in ((low[halved], middle), (middle, high[halved])):
            first, last = list(low), list(high)
            first[halved], last[halved] = begin, end
            within = {split: boxes.within(halved, begin, end) for split, boxes in parts.items()}
            self.count(within, first, last)

    def _edges(
        self, parts: Mapping[int, Boxes], axis: int, low: Sequence[int], high: Sequence[int]
    ) -> list[NDArray[Any]]:
        """Return where cells must end: at boxes, and at the sides of listed boxes that may go on in this block."""
        edges = [side[axis] for boxes in parts.values() for side in boxes]
        if axis:
            spans = [span for finder in self.finders.values() for span in finder.open_edges(low[0])]
            sides = {side[axis] for span in spans for side in span}
            edges.append(np.array(sorted(side for side in sides if low[axis] < side < high[axis]), np.int64))
        return edges

    def _block(self, parts: Mapping[int, Boxes], axes: Sequence[CellAxis]) -> None:
        edges = [axis.edges for axis in axes]
        masks = {split: cell_counts(boxes, axes) > 0 for split, boxes in parts.items() if len(boxes.starts[0])}
        for split, mask in masks.items():
            self.pixels[split] = self.pixels.get(split, 0) + _pixels(mask, axes)
        if self._counted is not None:
            self._counted(prod(int(axis.edges[-1] - axis.edges[0]) for axis in axes))
        for pair in combinations(sorted(masks), 2):
            both = masks[pair[0]] & masks[pair[1]]
            n = _pixels(both, axes)
            if not n:
                continue
            self.shared[pair] = self.shared.get(pair, 0) + n
            finder = self.finders.setdefault(pair, BoxFinder(self._most))
            if finder.wants(int(edges[0][0])):
                finder.search(both, edges)


def _pixels(mask: NDArray[np.bool_], axes: Sequence[CellAxis]) -> int:
    """Return how many pixels marked cells have."""
    if all(axis.plain for axis in axes):
        return int(np.count_nonzero(mask))
    small = prod(int(axis.edges[-1] - axis.edges[0]) for axis in axes) < 2**62
    found: Any = mask
    for axis in reversed(axes):
        found = found @ np.diff(axis.edges).astype(np.int64 if small else object)
    return int(found)

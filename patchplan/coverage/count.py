"""How often boxes cover each pixel of a sample of any size, exactly and in bounded memory.

A block is cut into cells at the edges of its boxes, so that all pixels of a cell are covered equally often;
where nearly every pixel has an edge, the pixels are the cells. A block with too many cells is halved. Then

    +1 . . -1      corners of boxes (their signs) scattered into differences,
     .  box .      summed along each axis: the count of every cell,
    -1 . . +1      counted into a histogram, a cell as often as it has pixels.

So a grid over 10^12 pixels is some million cells, and a million random patches are plain bands of pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise, product
from math import prod
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.coverage.find import BoxFinder
from patchplan.coverage.visits import Histogram

MAX_CELLS = 1 << 22
"""Cells counted at once: 16 MB of int32 (four times as many take 1.7 times as long, measured)."""

CACHED_CELLS = 1 << 18
"""Cells that are summed and binned while they are in the processor's cache."""

EXACT = 2**53
"""Whole numbers up to this are exact as float64."""

Counts = NDArray[np.int32]


class Boxes(NamedTuple):
    """Boxes of one sample: `starts` and `stops` have an array per axis, (Z)YX; int32 or int64."""

    starts: list[NDArray[Any]]
    stops: list[NDArray[Any]]

    def within(self, axis: int, low: int, high: int) -> "Boxes":
        """Return the boxes that reach into [low, high) of an axis, cut to it."""
        keep = (self.starts[axis] < high) & (self.stops[axis] > low)
        starts, stops = [a[keep] for a in self.starts], [a[keep] for a in self.stops]
        starts[axis], stops[axis] = starts[axis].clip(min=low), stops[axis].clip(max=high)
        return Boxes(starts, stops)


@dataclass
class Tally:
    """What is known of a sample: pixels by count, and where none and where too many boxes are."""

    histogram: Histogram
    zeros: BoxFinder
    doubles: BoxFinder | None = None
    counted: Callable[[int], None] = field(default=lambda pixels: None)

    @classmethod
    def empty(cls, most: int, *, doubles: bool, counted: Callable[[int], None] | None = None) -> Self:
        """Return a tally of nothing, which will list `most` boxes of each kind."""
        tally = cls({}, BoxFinder(most), BoxFinder(most) if doubles else None)
        if counted is not None:
            tally.counted = counted
        return tally

    @property
    def finders(self) -> list[BoxFinder]:
        """Finders of this tally."""
        return [self.zeros] if self.doubles is None else [self.zeros, self.doubles]


class CellAxis(NamedTuple):
    """Cells along an axis: `edges` has one entry more than there are cells.

    `lookup` gives the cell that begins at a pixel; None where it must be searched; `plain` where every
    pixel is a cell.
    """

    edges: IntArray
    plain: bool
    lookup: IntArray | None

    @classmethod
    def cut(cls, positions: Sequence[NDArray[Any]], low: int, high: int) -> "CellAxis":
        """Cut [low, high) at positions inside it."""
        n = sum(map(len, positions))
        if high - low > 8 * n + (1 << 16):
            return cls(np.unique(np.concatenate([*positions, [low, high]]).astype(np.int64)), False, None)
        marked = np.zeros(high - low + 1, bool)
        marked[[0, -1]] = True
        for part in positions:
            marked[part - low] = True
        if 2 * np.count_nonzero(marked) > high - low:
            return cls(np.arange(low, high + 1), True, None)
        return cls(np.flatnonzero(marked) + low, False, np.cumsum(marked) - 1)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def cells_at(self, positions: NDArray[Any]) -> IntArray:
        """Return the cells that begin at positions; the number of cells for the end."""
        if self.plain:
            return np.asarray(positions - self.edges[0])
        if self.lookup is not None:
            return np.asarray(self.lookup[positions - self.edges[0]])
        return np.searchsorted(self.edges, positions)


def count_boxes(
    boxes: Boxes, low: Sequence[int], high: Sequence[int], tally: Tally, max_cells: int | None = None
) -> None:
    """Count the boxes, which must lie in the block [low, high), and add what is found to a tally.

    Blocks of one sample must come in C order.
    """
    limit = MAX_CELLS if max_cells is None else max_cells
    axes = [CellAxis.cut(_edges(boxes, axis, low, high, tally), low[axis], high[axis]) for axis in range(len(low))]
    halved = next((axis for axis, cells in enumerate(axes[:-1]) if len(cells) > 1), None)
    if halved is None or prod(map(len, axes)) <= limit:
        _count_block(boxes, axes, tally)
        return
    middle = int(axes[halved].edges[len(axes[halved]) // 2])
    for begin, end in ((low[halved], middle), (middle, high[halved])):
        first, last = list(low), list(high)
        first[halved], last[halved] = begin, end
        count_boxes(boxes.within(halved, begin, end), first, last, tally, limit)


def _edges(boxes: Boxes, axis: int, low: Sequence[int], high: Sequence[int], tally: Tally) -> list[NDArray[Any]]:
    """Return where cells must end: at boxes, and at the sides of listed boxes that may go on in this block."""
    edges = [boxes.starts[axis], boxes.stops[axis]]
    if axis:
        open_spans = [span for finder in tally.finders for span in finder.open_edges(low[0])]
        sides = {side[axis] for span in open_spans for side in span}
        edges.append(np.array(sorted(side for side in sides if low[axis] < side < high[axis]), np.int64))
    return edges


def _count_block(boxes: Boxes, axes: Sequence[CellAxis], tally: Tally) -> None:
    shape = tuple(map(len, axes))
    counts = _differences(boxes, axes)
    for axis in range(len(shape) - 1):
        _accumulate(counts, axis)
    inner = counts[tuple(slice(n) for n in shape)]
    weights = None if all(axis.plain for axis in axes) else [np.diff(axis.edges) for axis in axes]
    found: Histogram = {}
    for block in _pieces(shape):
        part = inner[block]
        np.cumsum(part, axis=-1, out=part)
        _bin(part, None if weights is None else [w[s] for w, s in zip(weights, block, strict=True)], found)
    for visits, pixels in found.items():
        tally.histogram[visits] = tally.histogram.get(visits, 0) + pixels
    edges = [axis.edges for axis in axes]
    if found.get(0) and tally.zeros.wants(int(edges[0][0])):
        tally.zeros.search(np.ascontiguousarray(inner == 0), edges)
    if tally.doubles is not None and max(found) > 1 and tally.doubles.wants(int(edges[0][0])):
        tally.doubles.search(np.ascontiguousarray(inner > 1), edges)
    tally.counted(prod(int(e[-1]) - int(e[0]) for e in edges))


def cell_counts(boxes: Boxes, axes: Sequence[CellAxis]) -> Counts:
    """Return how many boxes cover each cell."""
    counts = _differences(boxes, axes)
    for axis in range(len(axes) - 1):
        _accumulate(counts, axis)
    np.cumsum(counts, axis=-1, out=counts)
    return counts[tuple(slice(len(axis)) for axis in axes)]


def _differences(boxes: Boxes, axes: Sequence[CellAxis]) -> Counts:
    """Scatter the corners: with one entry more per axis than there are cells, every stop has a place."""
    shape = tuple(len(axis) + 1 for axis in axes)
    counts: Counts = np.zeros(shape, np.int32)
    if not len(boxes.starts[0]):
        return counts
    sides = []
    for axis, cells in enumerate(axes):
        step = prod(shape[axis + 1 :])
        sides.append([cells.cells_at(part[axis]).astype(np.int64) * step for part in boxes])
    flat = counts.reshape(-1)
    for corner in product((0, 1), repeat=len(shape)):
        place = reduce(np.add, (side[i] for side, i in zip(sides, corner, strict=True)))
        np.add.at(flat, place, np.int32(-1 if sum(corner) % 2 else 1))
    return counts


def _accumulate(counts: Counts, axis: int) -> None:
    """Sum along an axis in place, whole rows at a time."""
    rows = np.moveaxis(counts, axis, 0)
    if rows[0].size < 64:
        np.cumsum(counts, axis=axis, out=counts)
        return
    for before, here in pairwise(rows):
        np.add(before, here, out=here)


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Cut a block along axis 0, and single slices of a volume along axis 1, into what the cache holds."""
    rows = max(1, CACHED_CELLS // prod(shape[1:]))
    across = max(1, CACHED_CELLS // shape[-1]) if rows == 1 and len(shape) == 3 else shape[1]
    for start in range(0, shape[0], rows):
        if len(shape) == 2:
            yield slice(start, start + rows), slice(None)
            continue
        for begin in range(0, shape[1], across):
            yield slice(start, start + rows), slice(begin, begin + across), slice(None)


def _bin(counts: Counts, widths: Sequence[IntArray] | None, found: Histogram) -> None:
    """Add pixels by count; a cell has as many as its widths multiply to."""
    if widths is None:
        binned = np.bincount(counts.reshape(-1))
    else:
        exact = prod(int(w.sum()) for w in widths) < EXACT
        sizes = reduce(np.multiply.outer, [w.astype(np.float64 if exact else object) for w in widths])
        if not exact:
            for visits in np.unique(counts).tolist():
                found[visits] = found.get(visits, 0) + int(sizes[counts == visits].sum())
            return
        binned = np.bincount(counts.reshape(-1), weights=sizes.reshape(-1))
    for visits in np.flatnonzero(binned).tolist():
        found[visits] = found.get(visits, 0) + int(binned[visits])

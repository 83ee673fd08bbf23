"""The fewest or most visits that a pixel of each picture pixel has.

A sample is cut into cells at the edges of boxes and of picture pixels, so that all pixels of a cell are
visited equally often and lie in one picture pixel; a block of too many cells is halved.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.coverage.count import MAX_CELLS, Boxes, CellAxis, cell_counts
from patchplan.coverage.rows import Gathered, Place, PlanRows, gather, windows
from patchplan.pictures.panels import Panel

MOST = np.iinfo(np.int32).max
Block = list[tuple[int, int]]
"""First pixel and end on each axis, (Z)YX."""


def extremes(
    rows: PlanRows, panels: Sequence[Panel], which: Literal["min", "max"], max_cells: int = MAX_CELLS
) -> list[NDArray[Any]]:
    """Return the fewest (`min`) or most (`max`) visits per picture pixel, of each panel."""
    found = [np.full(panel.shape, MOST if which == "min" else 0, np.int32) for panel in panels]
    samples = [rows.first_sample[panel.data_idx] + panel.sample_idx for panel in panels]
    for begin, end in windows(rows, kept=False):
        parts = [_part(panel, sample, begin, end) for panel, sample in zip(panels, samples, strict=True)]
        if not any(low < high for low, high in parts):
            continue
        boxes = gather(rows, begin, end, kept=False)
        for panel, sample, part, picture in zip(panels, samples, parts, found, strict=True):
            if part[0] < part[1]:
                mine = _of_sample(boxes, sample).within(0, *part)
                _reduce(mine, [part, *((0, n) for n in panel.size[1:])], panel, picture, which, max_cells)
    return found


def _part(panel: Panel, sample: int, begin: Place, end: Place) -> tuple[int, int]:
    """Return which part of a sample, on its first axis, lies between two places."""
    low = 0 if sample > begin[0] else begin[1] if sample == begin[0] else panel.size[0]
    high = panel.size[0] if sample < end[0] else end[1] if sample == end[0] else 0
    return low, high


def _of_sample(boxes: Gathered, sample: int) -> Boxes:
    here = slice(*np.searchsorted(boxes.sample, [sample, sample + 1]).tolist())
    return Boxes([side[here] for side in boxes.starts], [side[here] for side in boxes.stops])


def _reduce(boxes: Boxes, block: Block, panel: Panel, picture: NDArray[Any], which: str, max_cells: int) -> None:
    """Take the boxes of a block, which lie inside it, into the picture."""
    axes = []
    for axis, (low, high) in enumerate(block):
        edges = panel.edges(axis)
        axes.append(
            CellAxis.cut([boxes.starts[axis], boxes.stops[axis], edges[(edges > low) & (edges < high)]], low, high)
        )
    longest = max(range(len(axes)), key=lambda axis: len(axes[axis]))
    if prod(map(len, axes)) > max_cells and len(axes[longest]) > 1:
        low, high = block[longest]
        middle = int(axes[longest].edges[len(axes[longest]) // 2])
        for half in ((low, middle), (middle, high)):
            inner = [*block[:longest], half, *block[longest + 1 :]]
            _reduce(boxes.within(longest, *half), inner, panel, picture, which, max_cells)
        return
    visits: NDArray[Any] = cell_counts(boxes, axes)
    reduce = np.minimum if which == "min" else np.maximum
    corner = []
    for axis, cells in enumerate(axes):
        pixel = cells.edges[:-1] // panel.factors[axis]
        begins = np.flatnonzero(np.diff(pixel, prepend=-1))
        visits = _grouped(visits, begins, axis, reduce)
        corner.append(int(pixel[0]))
    visits = visits[0] if visits.ndim == 3 else visits
    height, width = visits.shape
    top, left = corner[-2:]
    target = picture[top : top + height, left : left + width]
    reduce(target, visits, out=target)


def _grouped(values: NDArray[Any], begins: IntArray, axis: int, reduce: np.ufunc) -> NDArray[Any]:
    """Reduce groups along an axis; but on the last one whole rows at a time, which reduceat does not."""
    if axis == values.ndim - 1:
        return np.asarray(reduce.reduceat(values, begins, axis=axis))
    rows = np.moveaxis(values, axis, 0)
    spans = pairwise([*begins.tolist(), len(rows)])
    return np.moveaxis(np.stack([reduce.reduce(rows[first:last], axis=0) for first, last in spans]), 0, axis)

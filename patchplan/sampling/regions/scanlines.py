"""Polygons counted in boxes, exactly on pixels: a pixel is in a polygon where its centre is.

The line through the centres of a row crosses the edges of a polygon an even number of times; between the first and the
second crossing, the third and the fourth, ... it is inside (even-odd over all rings, so that holes are out). Edges
are half-open, so that polygons that share an edge share no pixel. The region is the union of the polygons.

Rows are worked through in bands with as many crossings as memory has room for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from patchplan.core.cells import BoolArray, FloatArray
from patchplan.core.specs import IntArray
from patchplan.sampling.regions.pointsums import Points

MAX_CROSSINGS = 1 << 18
"""Crossings of a band: with these, its arrays stay in the processor's cache (four times as many take longer)."""

MAX_BOXES = 1 << 17
"""Boxes counted at once."""


@dataclass(frozen=True)
class Edges:
    """Edges of polygons, from `top` down to `bottom`, (n, 2) in Y X pixels; `owner` numbers the polygons.

    They cross the centres of the rows [first, last).
    """

    top: FloatArray
    bottom: FloatArray
    owner: IntArray
    first: IntArray
    last: IntArray

    @classmethod
    def of(cls, polygons: Sequence[Sequence[FloatArray]], height: int) -> "Edges":
        """Return the edges of polygons in an image of so many rows; a ring is (k, 2), Y X, its end not repeated."""
        rings = [ring for polygon in polygons for ring in polygon]
        start = np.concatenate([np.empty((0, 2)), *rings])
        lengths = np.array([len(ring) for ring in rings], np.int64)
        ends = np.cumsum(lengths)
        following = np.arange(1, len(start) + 1)
        following[ends - 1] = ends - lengths
        stop = start[following]
        owner = np.repeat(
            np.arange(len(polygons)), np.array([sum(map(len, polygon)) for polygon in polygons], np.int64)
        )
        # Always from the top down: neighbours that share an edge then round its crossings alike.
        upward = (start[:, 0] > stop[:, 0])[:, np.newaxis]
        top, bottom = np.where(upward, stop, start), np.where(upward, start, stop)
        first, last = (np.ceil(end[:, 0] - 0.5).clip(0, height).astype(np.int64) for end in (top, bottom))
        return cls(top, bottom, owner, first, last).where(first < last)

    def where(self, chosen: BoolArray) -> "Edges":
        """Return some of the edges."""
        owner, first, last = self.owner[chosen], self.first[chosen], self.last[chosen]
        return Edges(self.top[chosen], self.bottom[chosen], owner, first, last)

    def within(self, low: int, high: int) -> "Edges":
        """Return the edges that cross rows [low, high), for these rows only."""
        cut = self.where((self.first < high) & (self.last > low))
        return replace(cut, first=cut.first.clip(min=low), last=cut.last.clip(max=high))

    def __len__(self) -> int:
        return len(self.owner)

    def n_crossings(self) -> int:
        """Return how often edges cross rows."""
        return int((self.last - self.first).sum())

    def points(self, width: int) -> Points:
        """Return the ends of the runs of pixels inside, in an image of so many columns."""
        lengths = self.last - self.first
        edge = np.repeat(np.arange(len(self)), lengths)
        row = np.arange(len(edge)) - (np.cumsum(lengths) - lengths - self.first)[edge]
        (y0, x0), (y1, x1) = self.top[edge].T, self.bottom[edge].T
        # Multiplied before divided: exact where an edge runs through the centres of pixels.
        crossing = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        t = np.ceil(crossing - 0.5).clip(0, width).astype(np.int64)
        owner = self.owner[edge]
        order = np.lexsort((t, owner, row))
        row, (begin, end) = row[order][::2], t[order].reshape(-1, 2).T
        seen = begin < end
        return _union(row[seen], begin[seen], end[seen])


def _union(row: IntArray, begin: IntArray, end: IntArray) -> Points:
    """Return the ends of runs where runs that overlap or touch are one."""
    rows, t = np.concatenate([row, row]), np.concatenate([begin, end])
    sign = np.repeat(np.array([1, -1]), len(row))
    order = np.lexsort((-sign, t, rows))
    rows, t, sign = rows[order], t[order], sign[order]
    outside = np.cumsum(sign) == (sign > 0)
    return Points(rows[outside], t[outside], sign[outside])


def count_inside(edges: Edges, width: int, starts: IntArray, stops: IntArray) -> IntArray:
    """Return how many pixels of boxes are in the union of polygons.

    Parameters
    ----------
    edges : Edges
    width : int
        Columns of the image.
    starts, stops : IntArray
        Boxes in the image, shape (n, 2), Y X.

    Returns
    -------
    IntArray
        Shape (n,).
    """
    counts = np.zeros(len(starts), np.int64)
    if not len(edges) or not len(starts):
        return counts
    # Only these rows count, and only the boxes in them.
    low, high = int(starts[:, 0].min()), int(stops[:, 0].max())
    edges = edges.within(low, high)
    if not len(edges):
        return counts
    low, high = int(edges.first.min()), int(edges.last.max())
    reached = np.flatnonzero((starts[:, 0] < high) & (stops[:, 0] > low))
    starts, stops = starts[reached], stops[reached]
    if edges.n_crossings() > MAX_CROSSINGS and high - low > 1:
        middle = (low + high) // 2
        for first, last in ((low, middle), (middle, high)):
            begin, end = np.maximum(starts, [first, 0]), np.minimum(stops, [last, width])
            there = begin[:, 0] < end[:, 0]
            counts[reached[there]] += count_inside(edges.within(first, last), width, begin[there], end[there])
        return counts
    points = edges.points(width)
    for first in range(0, len(reached), MAX_BOXES):
        some = slice(first, first + MAX_BOXES)
        counts[reached[some]] = points.sums(starts[some], stops[some])
    return counts

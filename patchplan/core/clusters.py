"""Boxes that are best read together: neighbours share what a file stores in one piece.

Boxes are sorted in Morton order of the chunks that they start in. A run of them is read as one box where that
is no more than reading each alone would load; else the run is cut in two where the order crosses the border
of its largest square (cube), as a quadtree would.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchplan.core.morton import morton
from patchplan.core.specs import IntArray

WASTE = 1 << 20
"""Pixels that a box alone is taken to load beyond its own, at most: stored without compression, a chunk need not
be loaded whole."""


@dataclass(frozen=True)
class Cluster:
    """A box, pixels in (Z)YX order, and the numbers of the boxes inside it."""

    start: tuple[int, ...]
    size: tuple[int, ...]
    members: IntArray


def clusters(start: IntArray, size: IntArray, chunk: IntArray, max_pixels: int) -> Iterator[Cluster]:
    """Yield clusters that hold each box once, in Morton order.

    Parameters
    ----------
    start, size : IntArray
        Boxes, shape (n, ndim).
    chunk : IntArray
        Chunk shape, (ndim,); ones where there are no chunks.
    max_pixels : int
        Pixels of the box of a cluster; only a cluster of one may have more.

    Examples
    --------
    >>> start, size, chunk = np.array([[0, 0], [0, 90], [0, 8]]), np.full((3, 2), 10), np.full(2, 16)
    >>> [(found.start, found.size, found.members.tolist()) for found in clusters(start, size, chunk, 500)]
    [((0, 0), (10, 18), [0, 2]), ((0, 90), (10, 10), [1])]
    """
    code = morton(start // chunk)
    order = np.lexsort((morton(start), code))
    code, start, stop = code[order], start[order], (start + size)[order]
    alone = np.concatenate([[0.0], np.cumsum(_loaded_alone(start, stop, chunk))])
    pending = [(0, len(order))]
    while pending:
        first, last = pending.pop()
        low, high = start[first:last].min(axis=0), stop[first:last].max(axis=0)
        pixels = (high - low).astype(float).prod()
        if last - first == 1 or (pixels <= max_pixels and pixels <= alone[last] - alone[first]):
            yield Cluster(tuple(low.tolist()), tuple((high - low).tolist()), order[first:last])
        else:
            middle = first + _middle(code[first:last])
            pending += [(middle, last), (first, middle)]


def _loaded_alone(start: IntArray, stop: IntArray, chunk: IntArray) -> NDArray[np.float64]:
    """Return how many pixels reading each box alone loads, in float: sizes may be anything."""
    wanted = (stop - start).astype(float).prod(axis=1)
    aligned = ((-(-stop // chunk) - start // chunk) * chunk.astype(float)).prod(axis=1)
    found: NDArray[np.float64] = np.minimum(aligned, wanted + WASTE)
    return found


def _middle(code: NDArray[np.uint64]) -> int:
    """Return where ascending codes leave the first half of their square; half-way where all are equal."""
    differs = (int(code[0]) ^ int(code[-1])).bit_length()
    if not differs:
        return len(code) // 2
    border = (int(code[-1]) >> (differs - 1)) << (differs - 1)
    return int(np.searchsorted(code, np.uint64(border)))

"""Boxes that make up all marked pixels of a sample: found block by block, the first K of them.

The first marked pixel that no box has yet begins one: as long as it can be along X, then along Y while the
whole run is marked, then along Z. A box that ends where a block ends goes on in the next.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray

Marks = NDArray[np.bool_]
Span = tuple[tuple[int, ...], tuple[int, ...]]
"""Start and stop of a box, (Z)YX."""


class BoxFinder:
    """The first `most` boxes of marked pixels, in C order of their starts.

    Blocks are given in C order; all that lie beside each other on an axis but the first must be of one
    pixel on all axes before it. Boxes do not overlap; with `most` large enough they hold all marked pixels.
    A box is cut where a block of a single slice ends on Y.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._starts: list[tuple[int, ...]] = []
        self._stops: list[tuple[int, ...]] = []

    @property
    def spans(self) -> list[Span]:
        """Boxes found so far."""
        return list(zip(self._starts, self._stops, strict=True))

    def open_edges(self, first: int) -> list[Span]:
        """Return the boxes that end at `first` on axis 0, and so may go on there."""
        return [span for span in self.spans if span[1][0] == first]

    def wants(self, first: int) -> bool:
        """Tell whether a block that begins at `first` on axis 0 can add anything."""
        return len(self._starts) < self._most or any(stop[0] == first for stop in self._stops)

    def search(self, marks: Marks, edges: Sequence[IntArray]) -> None:
        """Look through a block.

        Parameters
        ----------
        marks : array of bool
            A cell each, or a pixel; overwritten. The cross-sections of open boxes consist of whole cells.
        edges : sequence of array
            Where cells begin on each axis, and where the last ends.
        """
        self._extend(marks, edges)
        flat = marks.reshape(-1)
        at = 0
        while len(self._starts) < self._most:
            at += int(flat[at:].argmax())
            if not flat[at]:
                return
            cell = [int(i) for i in np.unravel_index(at, marks.shape)]
            box = _grow(marks, cell)
            marks[box] = False
            self._starts.append(tuple(int(e[s.start]) for e, s in zip(edges, box, strict=True)))
            self._stops.append(tuple(int(e[s.stop]) for e, s in zip(edges, box, strict=True)))

    def _extend(self, marks: Marks, edges: Sequence[IntArray]) -> None:
        for i, (start, stop) in enumerate(self.spans):
            sides = list(zip(edges[1:], start[1:], stop[1:], strict=True))
            if stop[0] != edges[0][0] or any(low < e[0] or high > e[-1] for e, low, high in sides):
                continue
            section = [slice(*map(int, np.searchsorted(e, [low, high]))) for e, low, high in sides]
            n = _run(marks[(slice(None), *section)], 0)
            marks[(slice(0, n), *section)] = False
            self._stops[i] = (int(edges[0][n]), *stop[1:])


def _grow(marks: Marks, cell: Sequence[int]) -> tuple[slice, ...]:
    """Return the cells of the box that begins in this one."""
    box = [slice(i, i + 1) for i in cell]
    for axis in reversed(range(marks.ndim)):
        ahead = [*box[:axis], slice(cell[axis], None), *box[axis + 1 :]]
        box[axis] = slice(cell[axis], cell[axis] + _run(marks[tuple(ahead)], axis))
    return tuple(box)


def _run(marks: Marks, axis: int) -> int:
    """Return how many first entries along an axis are marked all over."""
    free = np.asarray(marks.all(axis=tuple(i for i in range(marks.ndim) if i != axis)))
    return len(free) if free.all() else int(free.argmin())

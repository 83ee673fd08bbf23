"""Rows of a plan whose cost is counted: all of them, or contiguous runs where they are many."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from patchplan.core.morton import morton
from patchplan.core.specs import IntArray, SpecTable
from patchplan.coverage.rows import PlanRows
from patchplan.patching.protocol import Patching

EXACT_ROWS = 1 << 20
"""Rows that are all counted."""

N_RUNS = 16
"""Runs of a sample, evenly spaced."""

RUN_ROWS = 1 << 16
"""Rows of each."""


class CostRows(NamedTuple):
    """Rows in the order in which they are read: epochs, images, samples, and boxes cut to the image (n, ndim)."""

    epoch: IntArray
    data_idx: IntArray
    sample_idx: IntArray
    start: IntArray
    stop: IntArray

    @classmethod
    def of(cls, specs: SpecTable, sizes: IntArray, epoch: IntArray | None = None) -> "CostRows":
        """Return specs as rows; `sizes` are (Z)YX of each image."""
        stop = np.minimum(specs.coords + specs.patch_size, sizes[specs.data_idx])
        epoch = np.zeros(len(specs), np.int64) if epoch is None else epoch
        return cls(epoch, specs.data_idx, specs.sample_idx, specs.coords, stop)

    @classmethod
    def join(cls, parts: "list[CostRows]", ndim: int) -> "CostRows":
        """Return rows of several parts as one."""
        flat, boxes = np.zeros(0, np.int64), np.zeros((0, ndim), np.int64)
        nothing = cls(flat, flat, flat, boxes, boxes)
        return cls(*(np.concatenate(columns) for columns in zip(nothing, *parts, strict=True)))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.data_idx)

    def take(self, which: IntArray | slice) -> "CostRows":
        """Return some rows."""
        return CostRows(*(column[which] for column in self))

    def by_image(self) -> Iterator[tuple[int, IntArray | slice]]:
        """Yield the rows of each image that has some."""
        if not self.n:
            return
        order = None if (np.diff(self.data_idx) >= 0).all() else np.argsort(self.data_idx, kind="stable")
        sorted_idx = self.data_idx if order is None else self.data_idx[order]
        bounds = [0, *(np.flatnonzero(np.diff(sorted_idx)) + 1).tolist(), self.n]
        for a, b in pairwise(bounds):
            yield int(sorted_idx[a]), slice(a, b) if order is None else order[a:b]

    def in_morton_order(self, chunk: IntArray) -> "CostRows":
        """Return the rows of each sample of each epoch in Morton order of the chunks (n, ndim) they start in."""
        keys = [morton(self.start), morton(self.start // chunk), self.sample_idx, self.data_idx, self.epoch]
        return self.take(np.lexsort(keys))


class Run(NamedTuple):
    """Rows read one after the other, of which the first `n_warm` only fill the cache."""

    rows: CostRows
    n_warm: int


def half_warm(rows: CostRows) -> Run:
    """Return a run of which the first half fills the cache and the second is counted."""
    return Run(rows, rows.n // 2)


def all_rows(rows: PlanRows) -> CostRows:
    """Return all rows of a plan."""
    ndim = rows.sizes.shape[1]
    parts = [CostRows.of(piece.specs, rows.sizes, piece.keys.get("epoch")) for piece in rows.pieces()]
    return CostRows.join(parts, ndim)


def spans(n_rows: int, length: int) -> list[tuple[int, int]]:
    """Return where runs of `length` rows begin and end, evenly spaced over a plan.

    Examples
    --------
    >>> spans(1000, 30)[:2], spans(1000, 30)[-1]
    ([(0, 30), (64, 94)], (970, 1000))
    """
    return [
        (i * (n_rows - length) // (N_RUNS - 1), i * (n_rows - length) // (N_RUNS - 1) + length) for i in range(N_RUNS)
    ]


def sampled_rows(rows: PlanRows) -> list[CostRows]:
    """Return evenly spaced runs of the rows of a large plan: of stored rows by one pass, of a grid by its numbers."""
    plan = rows.plan
    wanted = spans(plan.n_rows, min(RUN_ROWS, plan.n_rows))
    if not plan.header.rows:
        return runs_of(plan.patching, rows.sizes, wanted)
    parts: list[list[CostRows]] = [[] for _ in wanted]
    at = 0
    for piece in rows.pieces():
        here = at + len(piece.specs)
        for (start, stop), part in zip(wanted, parts, strict=True):
            a, b = max(start, at) - at, min(stop, here) - at
            if a < b:
                epoch = piece.keys.get("epoch")
                part.append(CostRows.of(piece.specs.slice(a, b), rows.sizes, None if epoch is None else epoch[a:b]))
        at = here
    return [CostRows.join(part, rows.sizes.shape[1]) for part in parts]


def runs_of(patching: Patching, sizes: IntArray, wanted: list[tuple[int, int]]) -> list[CostRows]:
    """Return runs of the patches of a strategy."""
    return [CostRows.of(patching.get_patch_specs(start, stop), sizes) for start, stop in wanted]

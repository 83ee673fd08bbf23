"""Rows of a plan in the order in which they are read."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from patchplan.core.morton import morton
from patchplan.core.specs import IntArray, SpecTable
from patchplan.coverage.rows import PlanRows


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


def all_rows(rows: PlanRows) -> CostRows:
    """Return all rows of a plan."""
    ndim = rows.sizes.shape[1]
    parts = [CostRows.of(piece.specs, rows.sizes, piece.keys.get("epoch")) for piece in rows.pieces()]
    return CostRows.join(parts, ndim)

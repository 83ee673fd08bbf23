"""Chunks of all images, as places that patches touch; see `cost_stored` for what a place is."""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.coverage.cost_rows import CostRows
from patchplan.coverage.cost_stored import ChunkGrid, Stored, stored_in
from patchplan.plans.plan import Plan

BATCH = 1 << 20
"""Touches that are numbered at once: some 50 bytes each."""

MAX_NUMBER = 1 << 62
"""Places, and bytes of one, that can be counted with."""


class Touched(NamedTuple):
    """Places that rows touch: a box of the grid of places each, `first` and `counts` (n, ndim).

    `slab` (n,) is that of the row, `base` (n,) the number of its first place, `steps` (n, ndim) are those between
    places.
    """

    slab: IntArray
    base: IntArray
    first: IntArray
    counts: IntArray
    steps: IntArray

    @property
    def n(self) -> IntArray:
        """Number of places of each row."""
        return np.asarray(self.counts.prod(axis=1, dtype=np.int64))

    def numbers(self) -> Iterator[IntArray]:
        """Yield the places of all rows in order, each row's in C order, in batches."""
        ends = np.cumsum(self.n)
        start = 0
        while start < len(ends):
            before = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + BATCH, side="right")))
            yield self._numbers(slice(start, stop), np.diff(ends[start:stop], prepend=before))
            start = stop

    def _numbers(self, rows: slice, n: IntArray) -> IntArray:
        row = np.repeat(np.arange(rows.start, rows.stop), n)
        within = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
        corner = self.base[rows] + (self.first[rows] * self.steps[rows]).sum(axis=1)
        number: IntArray = np.repeat(corner, n)
        for axis in reversed(range(1, self.counts.shape[1])):
            within, index = np.divmod(within, self.counts[row, axis])
            number += index * self.steps[row, axis]
        number += within * self.steps[row, 0]
        return number


class Places:
    """All places of all images; those whose chunks are not known, or that have none, have no places.

    `offset` is the number of each image's first place, and behind the last of all. A place of image i is of kind
    2 i, or of kind 2 i + 1 where its chunks are short: `kinds` are the numbers of each, `kind_bytes` their bytes.
    """

    def __init__(self, plan: Plan) -> None:
        ndim, z_as_samples = plan.header.ndim, bool(plan.header.config.get("z_as_samples"))
        self.stored = [stored_in(plan, data_idx) for data_idx in range(len(plan.images))]
        self.grids: list[ChunkGrid | None] = []
        self.offset = [0]
        self.kinds: list[int] = []
        self.kind_bytes: list[int] = []
        for data_idx, image in enumerate(plan.images):
            grid = ChunkGrid.of(image, self.stored[data_idx], ndim, z_as_samples=z_as_samples)
            if grid is not None and max(self.offset[-1] + sum(grid.kinds), *grid.kind_bytes) > MAX_NUMBER:
                as_planned = self.stored[data_idx].as_planned  # a header may claim anything
                grid, self.stored[data_idx] = None, Stored(None, None, None, False, as_planned)
            self.grids.append(grid)
            self.kinds += (0, 0) if grid is None else grid.kinds
            self.kind_bytes += (0, 0) if grid is None else grid.kind_bytes
            self.offset.append(self.offset[-1] + sum(self.kinds[-2:]))
        self._first = np.array(self.offset[:-1], np.int64)
        self._chunk = self._table(ndim, lambda grid: grid.chunk)
        self._counts = self._table(ndim, lambda grid: grid.counts)
        self._steps = self._table(ndim, lambda grid: [prod(grid.counts[axis + 1 :]) for axis in range(ndim)])
        self._short = np.array([grid is not None and grid.has_short for grid in self.grids])

    def _table(self, ndim: int, of: Any) -> IntArray:
        """Return numbers per image; 1 where there are no chunks, so that Morton order is that of pixels."""
        return np.array([[1] * ndim if grid is None else of(grid) for grid in self.grids], np.int64)

    @property
    def n_bytes(self) -> int:
        """Bytes of all places."""
        return sum(n * size for n, size in zip(self.kinds, self.kind_bytes, strict=True))

    @property
    def sizes(self) -> set[int]:
        """Bytes that places have."""
        return {size for n, size in zip(self.kinds, self.kind_bytes, strict=True) if n}

    def bytes_of(self, numbers: IntArray) -> IntArray:
        """Return the bytes of places."""
        return np.array(self.kind_bytes, np.int64)[self._kind(numbers)]

    def by_kind(self, numbers: IntArray) -> IntArray:
        """Return how many of some places are of each kind."""
        return np.bincount(self._kind(numbers), minlength=len(self.kinds))

    def _kind(self, numbers: IntArray) -> IntArray:
        image = np.searchsorted(self._first, numbers, side="right") - 1
        if not self._short.any():
            return np.asarray(2 * image)
        high = self._counts[image, -2]  # strips are as wide as the image: their numbers go on along Y
        return np.asarray(2 * image + (self._short[image] & ((numbers - self._first[image]) % high == high - 1)))

    def reaches_short(self, data_idx: IntArray, touched: Touched) -> IntArray:
        """Return which rows of these images touch short places."""
        last = self._counts[data_idx, -2] - 1
        return np.asarray(self._short[data_idx] & (touched.first[:, -2] + touched.counts[:, -2] > last))

    def chunk_of(self, rows: CostRows) -> IntArray:
        """Return the chunk size of each row's image."""
        return self._chunk[rows.data_idx]

    def touched(self, rows: CostRows) -> Touched:
        """Return the places that rows touch; none in images without."""
        chunk, steps = self._chunk[rows.data_idx], self._steps[rows.data_idx]
        first = rows.start // chunk
        counts = (rows.stop - 1) // chunk - first + 1
        base, slabs = self._first[rows.data_idx], np.zeros(rows.n, np.int64)
        for data_idx, mine in rows.by_image():
            grid = self.grids[data_idx]
            if grid is None:
                counts[mine] = 0
            else:
                slabs[mine] = grid.slab(rows.sample_idx[mine])
                base[mine] += slabs[mine] * prod(grid.counts)
        return Touched(slabs, base, first, counts, steps)

"""What images are stored in: chunks, as a grid of places that patches touch.

A place is where a chunk of every channel lies; a patch reads all channels, so these are loaded together. Places
are numbered through all images, in each in the order of chunks along its samples, then (Z) Y X.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.coverage.cost_rows import CostRows
from patchplan.errors import ImageError
from patchplan.images.layout import Layout, resolve
from patchplan.plans.header import ImageRecord
from patchplan.plans.plan import Plan

BATCH = 1 << 20
"""Touches that are numbered at once: some 50 bytes each."""

MAX_NUMBER = 1 << 62
"""Places, and bytes of one, that can be counted with."""

MAX_OPENED = 20
"""Images that are opened to see how they are stored now; of others the plan's header says it."""


class Stored(NamedTuple):
    """How an image is stored; `unit` is None where that cannot be told. Shapes in file axis order."""

    unit: Literal["chunk", "pixel"] | None
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None


def _stored(plan: Plan, data_idx: int, *, look: bool) -> Stored:
    record = plan.images[data_idx]
    chunks, shards, kind = record.chunks, record.shards, record.kind
    if look:
        try:
            info = plan.open_image(data_idx).info
            chunks, shards, kind = info.chunks, info.shards, info.kind
        except (ImageError, OSError, ValueError):  # it is told among the findings; a name may be one no file can have
            pass
    if chunks is None:
        return Stored("pixel" if kind == "npy" else None, None, None)
    if len(chunks) != len(record.shape) or min(chunks) < 1:
        return Stored(None, None, None)
    return Stored("chunk", chunks, shards)


@dataclass(frozen=True)
class ChunkGrid:
    """The chunks of one image: sizes, chunk sizes and numbers of chunks of its samples' axes and of its (Z)YX."""

    samples: tuple[int, ...]
    sample_chunk: tuple[int, ...]
    size: tuple[int, ...]
    chunk: tuple[int, ...]
    n_channel_chunks: int
    chunk_bytes: int

    @classmethod
    def of(cls, record: ImageRecord, chunks: Sequence[int], ndim: int, *, z_as_samples: bool) -> "ChunkGrid":
        """Return the grid of an image whose chunks have this shape, in file axis order."""
        layout = _layout(record.axes, record.shape, ndim, z_as_samples)
        return cls(
            samples=tuple(layout.shape[axis] for axis in layout.samples),
            sample_chunk=tuple(chunks[axis] for axis in layout.samples),
            size=tuple(layout.shape[axis] for axis in layout.spatial),
            chunk=tuple(chunks[axis] for axis in layout.spatial),
            n_channel_chunks=prod(-(-layout.shape[axis] // chunks[axis]) for axis in layout.channels),
            chunk_bytes=prod(chunks) * np.dtype(record.dtype).itemsize,
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of places along (Z)YX."""
        return tuple(-(-n // size) for n, size in zip(self.size, self.chunk, strict=True))

    @property
    def n_places(self) -> int:
        """Number of places."""
        along = (-(-n // size) for n, size in zip(self.samples, self.sample_chunk, strict=True))
        return prod(along) * prod(self.counts)

    @property
    def place_bytes(self) -> int:
        """Bytes of the chunks of all channels at a place, decoded."""
        return self.n_channel_chunks * self.chunk_bytes

    def slab(self, sample_idx: IntArray) -> IntArray:
        """Return the number of the slab of chunks that each sample is in."""
        if prod(self.sample_chunk) == 1:
            return sample_idx
        number, step = np.zeros_like(sample_idx), 1
        for n, size in zip(reversed(self.samples), reversed(self.sample_chunk), strict=True):
            sample_idx, index = np.divmod(sample_idx, n)
            number += index // size * step
            step *= -(-n // size)
        return number


@lru_cache(maxsize=256)
def _layout(axes: str, shape: tuple[int, ...], ndim: int, z_as_samples: bool) -> Layout:
    return resolve(axes, shape, ndim=ndim, z_as_samples=z_as_samples)


class Touched(NamedTuple):
    """Places that rows touch: a box of the grid of places each, `first` and `counts` (n, ndim).

    `base` (n,) is the number of the first place of a row's slab, `steps` (n, ndim) are those between places.
    """

    base: IntArray
    first: IntArray
    counts: IntArray
    steps: IntArray

    @property
    def n(self) -> NDArray[np.float64]:
        """Number of places of each row; float, as it may be anything."""
        found: NDArray[np.float64] = self.counts.prod(axis=1, dtype=np.float64)
        return found

    def numbers(self) -> Iterator[IntArray]:
        """Yield the places of all rows in order, each row's in C order, in batches."""
        ends = np.cumsum(self.n).astype(np.int64)
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

    `offset` is the number of each image's first place, and behind the last of all.
    """

    def __init__(self, plan: Plan) -> None:
        ndim, z_as_samples = plan.header.ndim, bool(plan.header.config.get("z_as_samples"))
        self.stored = [_stored(plan, data_idx, look=data_idx < MAX_OPENED) for data_idx in range(len(plan.images))]
        self.grids: list[ChunkGrid | None] = []
        self.offset = [0]
        for data_idx, image in enumerate(plan.images):
            chunks, n_places = self.stored[data_idx].chunks, 0
            grid = None if chunks is None else ChunkGrid.of(image, chunks, ndim, z_as_samples=z_as_samples)
            if grid is not None:
                n_places = grid.n_places
                if self.offset[-1] + n_places > MAX_NUMBER or grid.place_bytes > MAX_NUMBER:  # a header may claim it
                    grid, n_places, self.stored[data_idx] = None, 0, Stored(None, None, None)
            self.grids.append(grid)
            self.offset.append(self.offset[-1] + n_places)
        self._chunk = self._table(ndim, lambda grid: grid.chunk)
        self._steps = self._table(ndim, lambda grid: [prod(grid.counts[axis + 1 :]) for axis in range(ndim)])

    def _table(self, ndim: int, of: Any) -> IntArray:
        """Return numbers per image; 1 where there are no chunks, so that Morton order is that of pixels."""
        return np.array([[1] * ndim if grid is None else of(grid) for grid in self.grids], np.int64)

    @property
    def place_bytes(self) -> list[int]:
        """Bytes of a place of each image."""
        return [0 if grid is None else grid.place_bytes for grid in self.grids]

    def chunk_of(self, rows: CostRows) -> IntArray:
        """Return the chunk size of each row's image."""
        return self._chunk[rows.data_idx]

    def touched(self, rows: CostRows) -> Touched:
        """Return the places that rows touch; none in images without."""
        chunk, steps = self._chunk[rows.data_idx], self._steps[rows.data_idx]
        first = rows.start // chunk
        counts = (rows.stop - 1) // chunk - first + 1
        base = np.array(self.offset[:-1], np.int64)[rows.data_idx]
        for data_idx, mine in rows.by_image():
            grid = self.grids[data_idx]
            if grid is None:
                counts[mine] = 0
            else:
                base[mine] += grid.slab(rows.sample_idx[mine]) * prod(grid.counts)
        return Touched(base, first, counts, steps)

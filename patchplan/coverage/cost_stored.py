"""What images are stored in: chunks, as a grid of places.

A place is where a chunk of every channel lies; a patch reads all channels, so these are loaded together. Places
are numbered in the order of chunks along the samples, then (Z) Y X.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.errors import ImageError
from patchplan.images.layout import Layout, resolve
from patchplan.plans.header import ImageRecord
from patchplan.plans.plan import Plan

MAX_OPENED = 20
"""Images that are opened to see how they are stored now; of others the plan's header says it."""


class Stored(NamedTuple):
    """How an image is stored; `unit` is None where that cannot be told. Shapes in file axis order.

    The last of `strips` has only the rows that the image has; all other chunks are stored whole. `as_planned`
    where the plan's header says all this.
    """

    unit: Literal["chunk", "pixel"] | None
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    strips: bool
    as_planned: bool


def stored_in(plan: Plan, data_idx: int) -> Stored:
    """Return how an image is stored: of the first by their files where these are there."""
    record = plan.images[data_idx]
    chunks, shards, kind, as_planned = record.chunks, record.shards, record.kind, True
    if data_idx < MAX_OPENED:
        try:
            info = plan.open_image(data_idx).info
            chunks, shards, kind, as_planned = info.chunks, info.shards, info.kind, False
        except (ImageError, OSError, ValueError):  # it is told among the findings; a name may be one no file can have
            pass
    if chunks is None:
        return Stored("pixel" if kind == "npy" else None, None, None, False, as_planned)
    if len(chunks) != len(record.shape) or min(chunks) < 1:
        return Stored(None, None, None, False, as_planned)
    width = record.axes.index("X")  # a tile may be as wide as its image, too, but hardly ever is
    strips = kind == "tiff" and chunks[width] == record.shape[width]
    return Stored("chunk", chunks, shards, strips, as_planned)


@dataclass(frozen=True)
class ChunkGrid:
    """The chunks of one image: sizes and chunk sizes of its samples' axes and of its (Z)YX.

    `last_rows` are the pixels along Y of the last chunk there, less than of others where it is a strip.
    """

    samples: tuple[int, ...]
    sample_chunk: tuple[int, ...]
    size: tuple[int, ...]
    chunk: tuple[int, ...]
    n_channel_chunks: int
    chunk_bytes: int
    last_rows: int

    @classmethod
    def of(cls, record: ImageRecord, stored: Stored, ndim: int, *, z_as_samples: bool) -> "ChunkGrid | None":
        """Return the grid of an image that is stored so; None where it has no chunks."""
        chunks = stored.chunks
        if chunks is None:
            return None
        layout = _layout(record.axes, record.shape, ndim, z_as_samples)
        high = chunks[layout.spatial[-2]]
        return cls(
            samples=tuple(layout.shape[axis] for axis in layout.samples),
            sample_chunk=tuple(chunks[axis] for axis in layout.samples),
            size=tuple(layout.shape[axis] for axis in layout.spatial),
            chunk=tuple(chunks[axis] for axis in layout.spatial),
            n_channel_chunks=prod(-(-layout.shape[axis] // chunks[axis]) for axis in layout.channels),
            chunk_bytes=prod(chunks) * np.dtype(record.dtype).itemsize,
            last_rows=(layout.shape[layout.spatial[-2]] - 1) % high + 1 if stored.strips else high,
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of places along (Z)YX."""
        return tuple(-(-n // size) for n, size in zip(self.size, self.chunk, strict=True))

    @property
    def n_slabs(self) -> int:
        """Number of chunks along the samples."""
        return prod(-(-n // size) for n, size in zip(self.samples, self.sample_chunk, strict=True))

    @property
    def has_short(self) -> bool:
        """Whether the last chunks along Y are shorter than others."""
        return self.last_rows < self.chunk[-2]

    @property
    def kinds(self) -> tuple[int, int]:
        """Numbers of whole places and of short ones."""
        n_places = self.n_slabs * prod(self.counts)
        short = n_places // self.counts[-2] if self.has_short else 0
        return n_places - short, short

    @property
    def kind_bytes(self) -> tuple[int, int]:
        """Bytes of the chunks of all channels at a whole place and at a short one, decoded."""
        n_bytes = self.n_channel_chunks * self.chunk_bytes
        return n_bytes, n_bytes // self.chunk[-2] * self.last_rows

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

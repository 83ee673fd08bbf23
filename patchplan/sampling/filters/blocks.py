"""Reading all patches once: neighbours together, by several threads, in bounded memory."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.clusters import clusters
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.images import ImageSource

BLOCK_BYTES = 16 << 20
"""Bytes of a box that is read for several patches; chunks are decoded whole, so those of a larger chunk go together."""


class Block(NamedTuple):
    """A box of a sample, (Z)YX pixels, and the rows whose patches lie in it."""

    data_idx: int
    sample_idx: int
    start: Shape
    size: Shape
    rows: IntArray


def blocks(sources: Sequence[ImageSource], specs: SpecTable, pixel_bytes: int = 1) -> Iterator[Block]:
    """Yield blocks that hold each row once, sample by sample, in the order of the sources' chunks.

    `specs` are boxes in pixels of the sources, of which each will take at least `pixel_bytes`.
    """
    for rows in specs.by_sample():
        data_idx, sample_idx = int(specs.data_idx[rows[0]]), int(specs.sample_idx[rows[0]])
        source = sources[data_idx]
        chunk = np.array(source.spatial_chunks, np.int64)
        most = max(BLOCK_BYTES // max(source.dtype.itemsize, pixel_bytes), int(chunk.prod()))
        for found in clusters(specs.coords[rows], specs.patch_size[rows], chunk, most):
            yield Block(data_idx, sample_idx, found.start, found.size, rows[found.members])


def read_numbers(source: ImageSource, block: Block, channel: int) -> NDArray[Any]:
    """Return a block of one channel, (Z)YX; NaN is 0, as is what lies outside the image."""
    pixels: NDArray[Any] = source.read(block.sample_idx, block.start, block.size, [channel])[0]
    if pixels.dtype.kind == "f":
        pixels[np.isnan(pixels)] = 0
    return pixels

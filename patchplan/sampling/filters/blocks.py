"""Reading all patches once: neighbours together, by several threads, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    for rows in _by_sample(specs):
        data_idx, sample_idx = int(specs.data_idx[rows[0]]), int(specs.sample_idx[rows[0]])
        source = sources[data_idx]
        chunk = _chunk(source)
        most = max(BLOCK_BYTES // max(source.dtype.itemsize, pixel_bytes), int(chunk.prod()))
        for found in clusters(specs.coords[rows], specs.patch_size[rows], chunk, most):
            yield Block(data_idx, sample_idx, found.start, found.size, rows[found.members])


def _by_sample(specs: SpecTable) -> list[IntArray]:
    """Return the rows of each sample of each image."""
    if not len(specs):
        return []
    order = np.lexsort((specs.sample_idx, specs.data_idx))
    data_idx, sample_idx = specs.data_idx[order], specs.sample_idx[order]
    return np.split(order, np.flatnonzero((np.diff(data_idx) != 0) | (np.diff(sample_idx) != 0)) + 1)


def _chunk(source: ImageSource) -> IntArray:
    """Return the chunk on the (Z)YX axes; ones where the source has none."""
    if source.chunks is None:
        return np.ones(source.ndim, np.int64)
    return np.array([max(1, source.chunks[axis]) for axis in source.layout.spatial], np.int64)


def read_numbers(source: ImageSource, block: Block, channel: int) -> NDArray[Any]:
    """Return a block of one channel, (Z)YX; NaN is 0, as is what lies outside the image."""
    pixels: NDArray[Any] = source.read(block.sample_idx, block.start, block.size, [channel])[0]
    if pixels.dtype.kind == "f":
        pixels[np.isnan(pixels)] = 0
    return pixels


def each_block(
    work: Callable[[Block], None],
    todo: Iterable[Block],
    *,
    workers: int,
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Do the work of all blocks by some threads, of which each holds one; tell how many rows are done."""
    done = 0
    underway: deque[tuple[Block, Future[None]]] = deque()
    pool = ThreadPoolExecutor(workers, "patchplan-filter")

    def finish() -> None:
        nonlocal done
        block, future = underway.popleft()
        future.result()
        done += len(block.rows)
        if progress is not None:
            progress(done, total)

    try:
        for block in todo:
            if len(underway) >= 2 * workers:
                finish()
            underway.append((block, pool.submit(work, block)))
        while underway:
            finish()
    finally:
        pool.shutdown(cancel_futures=True)

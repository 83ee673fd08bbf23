"""Chunks and shards: along T and C always 1, but for colours that are last."""

from math import prod

from patchplan.stitching.canvases.options import CanvasOptions
from patchplan.stitching.frame import Frame

_DEFAULT_CHUNKS = {2: (512, 512), 3: (64, 128, 128)}
_DEFAULT_SHARDS = {2: (8, 8), 3: (2, 4, 4)}
"""Chunks per shard."""

_MAX_FILES = 4096
"""Chunks of full resolution that are stored as files of their own unless shards are asked for."""


def default_chunks(frame: Frame) -> tuple[int, ...]:
    """Return the pixels of a chunk in (Z)YX, none larger than the image."""
    return _clip(_DEFAULT_CHUNKS[len(frame.space)], frame.spatial)


def _clip(sizes: tuple[int, ...], spatial: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(size, n) for size, n in zip(sizes, spatial, strict=True))


def chunks_and_shards(frame: Frame, options: CanvasOptions) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the pixels of a chunk and of a shard in (Z)YX; shards are whole chunks, None is no shards."""
    chunks = _clip(options.chunks or _fitting(frame, options), frame.spatial)
    n_chunks = tuple(-(-n // size) for n, size in zip(frame.spatial, chunks, strict=True))
    if options.shards == "none" or options.ngff == "0.4":
        return chunks, None
    if options.shards is None:
        if frame.n_samples * frame.n_channels * prod(n_chunks) <= _MAX_FILES:
            return chunks, None
        per_shard = _DEFAULT_SHARDS[len(chunks)]
    else:
        per_shard = tuple(-(-shard // chunk) for shard, chunk in zip(options.shards, chunks, strict=True))
    per_shard = _clip(per_shard, n_chunks)
    return chunks, tuple(n * chunk for n, chunk in zip(per_shard, chunks, strict=True))


def _fitting(frame: Frame, options: CanvasOptions) -> tuple[int, ...]:
    """Return default chunks, or where shards are given, the largest parts of those that are not larger."""
    usual = _DEFAULT_CHUNKS[len(frame.space)]
    if options.shards is None or options.shards == "none":
        return usual
    return tuple(
        next(shard // n for n in range(1, shard + 1) if shard % n == 0 and shard // n <= size)
        for shard, size in zip(options.shards, usual, strict=True)
    )


def on_axes(frame: Frame, spatial: tuple[int, ...]) -> tuple[int, ...]:
    """Return a size in (Z)YX as one on the axes of the output."""
    sizes = [1] * len(frame.axes)
    if frame.axes.endswith("C"):
        sizes[-1] = frame.shape[-1]
    for axis, size in zip(frame.space, spatial, strict=True):
        sizes[axis] = size
    return tuple(sizes)

"""A small picture of an image, read in bounded memory and time from a fitting pyramid level, or from samples of it.

Blocks of whole chunks are read; where all would be too many, evenly spaced ones, and what lies between them
looks like the nearest.
"""

from collections.abc import Iterator
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import ImageError
from patchplan.images import ImageSource, open_image
from patchplan.pictures.panels import Panel, block_of
from patchplan.plans.plan import Plan

MAX_BLOCK = 1 << 23
"""Pixels of a block that is read at once, where chunks are larger or there are none."""

MAX_CHANNELS = 4
TINTS = ((0.0, 0.75, 1.0), (1.0, 0.6, 0.0), (1.0, 0.3, 1.0), (0.6, 0.6, 0.6))
"""Colours of channels, which the colour-blind tell apart: they are added up."""


class Thumbnail(NamedTuple):
    """A JPEG, and how it came about."""

    jpeg: bytes
    note: str


def thumbnail(plan: Plan, panel: Panel, side: int, budget: int) -> Thumbnail:
    """Return a picture no longer than `side`, for which about `budget` pixels are read.

    Raises
    ------
    ImageError
        If the image is not there, is not as it was planned, or cannot be read.
    """
    from imagecodecs import jpeg8_encode

    source = _at_level(plan, panel.data_idx, side)
    means, whole = _Reduced(source, panel.sample_idx, side, budget).read()
    notes = ["" if whole else "from evenly spaced parts"]
    if source.ndim == 3:
        notes.append(f"Z slice {source.data_shape[2] // 2} of {source.data_shape[2]}")
    if source.info.level != plan.images[panel.data_idx].level:
        notes.append(f"pyramid level {source.info.level}")
    if source.data_shape[1] > MAX_CHANNELS:
        notes.append(f"channels 0 to {len(means) - 1} of {source.data_shape[1]}")
    picture = np.ascontiguousarray(shown(means, colour=_is_colour(source)))
    return Thumbnail(bytes(jpeg8_encode(picture, level=82)), ", ".join(filter(None, notes)))


def shown(means: NDArray[np.float32], *, colour: bool) -> NDArray[np.uint8]:
    """Return channels C Y X as 8-bit gray (YX) or RGB (YXC); 1 and 99.8 percent become black and white."""
    if colour:
        most = max(255.0, float(means[:3].max()))
        stretched: NDArray[Any] = np.moveaxis(means[:3] * (255 / most), 0, 2)
        return stretched.clip(0, 255).astype(np.uint8)
    low, high = np.percentile(means, (1, 99.8), axis=(1, 2), keepdims=True)
    scaled = ((means - low) / np.where(high > low, high - low, 1)).clip(0, 1)
    if len(means) == 1:
        gray: NDArray[np.uint8] = (scaled[0] * 255).astype(np.uint8)
        return gray
    mixed: NDArray[Any] = np.tensordot(scaled, np.array(TINTS[: len(means)]), axes=(0, 0))
    return (mixed.clip(0, 1) * 255).astype(np.uint8)


def _is_colour(source: ImageSource) -> bool:
    return source.axes.endswith("C") and source.data_shape[1] in (3, 4) and source.dtype.kind == "u"


def _at_level(plan: Plan, data_idx: int, side: int) -> ImageSource:
    """Return the image at its coarsest level that is not smaller than the picture."""
    source = plan.open_image(data_idx)
    info = source.info
    if info.kind not in {"tiff", "ome-zarr"} or len(info.levels) < 2:
        return source
    y, x = info.axes.index("Y"), info.axes.index("X")
    fitting = [k for k, shape in enumerate(info.levels) if max(shape[y], shape[x]) >= side]
    level = max([info.level or 0, *fitting])
    if level == (info.level or 0):
        return source
    try:
        coarse = open_image(
            info.uri,
            axes=info.axes if info.axes.count("C") < 2 else None,
            series=info.series,
            level=level,
            z_as_samples=bool(plan.header.config.get("z_as_samples")),
            ndim=plan.header.ndim,
        )
    except ImageError:
        return source
    same = coarse.info.levels == info.levels and coarse.data_shape[:2] == source.data_shape[:2]
    return coarse if same else source


class _Reduced:
    """Means of the pixels that fall into each pixel of the picture, channels C Y X."""

    def __init__(self, source: ImageSource, sample_idx: int, side: int, budget: int) -> None:
        self._source, self._sample_idx = source, sample_idx
        self._channels = list(range(min(MAX_CHANNELS, source.data_shape[1])))
        self._size = source.data_shape[-2:]
        self._factors = block_of(self._size, side)
        shape = tuple(ceil(n / factor) for n, factor in zip(self._size, self._factors, strict=True))
        self._sums: NDArray[Any] = np.zeros((len(self._channels), *shape), np.float64)
        self._n: NDArray[Any] = np.zeros(shape, np.int64)
        self._block = self._chunk()
        each = self._block[0] * self._block[1] * len(self._channels)
        counts = [ceil(n / b) for n, b in zip(self._size, self._block, strict=True)]
        most = max(1, budget // each)
        self._every = self._spacing(counts, most)

    def _chunk(self) -> tuple[int, int]:
        """Return pixels YX of a block: a chunk, or rows of about as much."""
        height, width = self._size
        chunks = self._source.chunks
        y, x = (self._source.axes.index(letter) for letter in "YX")
        block_x = width if chunks is None else min(width, chunks[x])
        rows = max(1, MAX_BLOCK // 32 // block_x) if chunks is None else min(height, chunks[y])
        return min(rows, max(1, MAX_BLOCK // block_x), height), block_x

    def _spacing(self, counts: list[int], most: int) -> tuple[int, int]:
        """Return of how many blocks on Y and X one is read."""
        if counts[0] * counts[1] <= most:
            return 1, 1
        apart = ceil(sqrt(counts[0] * counts[1] / most))
        across = min(apart, counts[1])
        down = ceil(counts[0] / max(1, most // ceil(counts[1] / across)))
        return max(1, down), across

    def read(self) -> tuple[NDArray[np.float32], bool]:
        """Return the means, and whether all pixels were read."""
        for start, stop in self._blocks():
            self._add(start, stop)
        means = self._sums / np.maximum(self._n, 1)
        for axis in (0, 1):
            there = np.flatnonzero(self._n.any(axis=1 - axis))
            middle = (there[1:] + there[:-1] + 1) // 2
            nearest = there[np.searchsorted(middle, np.arange(self._n.shape[axis]), side="right")]
            means = np.take(means, nearest, axis=axis + 1)
        return means.astype(np.float32), self._every == (1, 1)

    def _blocks(self) -> Iterator[tuple[list[int], list[int]]]:
        spans = []
        for size, block, every in zip(self._size, self._block, self._every, strict=True):
            first = min(every // 2, (size - 1) // block)
            spans.append([(at, min(at + block, size)) for at in range(first * block, size, every * block)])
        for top, bottom in spans[0]:
            for left, right in spans[1]:
                yield [top, left], [bottom, right]

    def _add(self, start: list[int], stop: list[int]) -> None:
        depth = self._source.data_shape[2:-2]
        before, thick = [n // 2 for n in depth], [1 for _ in depth]
        size = [b - a for a, b in zip(start, stop, strict=True)]
        read = self._source.read(self._sample_idx, [*before, *start], [*thick, *size], self._channels)
        pixels = read.reshape(len(self._channels), *size)
        pixels = np.abs(pixels) if pixels.dtype.kind == "c" else pixels
        with np.errstate(invalid="ignore", over="ignore"):
            values = np.nan_to_num(pixels.astype(np.float32), posinf=0, neginf=0)
        counts: NDArray[Any] = np.ones(size, np.int64)
        corner = []
        for axis, (low, high) in enumerate(zip(start, stop, strict=True)):
            pixel = np.arange(low, high) // self._factors[axis]
            begins = np.flatnonzero(np.diff(pixel, prepend=-1))
            values = np.add.reduceat(values, begins, axis=axis + 1)
            counts = np.add.reduceat(counts, begins, axis=axis)
            corner.append(int(pixel[0]))
        here = tuple(slice(a, a + n) for a, n in zip(corner, counts.shape, strict=True))
        self._sums[(slice(None), *here)] += values
        self._n[here] += counts

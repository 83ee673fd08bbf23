"""Regions of a TIFF series, strip by strip or tile by tile.

    series    T Z C | Y X S        its last axes are those of a page, the others number the pages
    page      s d l w c            tifffile's normal form: separate samples, depth, length, width, contiguous
                                   samples; segments (strips, tiles) are numbered over s d l w in C order

Uncompressed data that lies in one piece is memory-mapped, so an ImageJ stack of any size costs what is read.
tifffile's Zarr store would do too, but it decodes without asking how large a segment claims to be, keeps no
decoded strip, and costs an event loop per read (2 to 12 times as long: tests/benchmarks/bench_open.py).
"""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError
from patchplan.images.layout import Box
from patchplan.images.limits import CACHE, check_chunk
from patchplan.images.paths import Stamp, is_touched, look
from patchplan.images.reading import Reader
from patchplan.images.tiff.claims import open_tiff
from patchplan.images.tiff.frames import check_frame

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries


@dataclass(frozen=True, slots=True)
class TiffRecipe:
    """A series and level of a file, with the shape and dtype that it had."""

    path: str
    series: int
    level: int
    shape: tuple[int, ...]
    dtype: str
    stamp: Stamp

    def open(self) -> Reader:
        """Open and parse the file."""
        from patchplan.images.tiff.meta import true_levels

        tif = open_tiff(look(Path(self.path)))
        try:
            series = true_levels(tif.series[self.series])[self.level]
            if tuple(series.shape) != self.shape or series.dtype.newbyteorder("=").name != self.dtype:
                raise RefusedError(f"has changed since it was opened: {series.shape} {series.dtype}, was {self.shape}")
            return TiffReader(tif, series)
        except BaseException:
            tif.close()
            raise

    def check(self) -> None:
        """Refuse another size or structure."""
        if is_touched(self.path, self.stamp):
            self.open().close()


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the axes of a series map to pages and their segments.

    `n_outer` axes number the pages; `places` gives for each other axis its position in the normal form, or
    None for an axis of size 1 that the page does not have.
    """

    shape: tuple[int, ...]
    n_outer: int
    places: tuple[int | None, ...]
    paged: tuple[int, ...]
    segment: tuple[int, ...]

    @classmethod
    def of(cls, page: "TiffPage", shape: tuple[int, ...]) -> "Geometry":
        """Fit the shape of a series to the shape of its pages, or refuse."""
        paged = tuple(int(n) for n in page.shaped)
        n_outer = len(shape)
        while n_outer and prod(shape[n_outer:]) < prod(paged):
            n_outer -= 1
        inner = shape[n_outer:]
        long = iter([place for place, n in enumerate(paged) if n > 1])
        places = tuple(next(long, -1) if n > 1 else None for n in inner)
        fits = all(place is None or paged[place] == n for n, place in zip(inner, places, strict=True))
        if prod(inner) != prod(paged) or not fits or -1 in places:
            raise RefusedError(
                f"pages of shape {tuple(page.shape)} do not fit the image's shape {shape}: not supported"
            )
        return cls(shape, n_outer, places, paged, _segment_shape(page, paged))

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a segment in the axes of the series, clipped to it."""
        inner = [1 if place is None else min(self.segment[place], self.paged[place]) for place in self.places]
        return (1,) * self.n_outer + tuple(inner)

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of segments per axis of the normal form."""
        return tuple(-(-n // size) for n, size in zip(self.paged, self.segment, strict=True))

    @property
    def n_segments(self) -> int:
        """Number of segments of a page."""
        return prod(self.counts)

    def to_page(self, box: Box) -> Box:
        """Return the part of a box within a page, in normal form."""
        inside = [slice(0, 1)] * len(self.paged)
        for piece, place in zip(box[self.n_outer :], self.places, strict=True):
            if place is not None:
                inside[place] = piece
        return tuple(inside)

    def segments(self, inside: Box) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield number and start of each segment that a box in normal form touches."""
        ranges = [
            range(piece.start // size, -(-piece.stop // size)) for piece, size in zip(inside, self.segment, strict=True)
        ]
        for index in itertools.product(*ranges):
            number = 0
            for i, n in zip(index, self.counts, strict=True):
                number = number * n + i
            yield number, tuple(i * size for i, size in zip(index, self.segment, strict=True))


def _segment_shape(page: "TiffPage", paged: tuple[int, ...]) -> tuple[int, ...]:
    if page.is_tiled:
        shape = (1, page.tiledepth, page.tilelength, page.tilewidth, paged[4])
    else:
        shape = (1, 1, page.rowsperstrip, paged[3], paged[4])
    if any(int(n) < 1 for n in shape):
        raise RefusedError(f"tiles or strips of shape {shape[1:4]} are broken")
    return tuple(int(n) for n in shape)


class TiffReader:
    """Pixels of a series of an open file, which it closes in the end."""

    def __init__(self, tif: "TiffFile", series: "TiffPageSeries") -> None:
        self._lock = threading.RLock()
        self._tif, self._series = tif, series
        self._page = series.keyframe
        self._dtype = np.dtype(self._page.dtype)
        shape = tuple(int(n) for n in series.shape)
        self._geometry = Geometry.of(self._page, shape)
        offset = series.dataoffset
        self._whole = None if offset is None else self._map(self._page, offset, shape)
        if self._whole is not None:
            self._tif.close()  # the map holds a descriptor of its own

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._tif.close()
        CACHE.drop(self)

    def read(self, box: Box) -> NDArray[Any]:
        """Return a box in file axis order, which may be a view of the mapped file."""
        block = self._whole[box] if self._whole is not None else self._gather(box)
        transform = self._series.transform
        return block if transform is None else transform(block)

    def _map(self, page: "TiffPage | TiffFrame", offset: int, shape: tuple[int, ...]) -> NDArray[Any]:
        """Map data that lies in one piece."""
        handle = page.parent.filehandle
        needed = offset + prod(shape) * self._dtype.itemsize
        if handle.size < needed:
            raise RefusedError(f"is truncated: {handle.size:,} bytes, its pixels need {needed:,}")
        dtype = self._dtype.newbyteorder(page.parent.byteorder)
        return np.memmap(handle.path, dtype, "r", offset, shape)

    def _gather(self, box: Box) -> NDArray[Any]:
        """Put a box together page by page."""
        geometry = self._geometry
        outer, inside = box[: geometry.n_outer], geometry.to_page(box)
        within = tuple(piece.stop - piece.start for piece in inside)
        n_pages = prod(piece.stop - piece.start for piece in outer)
        pages = np.empty((n_pages, *within), self._dtype)
        strides = geometry.shape[: geometry.n_outer]
        for k, index in enumerate(itertools.product(*(range(p.start, p.stop) for p in outer))):
            number = int(np.ravel_multi_index(index, strides)) if index else 0
            self._read_page(number, inside, pages[k])
        return pages.reshape(tuple(piece.stop - piece.start for piece in box))

    def _read_page(self, number: int, inside: Box, out: NDArray[Any]) -> None:
        with self._lock:
            page = self._series[number]
            if page is None:
                out[...] = 0
                return
            offsets, counts = page.dataoffsets, page.databytecounts
        if page.is_final and len(offsets) and offsets[0]:
            out[...] = self._map(page, offsets[0], self._geometry.paged)[inside]
            return
        if 2 * len(offsets) < self._geometry.n_segments:
            raise RefusedError(f"is broken: a page lists {len(offsets)} of its {self._geometry.n_segments} segments")
        for segment, start in self._geometry.segments(inside):
            sides = zip(start, self._geometry.segment, inside, strict=True)
            cut = [(max(a, p.start), min(a + n, p.stop), a, p.start) for a, n, p in sides]
            target = tuple(slice(lo - first, hi - first) for lo, hi, _, first in cut)
            if segment >= len(offsets) or not counts[segment]:
                out[target] = self._page.nodata
                continue
            decoded = CACHE.get((self, number, segment), partial(self._decode, page, segment))
            out[target] = decoded[tuple(slice(lo - a, hi - a) for lo, hi, a, _ in cut[1:])]

    def _decode(self, page: "TiffPage | TiffFrame", segment: int) -> NDArray[Any]:
        """Return a decoded segment as d l w c."""
        offset, count = page.dataoffsets[segment], page.databytecounts[segment]
        handle = page.parent.filehandle
        there = max(0, min(count, handle.size - offset))
        check_chunk(prod(self._geometry.segment) * self._dtype.itemsize, there, f"segment {segment}")
        if there < count:
            raise RefusedError(f"is truncated: segment {segment} has {there:,} of {count:,} bytes")
        with self._lock:
            closed = handle.closed
            if closed:
                handle.open()
            handle.seek(offset)
            data = handle.read(count)
            if closed:
                handle.close()
            arguments: dict[str, Any] = {"_fullsize": self._page.is_tiled}
            if page.jpegtables is not None:
                arguments["jpegtables"] = page.jpegtables
            if self._page.jpegheader is not None:
                arguments["jpegheader"] = self._page.jpegheader
            keyframe = page.keyframe or self._page
            decode = keyframe.decode
        for text in (data, arguments.get("jpegheader", b"")):
            check_frame(text, self._geometry.segment[1:], f"segment {segment}")
        decoded = decode(data, segment, **arguments)[0]
        if decoded is None:
            raise RefusedError(f"segment {segment} decodes to nothing")
        return decoded

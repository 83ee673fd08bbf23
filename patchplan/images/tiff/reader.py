"""Regions of a TIFF series, strip by strip or tile by tile.

Uncompressed data that lies in one piece is memory-mapped, so an ImageJ stack of any size costs what is read.
tifffile's Zarr store would do too, but it decodes without asking how large a segment claims to be, keeps no
decoded strip, and costs an event loop per read (2 to 12 times as long: tests/benchmarks/bench_open.py).
"""

import itertools
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError
from patchplan.images.layout import Box
from patchplan.images.limits import CACHE, check_chunk
from patchplan.images.paths import Seen, Stamp, is_touched, look
from patchplan.images.ranges import Ranges
from patchplan.images.reading import Reader
from patchplan.images.tiff.claims import open_tiff
from patchplan.images.tiff.frames import check_frame
from patchplan.images.tiff.geometry import Geometry
from patchplan.objects import ObjectPath, location

if TYPE_CHECKING:
    from tifffile import FileHandle, TiffFile, TiffFrame, TiffPage, TiffPageSeries


AHEAD_BYTES = 32 << 20
"""Bytes of segments of an object that are fetched at a time."""


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

        path = location(self.path)
        seen = look(path)
        tif = open_tiff(seen)
        try:
            series = true_levels(tif.series[self.series])[self.level]
            if tuple(series.shape) != self.shape or series.dtype.newbyteorder("=").name != self.dtype:
                raise RefusedError(f"has changed since it was opened: {series.shape} {series.dtype}, was {self.shape}")
            return TiffReader(tif, series, seen)
        except BaseException:
            tif.close()
            raise

    def check(self) -> None:
        """Refuse another size or structure."""
        if is_touched(self.path, self.stamp):
            self.open().close()


class TiffReader:
    """Pixels of a series of an open file, which it closes in the end."""

    def __init__(self, tif: "TiffFile", series: "TiffPageSeries", seen: Seen) -> None:
        self._lock = threading.RLock()
        remote = seen.path if isinstance(seen.path, ObjectPath) else None
        self._etag = seen.etag
        self._held = seen.head if remote is not None and len(seen.head) >= seen.size else None
        self._remote = None if self._held is not None else remote
        self._tif, self._series = tif, series
        self._page = series.keyframe
        self._dtype = np.dtype(self._page.dtype)
        shape = tuple(int(n) for n in series.shape)
        self._geometry = Geometry.of(self._page, shape)
        offset = series.dataoffset
        self._whole = None if offset is None else self._map(self._page, offset, shape)
        if self._whole is not None:
            self._tif.close()  # the map does without

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

    def _map(self, page: "TiffPage | TiffFrame", offset: int, shape: tuple[int, ...]) -> "NDArray[Any] | Ranges":
        """Map data that lies in one piece."""
        handle = page.parent.filehandle
        needed = offset + prod(shape) * self._dtype.itemsize
        if handle.size < needed:
            raise RefusedError(f"is truncated: {handle.size:,} bytes, its pixels need {needed:,}")
        dtype = self._dtype.newbyteorder(page.parent.byteorder)
        if self._held is not None:
            return np.frombuffer(self._held, dtype, prod(shape), offset).reshape(shape)
        if self._remote is not None:
            return Ranges(self._remote, dtype, offset, shape, self._etag)
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
        ahead = self._ahead(page, number, inside)
        for segment, start in self._geometry.segments(inside):
            sides = zip(start, self._geometry.segment, inside, strict=True)
            cut = [(max(a, p.start), min(a + n, p.stop), a, p.start) for a, n, p in sides]
            target = tuple(slice(lo - first, hi - first) for lo, hi, _, first in cut)
            if segment >= len(offsets) or not counts[segment]:
                out[target] = self._page.nodata
                continue
            decoded = CACHE.get((self, number, segment), partial(self._decode, page, segment, ahead))
            out[target] = decoded[tuple(slice(lo - a, hi - a) for lo, hi, a, _ in cut[1:])]

    def _ahead(self, page: "TiffPage | TiffFrame", number: int, inside: Box) -> Iterator[tuple[int, memoryview]]:
        """Yield number and bytes of each segment of an object that is not held decoded, fetched many at a time."""
        if self._remote is None:
            return
        counts = page.databytecounts
        wanted = [n for n, _ in self._geometry.segments(inside) if n < len(page.dataoffsets) and counts[n]]
        wanted = [n for n in wanted if not CACHE.holds((self, number, n))]
        while wanted:
            many = max(1, bisect_right(list(itertools.accumulate(counts[n] for n in wanted)), AHEAD_BYTES))
            found = self._remote.read_ranges([self._span(page, n) for n in wanted[:many]], etag=self._etag)
            yield from zip(wanted[:many], found, strict=True)
            del wanted[:many]

    def _span(self, page: "TiffPage | TiffFrame", segment: int) -> tuple[int, int]:
        """Return where the bytes of a segment are, or refuse one that is cut off or claims too much."""
        offset, count = page.dataoffsets[segment], page.databytecounts[segment]
        there = max(0, min(count, page.parent.filehandle.size - offset))
        check_chunk(prod(self._geometry.segment) * self._dtype.itemsize, there, f"segment {segment}")
        if there < count:
            raise RefusedError(f"is truncated: segment {segment} has {there:,} of {count:,} bytes")
        return offset, offset + count

    def _fetch(self, handle: "FileHandle", offset: int, stop: int) -> bytes:
        """Return bytes of a file."""
        with self._lock:
            closed = handle.closed
            if closed:
                handle.open()
            handle.seek(offset)
            data = handle.read(stop - offset)
            if closed:
                handle.close()
            return data

    def _decode(
        self, page: "TiffPage | TiffFrame", segment: int, ahead: Iterator[tuple[int, memoryview]]
    ) -> NDArray[Any]:
        """Return a decoded segment as d l w c."""
        offset, stop = self._span(page, segment)
        if self._remote is None:
            data = self._fetch(page.parent.filehandle, offset, stop)
        else:
            found = next((bytes(text) for n, text in ahead if n == segment), None)
            if found is None:  # dropped since it was held
                found = self._remote.read_range(offset, stop, etag=self._etag)
            data = found
        with self._lock:
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

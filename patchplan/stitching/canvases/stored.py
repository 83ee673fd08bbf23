"""The Zarr arrays of one image: full resolution is written by blocks, further levels follow from it."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.layout import Box
from patchplan.images.zarr.traffic import Pixels, open_pixels
from patchplan.journal import stamp
from patchplan.journal.stamps import Stamp, stamps_before
from patchplan.objects import Location, ObjectPath
from patchplan.publish.documents import files_in, remove_files
from patchplan.stitching.canvases.arrays import ArrayPlan, create_array
from patchplan.stitching.canvases.compression import Codec
from patchplan.stitching.canvases.downsample import first_pixels, mean_pixels
from patchplan.stitching.canvases.grid import on_axes
from patchplan.stitching.canvases.levels import Level
from patchplan.stitching.canvases.protocol import Progress
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger

_PIECE = 1 << 18
"""Pixels that one thread halves at a time, at least: smaller chunks are taken several at once."""

_BLOCK = 1 << 22
"""Pixels of a level that are written at a time where there are no shards."""


_Halve = Callable[[NDArray[Any], Sequence[int]], NDArray[Any]]


@dataclass(frozen=True)
class Storage:
    """How arrays are stored: Zarr version, chunks and shards in (Z)YX, compression, threads that encode.

    `whole_chunks` keeps the size of chunks where an image is smaller.
    """

    version: int
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    codec: Codec
    threads: int
    whole_chunks: bool = False


class StoredLevels:
    """Arrays called 0, 1, ... in a folder that exists; those that are there already are gone on with."""

    def __init__(self, folder: Location, frame: Frame, levels: Sequence[Level], storage: Storage) -> None:
        self.folder = folder
        self.frame = frame
        self.levels = levels
        self._storage = storage
        for number, level in enumerate(levels):
            create_array(folder / str(number), self._array(level), storage.version)
        self._full = self.open(0, write=True)
        arrays = [self._array(level) for level in levels]
        chunks = "" if storage.version == 2 else "c/"
        self._pieces = [(f"{number}/{chunks}", array.shards or array.chunks) for number, array in enumerate(arrays)]
        self._stamp: Stamp = stamps_before(folder)

    def _array(self, level: Level) -> ArrayPlan:
        frame, storage = self.frame, self._storage
        chunks = on_axes(frame, storage.chunks)
        if not storage.whole_chunks:
            chunks = _within(chunks, level.shape)
        shards = None
        if storage.shards is not None:
            asked = _within(on_axes(frame, storage.shards), level.shape)
            shards = tuple(-(-n // size) * size for n, size in zip(asked, chunks, strict=True))
        return ArrayPlan(
            shape=level.shape,
            dtype=frame.dtype,
            chunks=chunks,
            shards=None if shards == chunks else shards,
            codec=storage.codec,
            names=frame.axes.lower(),
        )

    def open(self, number: int, *, write: bool = False) -> Pixels:
        """Open the array of a level."""
        storage = self._storage
        return open_pixels(self.folder, str(number), version=storage.version, threads=storage.threads, write=write)

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write pixels C(Z)YX of a sample at full resolution: whole blocks, or up to the edge."""
        self._stamp = stamp
        stop = [first + size for first, size in zip(start, data.shape[1:], strict=True)]
        self._full.write(self.frame.box(sample_idx, start, stop), self.frame.to_output(data))

    def files(self, number: int, box: Box) -> list[str] | list[ObjectPath]:
        """Return the files of a level that hold a box: those of chunks, or of shards where there are shards."""
        start, unit = self._pieces[number]
        axes = [range(p.start // n, -(-p.stop // n)) for p, n in zip(box, unit, strict=True)]
        return files_in(self.folder, (start + "/".join(map(str, index)) for index in product(*axes)))

    def stamp(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> int:
        """Return what the files of blocks at full resolution are like."""
        return self._stamp(self.files(0, self.frame.box(sample_idx, start, stop)))

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return how much memory a `write` of data C(Z)YX takes at most, beside the data."""
        return self._encoding(prod(shape) * self.frame.dtype.itemsize)

    def _encoding(self, size: int) -> int:
        """Return how much memory it takes to write so many bytes, as measured.

        A shard is held encoded, and noise does not shrink; threads encode a chunk each.
        """
        return size * 5 // 4 + 2 * self._storage.threads * prod(self._storage.chunks) * self.frame.dtype.itemsize

    def build_bytes(self) -> int:
        """Return how much memory `build` takes at most: a block, its encoded copy, and what threads halve."""
        size, most = self.frame.dtype.itemsize, 0
        for below, level in pairwise(self.levels):
            block = prod(_within(self._unit(level), level.shape)) * size
            chunk = prod(_within(self._array(below).chunks, below.shape))
            piece = max(chunk, _PIECE * prod(level.step)) * size
            # a piece is held as it is stored, as it is read, and halved
            most = max(most, block + self._encoding(block) + 4 * self._storage.threads * min(piece, 4 * block))
        return most

    def chunk_counts(self, number: int) -> list[int]:
        """Return the number of chunks of a level on each axis."""
        level = self.levels[number]
        return _counts(level.shape, self._array(level).chunks)

    def build(self, ledger: ImageLedger, *, mean: bool, progress: Progress | None) -> None:
        """Make all further levels, each from the finished one before it: means, or the first of pixels.

        Nothing is written to full resolution from here on.
        """
        self._full.close()  # so that no run over many images holds many files open
        halve = mean_pixels if mean else first_pixels
        total = sum(prod(_counts(level.shape, self._unit(level))) for level in self.levels[1:])
        done = 0
        with ThreadPoolExecutor(self._storage.threads) as pool:
            for number, level in enumerate(self.levels[1:], 1):
                boxes = _boxes(tuple(slice(0, n) for n in level.shape), self._unit(level))
                written, before = ledger.units(number), stamps_before(self.folder)
                with closing(self.open(number - 1)) as source, closing(self.open(number, write=True)) as target:
                    for place, box in enumerate(boxes):
                        files = self.files(number, box)
                        # it is no longer right when what it was made of was written again
                        both = [*self.files(number - 1, _below(box, level.step, source.shape)), *files]
                        if place not in written or written[place] != before(both):
                            if ledger.resumed:
                                remove_files(files)
                            target.write(box, _halved(source, box, level.step, halve, pool))
                            ledger.note_unit(number, place, stamp(both))
                        done += 1
                        if progress is not None:
                            progress("blocks of the pyramid", done, total)

    def _unit(self, level: Level) -> tuple[int, ...]:
        """Return the pixels of a level that are made at once."""
        array = self._array(level)
        return array.shards or _grown(array.chunks, level.shape, _BLOCK)


class StoredCanvas:
    """An image whose pixels go to the arrays of a store."""

    def __init__(self, block: tuple[int, ...], stored: StoredLevels) -> None:
        self.frame = stored.frame
        self.block = block
        self._stored = stored

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return None: pixels go to disk."""
        return None

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write whole blocks, or up to the edge."""
        self._stored.write(sample_idx, start, data)

    def stamp(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> int:
        """Return what the files of these blocks are like."""
        return self._stored.stamp(sample_idx, start, stop)

    def clear(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Remove the files of these blocks: a chunk at the edge would be read before it is written."""
        remove_files(self._stored.files(0, self.frame.box(sample_idx, start, stop)))

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return an upper bound of what encoding takes."""
        return self._stored.write_bytes(shape)


def _halved(source: Pixels, box: Box, step: Sequence[int], halve: _Halve, pool: ThreadPoolExecutor) -> NDArray[Any]:
    """Return the pixels of a box of a level, made from whole chunks of the level before."""
    block = np.empty([piece.stop - piece.start for piece in box], source.dtype)

    def fill(part: Box) -> None:
        wanted = _below(part, step, source.shape)
        inside = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))
        block[inside] = halve(source.read(wanted), step)

    chunks = tuple(max(1, n // s) for n, s in zip(source.chunks, step, strict=True))
    list(pool.map(fill, _boxes(box, _grown(chunks, block.shape, _PIECE))))
    return block


def _below(box: Box, step: Sequence[int], shape: Sequence[int]) -> Box:
    """Return the pixels of the level before, of this shape, that a box of a level is made of."""
    return tuple(slice(p.start * s, min(p.stop * s, n)) for p, s, n in zip(box, step, shape, strict=True))


def _grown(chunks: tuple[int, ...], shape: tuple[int, ...], pixels: int) -> tuple[int, ...]:
    """Return whole chunks, doubled from the last axis on until they have that many pixels or are all."""
    sizes = list(chunks)
    while prod(sizes) < pixels and any(size < n for size, n in zip(sizes, shape, strict=True)):
        for axis in reversed(range(len(sizes))):
            if prod(sizes) < pixels and sizes[axis] < shape[axis]:
                sizes[axis] *= 2
    return tuple(sizes)


def _within(sizes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(min(size, n) for size, n in zip(sizes, shape, strict=True))


def _counts(shape: Sequence[int], unit: Sequence[int]) -> list[int]:
    return [-(-n // size) for n, size in zip(shape, unit, strict=True)]


def _boxes(box: Box, unit: Sequence[int]) -> Iterator[Box]:
    """Yield the boxes that cut a box, starting at its corner."""
    axes = (
        [slice(start, min(start + size, piece.stop)) for start in range(piece.start, piece.stop, size)]
        for piece, size in zip(box, unit, strict=True)
    )
    yield from product(*axes)

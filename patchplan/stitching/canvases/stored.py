"""The Zarr arrays of one image, one for each level."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from numpy.typing import NDArray

from patchplan.images.layout import Box
from patchplan.images.zarr.traffic import Pixels, open_pixels
from patchplan.journal import stamp
from patchplan.journal.stamps import Stamp, stamps_before
from patchplan.objects import Location, ObjectPath
from patchplan.publish.documents import files_in
from patchplan.stitching.canvases.arrays import ArrayPlan, create_array
from patchplan.stitching.canvases.compression import Codec
from patchplan.stitching.canvases.grid import on_axes
from patchplan.stitching.canvases.levels import Level
from patchplan.stitching.frame import Frame


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
        self._arrays = [self._array(level) for level in levels]
        for number, array in enumerate(self._arrays):
            create_array(folder / str(number), array, storage.version)
        self._full = self.open(0, write=True)
        chunks = "" if storage.version == 2 else "c/"
        self._pieces = [(f"{n}/{chunks}", array.shards or array.chunks) for n, array in enumerate(self._arrays)]
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
        return self.encoding_bytes(prod(shape) * self.frame.dtype.itemsize)

    def encoding_bytes(self, size: int) -> int:
        """Return how much memory it takes to write so many bytes, as measured.

        A shard is held encoded, and noise does not shrink; threads encode a chunk each.
        """
        return size * 5 // 4 + 2 * self._storage.threads * prod(self._storage.chunks) * self.frame.dtype.itemsize

    def chunks_of(self, number: int) -> tuple[int, ...]:
        """Return the pixels of a chunk of a level."""
        return self._arrays[number].chunks

    def shards_of(self, number: int) -> tuple[int, ...] | None:
        """Return the pixels of a shard of a level; None where there are none."""
        return self._arrays[number].shards

    def chunk_counts(self, number: int) -> list[int]:
        """Return the number of chunks of a level on each axis."""
        sizes = zip(self.levels[number].shape, self.chunks_of(number), strict=True)
        return [-(-n // size) for n, size in sizes]

    @property
    def threads(self) -> int:
        """Threads that encode."""
        return self._storage.threads

    def close(self) -> None:
        """Let go of full resolution."""
        self._full.close()


def _within(sizes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(min(size, n) for size, n in zip(sizes, shape, strict=True))

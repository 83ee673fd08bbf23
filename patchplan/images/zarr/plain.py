"""Zarr arrays through zarr-python: their metadata, and pixels where tensorstore cannot help."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.layout import Box
from patchplan.images.limits import CACHE
from patchplan.objects import Location, ObjectPath

if TYPE_CHECKING:
    from zarr import Array


_HARMLESS = (
    "Numcodecs codecs are not|Combining a `sharding_indexed`|Both zarr.json|Found an empty list of filters"
    "|Codec '.*' not configured"
)
"""Warnings of zarr about how a store was written, which its reader cannot mend."""


def _quiet() -> None:
    """Ignore zarr's harmless warnings.

    `warnings.catch_warnings` would swap the filters of all threads; a filter for these messages only, put
    in once (and again where a test harness took it out), changes nothing for others.
    """
    from zarr.errors import ZarrUserWarning

    if not any(entry[0] == "ignore" and entry[2] is ZarrUserWarning for entry in warnings.filters):
        warnings.filterwarnings("ignore", _HARMLESS, ZarrUserWarning)


def open_with_zarr(root: Location, path: str, version: int, write: bool = False) -> "Array[Any]":
    """Open an array of a folder, zip file or prefix with zarr-python."""
    import zarr
    from zarr.storage import LocalStore, ObjectStore, ZipStore

    _quiet()
    store: LocalStore | ZipStore | ObjectStore[Any]
    if isinstance(root, ObjectPath):
        store, path = ObjectStore(root.store, read_only=not write), (root / path).key
    elif root.is_file():
        store = ZipStore(root, mode="r")
    else:
        store = LocalStore(root, read_only=not write)
    return zarr.open_array(store, path=path, mode="r+" if write else "r", zarr_format=2 if version == 2 else 3)


def open_documents(documents: Mapping[str, bytes]) -> "Array[Any]":
    """Open an array of which nothing is there but its metadata."""
    import zarr
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    _quiet()
    made = default_buffer_prototype().buffer.from_bytes
    store = MemoryStore({name: made(text) for name, text in documents.items()}, read_only=True)
    return zarr.open_array(store, mode="r", zarr_format=3 if "zarr.json" in documents else 2)


class PlainPixels:
    """An open array; see `traffic.Pixels`."""

    def __init__(self, root: Location, path: str, version: int, write: bool) -> None:
        self._array = open_with_zarr(root, path, version, write=write)
        self._write = write
        self.shape: tuple[int, ...] = tuple(self._array.shape)
        self.dtype: np.dtype[Any] = np.dtype(self._array.dtype).newbyteorder("=")
        self.chunks: tuple[int, ...] = tuple(self._array.chunks)
        self.shards: tuple[int, ...] | None = None if self._array.shards is None else tuple(self._array.shards)

    def read(self, box: Box) -> NDArray[Any]:
        """Return the pixels of a box. Chunks of which it takes the smaller part are kept for the next one."""
        wanted = prod(piece.stop - piece.start for piece in box)
        loaded = prod((-(-piece.stop // n) - piece.start // n) * n for piece, n in zip(box, self.chunks, strict=True))
        if self._write or loaded <= 2 * wanted:
            return self._load(box)
        block = np.empty([piece.stop - piece.start for piece in box], self.dtype)
        for part, inside in parts(box, self.chunks):
            start = tuple(piece.start // n * n for piece, n in zip(part, self.chunks, strict=True))
            chunk = CACHE.get((self, start), partial(self._chunk, start))
            block[inside] = chunk[tuple(slice(p.start - a, p.stop - a) for p, a in zip(part, start, strict=True))]
        return block

    def _chunk(self, start: tuple[int, ...]) -> NDArray[Any]:
        ends = (min(a + n, size) for a, n, size in zip(start, self.chunks, self.shape, strict=True))
        return self._load(tuple(map(slice, start, ends)))

    def _load(self, box: Box) -> NDArray[Any]:
        _quiet()
        return np.array(self._array[box], dtype=self.dtype, order="C")

    def read_soon(self, box: Box) -> Callable[[], NDArray[Any]]:
        """Return what reads a box."""
        return lambda: self.read(box)

    def write(self, box: Box, block: NDArray[Any]) -> None:
        """Write a box."""
        _quiet()
        self._array[box] = block

    def close(self) -> None:
        """Let go of the array."""
        self._array.store.close()
        CACHE.drop(self)


def parts(box: Box, unit: tuple[int, ...]) -> Iterator[tuple[Box, Box]]:
    """Yield the pieces of a box that are stored apart, and where they are in it."""
    axes = (
        [slice(max(start, piece.start), min(start + size, piece.stop)) for start in _starts(piece, size)]
        for piece, size in zip(box, unit, strict=True)
    )
    for part in product(*axes):
        yield part, tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))


def _starts(piece: slice, size: int) -> range:
    return range(piece.start // size * size, piece.stop, size)

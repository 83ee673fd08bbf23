"""Pixels of a Zarr array, through zarr."""

import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.layout import Box
from patchplan.images.limits import FREE_BYTES, check_chunk
from patchplan.images.reading import Reader
from patchplan.images.zarr.store import FolderStore, Node, Store, ZipFileStore, array_shape

if TYPE_CHECKING:
    from zarr import Array

_HARMLESS = (
    "Numcodecs codecs are not|Combining a `sharding_indexed`|Both zarr.json|Found an empty list of filters"
    "|Codec '.*' not configured"
)
"""Warnings of zarr about how a store was written, which its reader cannot mend."""


@dataclass(frozen=True, slots=True)
class ZarrRecipe:
    """An array in a folder or zip, with the metadata that it had (`token`)."""

    root: str
    path: str
    zipped: bool
    version: int
    shape: tuple[int, ...]
    token: str

    def open(self) -> Reader:
        """Open the array."""
        return _ZarrReader(self)


@dataclass(frozen=True, slots=True)
class ArrayFacts:
    """What zarr makes of an array's metadata; `dtype` in native byte order."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    dtype: np.dtype[Any]
    fill_value: object


def array_facts(root: str, node: Node, zipped: bool) -> ArrayFacts:
    """Return what matters of an array, or refuse pixels that are no numbers."""
    _check_dtype(node)
    shape = array_shape(node)
    if not shape:
        raise RefusedError("is a single value without axes; an image has at least Y and X")
    array = _open_array(root, node.path, zipped, node.version)
    try:
        shards = None if array.shards is None else tuple(array.shards)
        dtype = np.dtype(array.dtype).newbyteorder("=")
        return ArrayFacts(shape, tuple(array.chunks), shards, dtype, array.fill_value)
    finally:
        array.store.close()


def _check_dtype(node: Node) -> None:
    """Refuse other than numbers before zarr, which warns about some of them, sees the metadata."""
    name = (node.array or {}).get("dtype" if node.version == 2 else "data_type")
    try:
        kind = np.dtype(name).kind if isinstance(name, str) else "V"
    except TypeError:
        kind = "V"
    if kind not in "biufc":
        raise RefusedError(f"pixels of type {one_line(repr(name))} are not supported")


def _quiet() -> None:
    """Ignore zarr's harmless warnings.

    `warnings.catch_warnings` would swap the filters of all threads; a filter for these messages only, put
    in once (and again where a test harness took it out), changes nothing for others.
    """
    from zarr.errors import ZarrUserWarning

    if not any(entry[0] == "ignore" and entry[2] is ZarrUserWarning for entry in warnings.filters):
        warnings.filterwarnings("ignore", _HARMLESS, ZarrUserWarning)


def _open_array(root: str, path: str, zipped: bool, version: int) -> "Array[Any]":
    """Open an array of a store for reading."""
    import zarr
    from zarr.storage import LocalStore, ZipStore

    _quiet()
    store = ZipStore(root, mode="r") if zipped else LocalStore(root, read_only=True)
    return zarr.open_array(store, path=path, mode="r", zarr_format=2 if version == 2 else 3)


class _ZarrReader:
    def __init__(self, recipe: ZarrRecipe) -> None:
        self._recipe = recipe
        self._array = _open_array(recipe.root, recipe.path, recipe.zipped, recipe.version)
        if tuple(self._array.shape) != recipe.shape:
            raise RefusedError(f"has changed since it was opened: shape {self._array.shape}, was {recipe.shape}")
        self._chunk_bytes = prod(self._array.chunks) * self._array.dtype.itemsize

    def read(self, box: Box) -> NDArray[Any]:
        _quiet()
        if self._chunk_bytes > FREE_BYTES:
            self._check_chunks(box)
        return np.asarray(self._array[box])

    def _check_chunks(self, box: Box) -> None:
        """Refuse large chunks with next to no bytes behind them; absent ones cost nothing."""
        recipe, array = self._recipe, self._array
        root = Path(recipe.root)
        store: Store = ZipFileStore(root) if recipe.zipped else FolderStore(root)
        stored = array.shards or array.chunks
        first = tuple(piece.start // n for piece, n in zip(box, stored, strict=True))
        last = tuple(-(-piece.stop // n) for piece, n in zip(box, stored, strict=True))
        for offset in np.ndindex(*(b - a for a, b in zip(first, last, strict=True))):
            index = tuple(a + i for a, i in zip(first, offset, strict=True))
            key = array.metadata.encode_chunk_key(index)
            size = store.size(f"{recipe.path}/{key}" if recipe.path else key)
            if size is not None:
                check_chunk(self._chunk_bytes, size, f"chunk {key}")

    def close(self) -> None:
        self._array.store.close()

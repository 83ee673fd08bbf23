"""A Zarr array as an image: what it is, and its regions."""

import json
import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.layout import Box
from patchplan.images.limits import CACHE_BYTES, FREE_BYTES, check_chunk, check_region
from patchplan.images.paths import fingerprint
from patchplan.images.reading import Reader
from patchplan.images.zarr.plain import open_documents, open_with_zarr
from patchplan.images.zarr.store import Node, array_shape, chunk_keys, read_node
from patchplan.images.zarr.stores import Store, ZipFileStore, folder_store
from patchplan.images.zarr.traffic import open_pixels
from patchplan.objects import ObjectPath, location

THREADS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class ZarrRecipe:
    """An array in a folder or zip as it was when opened: shape, dtype, and `token` of its document.

    No two openings have the same `serial`, so each has a reader of its own, which reads what is there now.
    """

    root: str
    path: str
    zipped: bool
    version: int
    shape: tuple[int, ...]
    dtype: str
    token: str
    serial: str

    def open(self) -> Reader:
        """Open the array."""
        return _ZarrReader(self)

    def store(self) -> Store:
        """Return the store, looked at now."""
        return ZipFileStore(Path(self.root)) if self.zipped else folder_store(location(self.root))

    def check(self) -> None:
        """Refuse another document, or none."""
        node = read_node(self.store(), self.path)
        if node is None or node.array is None:
            raise RefusedError("has changed since it was opened: its metadata is gone")
        if array_token(node) != self.token:
            raise RefusedError("has changed since it was opened: its metadata is another")


def array_token(node: Node) -> str:
    """Return a hash of what an array's document says about its pixels."""
    about = {name: value for name, value in (node.array or {}).items() if name != "attributes"}
    return fingerprint([str(node.version).encode(), json.dumps(about, sort_keys=True).encode()])


@dataclass(frozen=True, slots=True)
class ArrayFacts:
    """What zarr makes of an array's metadata; `dtype` in native byte order."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    dtype: np.dtype[Any]
    fill_value: object


def array_facts(root: str, node: Node) -> ArrayFacts:
    """Return what matters of an array, or refuse pixels that are no numbers."""
    check_dtype(node)
    shape = array_shape(node)
    if not shape:
        raise RefusedError("is a single value without axes; an image has at least Y and X")
    where = location(root)
    remote = isinstance(where, ObjectPath)  # of whose documents none is asked for again
    array = open_documents(node.documents) if remote else open_with_zarr(where, node.path, node.version)
    try:
        shards = None if array.shards is None else tuple(array.shards)
        dtype = np.dtype(array.dtype).newbyteorder("=")
        return ArrayFacts(shape, tuple(array.chunks), shards, dtype, array.fill_value)
    finally:
        array.store.close()


def check_dtype(node: Node) -> None:
    """Refuse other than numbers before zarr, which warns about some of them, sees the metadata."""
    name = (node.array or {}).get("dtype" if node.version == 2 else "data_type")
    try:
        kind = np.dtype(name).kind if isinstance(name, str) and len(name) < 50 else "V"
    except (TypeError, ValueError, SyntaxError):  # NumPy reads names as a small language
        kind = "V"
    if kind not in "biufc":
        raise RefusedError(f"pixels of type {one_line(repr(name))} are not supported")
    _check_codecs(node)


def _check_codecs(node: Node) -> None:
    """Refuse pickles, whatever zarr does with them: loading one runs what its writer likes."""
    found = node.array or {}
    pending = [found.get(key) for key in ("compressor", "filters", "codecs")]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += one
        elif isinstance(one, dict):
            if "pickle" in (one.get("id"), str(one.get("name")).removeprefix("numcodecs.")):
                raise RefusedError("is encoded with pickle, which is never loaded")
            pending += one.values()


class _ZarrReader:
    def __init__(self, recipe: ZarrRecipe) -> None:
        self._recipe = recipe
        self._pixels = open_pixels(
            location(recipe.root), recipe.path, version=recipe.version, threads=THREADS, cache_bytes=CACHE_BYTES
        )
        now = (self._pixels.shape, self._pixels.dtype.name)
        if now != (recipe.shape, recipe.dtype):
            self._pixels.close()
            raise RefusedError(
                f"has changed since it was opened: shape {now[0]} {now[1]}, was {recipe.shape} {recipe.dtype}"
            )
        self._chunk_bytes = prod(self._pixels.chunks) * self._pixels.dtype.itemsize

    def read(self, box: Box) -> NDArray[Any]:
        if self._chunk_bytes > FREE_BYTES:
            self._check_chunks(box)
        return self._pixels.read(box)

    def _check_chunks(self, box: Box) -> None:
        """Refuse large chunks with next to no bytes behind them; absent ones cost nothing."""
        recipe, pixels = self._recipe, self._pixels
        store = recipe.store()
        node = read_node(store, recipe.path)
        if node is None:
            raise RefusedError("has changed since it was opened: its metadata is gone")
        key_of = chunk_keys(node)
        stored = pixels.shards or pixels.chunks
        first = tuple(piece.start // n for piece, n in zip(box, stored, strict=True))
        last = tuple(-(-piece.stop // n) for piece, n in zip(box, stored, strict=True))
        for offset in np.ndindex(*(b - a for a, b in zip(first, last, strict=True))):
            key = key_of(tuple(a + i for a, i in zip(first, offset, strict=True)))
            size = store.size(key)
            if size is not None:
                check_region(pixels.chunks, pixels.dtype)
                check_chunk(self._chunk_bytes, size, f"chunk {key}")

    def close(self) -> None:
        self._pixels.close()

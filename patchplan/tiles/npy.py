"""`.npy` files: an array with a tile per row, or one tile each in a folder."""

import ast
import io
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.errors import TilesError
from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.ranges import Ranges
from patchplan.images.zarr.traffic import REQUESTS
from patchplan.objects import Location, ObjectPath, location
from patchplan.tiles.ahead import ahead
from patchplan.tiles.places import Places
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import BATCH_BYTES, NO_TILES, NUMBERS, Reading, everywhere, tile_axes, why_not

_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 1 << 16
_HEAD = 1 << 10
"""Bytes fetched of an object to see what it is: most headers have 128."""


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What stands before the numbers; `offset` is where they begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(file: BinaryIO, size: int | None = None) -> NpyHeader:
    """Return the header of an open file, or of the beginning of one of `size` bytes.

    Raises
    ------
    RefusedError
        If it is none, is of Python objects or structures, or the file is too short for it.
    """
    head = file.read(128)
    if head[:6] != _MAGIC or len(head) < 12:
        raise RefusedError("is broken or not a .npy file")
    wide = head[6] > 1
    offset = 12 + int.from_bytes(head[8:12], "little") if wide else 10 + int.from_bytes(head[8:10], "little")
    if offset > _MAX_HEADER:
        raise RefusedError(f"is broken: its header claims {offset:,} bytes")
    if len(head) < offset:
        head += file.read(offset - len(head))
    found = _parse(head[12 if wide else 10 : offset], offset)
    size = file.seek(0, os.SEEK_END) if size is None else size
    if size < offset + found.nbytes:
        raise RefusedError(f"is truncated: {size:,} bytes, {found.shape} {found.dtype} needs {offset + found.nbytes:,}")
    return found


@lru_cache(maxsize=64)
def _parse(text: bytes, offset: int) -> NpyHeader:
    """Return what a header says; files of one folder mostly have the same."""
    try:
        said = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text.decode("latin1")).strip())
        shape, fortran, descr = said["shape"], said["fortran_order"], said["descr"]
        dtype = np.dtype(descr if isinstance(descr, str) else "V")
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise RefusedError("is broken or not a .npy file: its header makes no sense") from error
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise RefusedError(f"is broken: shape {one_line(repr(shape))} makes no sense")
    if dtype.kind not in NUMBERS:
        said = f"no numbers, but {one_line(repr(descr))}"
        what = "pickled Python objects, which are never loaded" if dtype.hasobject else said
        raise RefusedError(f"holds {what}; allowed are bool, integers, floats and complex")
    return NpyHeader(shape, dtype, bool(fortran), offset)


def opened(path: Location) -> BinaryIO:
    """Open a file, without a buffer where that is of no use."""
    return path.open() if isinstance(path, ObjectPath) else path.open("rb", buffering=0)


def tile_form(path: str, ndim: int) -> TileForm:
    """Return the form of the tile in a file, which may lack the axis C."""
    header = _header_at(location(path))
    return TileForm(_with_channels(header.shape, ndim), header.dtype.newbyteorder("="))


def _header_at(path: Location) -> NpyHeader:
    """Return the header of a file, of an object mostly by one request."""
    if isinstance(path, ObjectPath):
        status, head = path.read_head(_HEAD)
        with suppress(RefusedError):
            return read_header(io.BytesIO(head), status.size)
    with opened(path) as file:
        return read_header(file)


def read_tile(path: str, ndim: int) -> NDArray[Any]:
    """Return the tile in a file as C (Z) Y X."""
    where = location(path)
    with io.BytesIO(where.read_bytes()) if isinstance(where, ObjectPath) else opened(where) as file:
        header = read_header(file)
        file.seek(header.offset)
        flat = np.empty(prod(header.shape), header.dtype)
        left = flat.view(np.uint8).data
        while left:
            done = file.readinto(left)  # type: ignore[attr-defined]
            if not done:
                raise RefusedError("is truncated")
            left = left[done:]
    native = flat.astype(header.dtype.newbyteorder("="), copy=False)
    tile = native.reshape(header.shape, order="F" if header.fortran else "C")
    return tile.reshape(_with_channels(header.shape, ndim))


def _with_channels(shape: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    if len(shape) not in (ndim, ndim + 1):
        raise RefusedError(f"has shape {shape}; allowed are the axes {tile_axes(ndim)}, or these without C")
    return shape if len(shape) == ndim + 1 else (1, *shape)


class _Row(NamedTuple):
    position: int
    nbytes: int


class NpyTiles(Reading):
    """An array (N C (Z) Y X) in a file; row k is row k of the plan. Tiles are views of a memory map.

    Those of an object are fetched, some ahead.
    """

    def __init__(self, path: Location, places: Places, ndim: int) -> None:
        with opened(path) as file:
            header = read_header(file)
        shape = header.shape
        if len(shape) != ndim + 2:
            raise TilesError(f"{path}: tiles have shape {shape}; allowed are {ndim + 2} axes, N {tile_axes(ndim)}")
        if shape[0] != places.n:
            raise TilesError(f"{path}: has {shape[0]:,} tiles, the plan {places.n:,}; row k must be row k of the plan")
        self.index = places.index
        self.uris = (str(path),)
        self.present: NDArray[np.bool_] = everywhere(True, places.n)
        self.duplicates = NO_TILES
        self.unplanned = 0
        self.forms = (TileForm(shape[1:], header.dtype.newbyteorder("=")),)
        self.form_of: NDArray[np.integer[Any]] = everywhere(0, places.n)
        self.bad: list[tuple[int, str]] = []
        self.notes: tuple[str, ...] = ()
        order: Any = "F" if header.fortran else "C"
        self._rows: NDArray[Any] | Ranges
        if not header.nbytes:  # which cannot be mapped
            self._rows = np.empty(shape, header.dtype)
        elif isinstance(path, Path):
            self._rows = np.asarray(np.memmap(path, header.dtype, "r", header.offset, shape, order))
        elif header.fortran:
            raise TilesError(f"{path}: is in Fortran order, which is not read from object stores; copy it to a disk")
        else:
            self._rows = Ranges(path, header.dtype, header.offset, shape)

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile, a copy only where the byte order is foreign."""
        native = self.forms[0].dtype
        if isinstance(self._rows, Ranges):
            yield from self._fetched(self._rows, positions)
            return
        for position in positions:
            yield self._rows[position].astype(native, copy=False)

    def _fetched(self, rows: Ranges, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        whole = [slice(0, n) for n in rows.shape[1:]]
        form = self.forms[0]

        def fetch(position: int) -> NDArray[Any]:
            tile: NDArray[Any] = rows[(slice(position, position + 1), *whole)][0]
            return tile.astype(form.dtype, copy=False)

        with ThreadPoolExecutor(REQUESTS, "patchplan-tiles") as pool:
            batches = (_Row(int(position), form.nbytes) for position in positions)
            for row, tile in ahead(batches, lambda row: pool.submit(fetch, row.position).result, BATCH_BYTES):
                yield why_not(f"{self.uris[0]}, row {row.position}", tile) if isinstance(tile, Exception) else tile

    def read_bytes(self) -> int:
        """Return the bytes of a tile in native byte order; the map is the system's memory, what is fetched is not."""
        return self.forms[0].nbytes + (BATCH_BYTES + self.forms[0].nbytes) * isinstance(self._rows, Ranges)

    def close(self) -> None:
        """Let go of the map, as soon as no view of it is left."""
        self._rows = np.empty(self.n, np.bool_)

"""Tiles in a Zarr store: a group with `tiles` (N C (Z) Y X) and `index` (N), or a bare array."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.errors import TilesError
from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.zarr.reader import check_dtype
from patchplan.images.zarr.store import Node, array_shape, read_node
from patchplan.images.zarr.stores import folder_store
from patchplan.images.zarr.traffic import Pixels, open_pixels
from patchplan.objects import Location
from patchplan.tiles.ahead import ahead
from patchplan.tiles.places import Places
from patchplan.tiles.presence import rows_present
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import BATCH_BYTES, NUMBERS, Reading, everywhere, tile_axes, unplanned_notes, why_not
from patchplan.tiles.rows import RowBatch, Rows, row_batches, rows_by_index
from patchplan.tiles.words import AbsentChunks

CHUNKS_AT_ONCE = 1024
"""Chunks of `index` read in one go: there may be one per tile."""

PIECE_ROWS = 1 << 22
"""Entries of `index` that are looked at together."""

MAX_ROWS = 1 << 40
"""Rows of a stack; of those that are not in the plan's order `rows` allows fewer."""

MAX_CHUNKS = 1 << 24
"""Chunks of `index`: each is a file, which is looked for also where it is not."""


class ZarrTiles(Reading):
    """Tiles in rows of a Zarr array.

    Consecutive rows are read in one go, whole chunks at a time, and the next ones while the caller works.
    """

    def __init__(
        self, path: Location, array: str, pixels: Pixels, rows: Rows, index: range | IntArray, threads: int
    ) -> None:
        self.index = index
        self.uris = (str(path),)
        self.present = rows.present
        self.duplicates = rows.duplicates
        self.unplanned = rows.unplanned
        self.forms = (TileForm(pixels.shape[1:], pixels.dtype),)
        self.form_of: NDArray[np.integer[Any]] = everywhere(0, len(index))
        self.bad: list[tuple[int, str]] = []
        self.notes = unplanned_notes(path, rows.unplanned)
        self._where = f"{path}/{array}".rstrip("/")
        self._pixels = pixels
        self._rows = rows
        self._threads = threads
        self._chunk_bytes = prod(pixels.chunks) * pixels.dtype.itemsize

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile, a view of the rows that were read with it."""
        row_bytes, step = self.forms[0].nbytes, self._pixels.chunks[0]
        limit = self._batch_bytes()
        for batch, block in ahead(
            row_batches(self._rows.at(positions), step, row_bytes, limit), self._begin, 2 * limit
        ):
            for row in batch.wanted:
                yield self._one(row) if isinstance(block, Exception) else block[row - batch.start]

    def _begin(self, batch: RowBatch) -> Callable[[], NDArray[Any]]:
        return self._pixels.read_soon(self._box(batch.start, batch.stop))

    def _box(self, start: int, stop: int) -> tuple[slice, ...]:
        return (slice(start, stop), *(slice(0, n) for n in self.forms[0].shape))

    def _one(self, row: int) -> NDArray[Any] | str:
        """Read a tile by itself after the batch with it could not be read."""
        try:
            block = self._pixels.read(self._box(row, row + 1))
        except Exception as error:  # codecs raise what they like
            return why_not(f"{self._where}, row {row}", error)
        tile: NDArray[Any] = block[0]
        return tile

    def read_bytes(self) -> int:
        """Return twelve batches (measured): one at the caller, two under way, encoded, and what malloc keeps."""
        return 12 * self._batch_bytes() + 2 * self._threads * self._chunk_bytes

    def _batch_bytes(self) -> int:
        """Return the bytes that are decoded in one go, so many that each thread has a chunk."""
        tiles = self.forms[0].nbytes * min(self._pixels.chunks[0], self.n)
        return max(BATCH_BYTES, self._threads * self._chunk_bytes, tiles)

    def close(self) -> None:
        """Let go of the array."""
        self._pixels.close()


def open_zarr(
    path: Location,
    places: Places,
    *,
    digest: str,
    epoch: int,
    ndim: int,
    absent_chunks: AbsentChunks,
    threads: int,
    cache_bytes: int,
) -> ZarrTiles:
    """Open a stack or a bare array.

    Raises
    ------
    TilesError
        If it is neither, is of another plan or epoch, or its axes or number do not fit.
    """
    store = folder_store(path)
    root = read_node(store, "")
    if root is None:
        raise RefusedError("is no Zarr store: it has no metadata document")
    _check_plan(path, root, digest, epoch)
    if root.array is not None:
        pixels = _open_tiles(path, root, ndim, threads, cache_bytes)
        return _bare(path, root, pixels, places, absent_chunks, threads)
    tiles, index = read_node(store, "tiles"), read_node(store, "index")
    if tiles is None or tiles.array is None or index is None or index.array is None:
        raise RefusedError(
            "is a Zarr group, but no stack of tiles: it must have arrays `tiles` (N C (Z) Y X) and `index` (N); "
            "an array without index is given by its own path"
        )
    index_of_rows = _indices(path, index, array_shape(tiles)[:1], threads)
    pixels = _open_tiles(path, tiles, ndim, threads, cache_bytes)
    return ZarrTiles(path, "tiles", pixels, rows_by_index(index_of_rows, places), places.index, threads)


def _bare(
    path: Location, node: Node, pixels: Pixels, places: Places, absent_chunks: AbsentChunks, threads: int
) -> ZarrTiles:
    """Return an array whose row k is row k of the plan."""
    check_number(path, pixels.shape[0], places.n)
    if absent_chunks == "zeros":
        return ZarrTiles(path, "", pixels, Rows(everywhere(True, places.n)), places.index, threads)
    present = rows_present(path, node, pixels)
    tiles = ZarrTiles(path, "", pixels, Rows(present), places.index, threads)
    n_missing = places.n - int(np.count_nonzero(present))
    if n_missing:
        tiles.notes = (
            f"{path}: chunks of {n_missing:,} of {places.n:,} tiles are not there, so these tiles are missing; if only "
            "zeros were not stored, say so with --absent-chunks zeros",
        )
    return tiles


def check_number(path: Location, found: int, n: int) -> None:
    """Refuse an array without index that has other rows than the plan."""
    if found != n:
        raise TilesError(f"{path}: has {found:,} tiles, the plan {n:,}; in an array without index row k is row k")


def _check_plan(path: Location, node: Node, digest: str, epoch: int) -> None:
    """Refuse tiles that say they are of another plan or epoch."""
    made_for = node.attributes.get("patchplan")
    if not isinstance(made_for, dict):
        return
    plan, number = made_for.get("plan", digest), made_for.get("epoch", epoch)
    if plan != digest:
        recorded = one_line(str(plan))[:16]
        raise TilesError(f"{path}: is of another plan: it records {recorded}, this plan is {digest[:16]}")
    if number != epoch:
        recorded = one_line(str(number))[:16]
        raise TilesError(f"{path}: is of epoch {recorded}, asked for is epoch {epoch}; say so with --epoch {recorded}")


def _open_tiles(path: Location, node: Node, ndim: int, threads: int, cache_bytes: int) -> Pixels:
    check_dtype(node)
    shape = array_shape(node)
    if len(shape) != ndim + 2:
        raise TilesError(f"{path}: tiles have shape {shape}; allowed are {ndim + 2} axes, N {tile_axes(ndim)}")
    pixels = open_pixels(path, node.path, version=node.version, threads=threads, cache_bytes=cache_bytes)
    if pixels.dtype.kind not in NUMBERS:
        raise TilesError(f"{path}: tiles have dtype {pixels.dtype}; allowed are bool, integers, floats and complex")
    return pixels


def _indices(path: Location, node: Node, expected: tuple[int, ...], threads: int) -> Iterator[IntArray]:
    """Return what yields the index of each row, in pieces."""
    shape = array_shape(node)
    if shape != expected:
        raise TilesError(f"{path}: `index` has shape {shape}, `tiles` has {expected[0]:,} rows; there must be one each")
    check_dtype(node)
    pixels = open_pixels(path, node.path, version=node.version, threads=threads)
    if pixels.dtype.kind not in "iu":
        raise TilesError(f"{path}: `index` has dtype {pixels.dtype}; allowed are integers")
    n_rows, n_chunks = shape[0], -(-shape[0] // pixels.chunks[0])
    if n_rows > MAX_ROWS or n_chunks > MAX_CHUNKS:
        raise TilesError(
            f"{path}: `index` has {n_rows:,} rows in {n_chunks:,} chunks; allowed are {MAX_ROWS:,} in {MAX_CHUNKS:,}"
        )
    return _pieces(pixels)


def _pieces(pixels: Pixels) -> Iterator[IntArray]:
    """Yield the entries of `index`, some chunks at a time."""
    n_rows, chunk = pixels.shape[0], pixels.chunks[0]
    step = chunk * max(1, min(CHUNKS_AT_ONCE, PIECE_ROWS // chunk))
    for start in range(0, n_rows, step):
        yield pixels.read((slice(start, min(start + step, n_rows)),)).astype(np.int64, copy=False)
    pixels.close()

"""Which row of a stack holds the tile of which position, and reading rows in large pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.images.boundary import RefusedError
from patchplan.tiles.places import Places
from patchplan.tiles.reading import NO_TILES, everywhere

PIECE = 1 << 16

MAX_OTHERS = 1 << 28
"""Rows from the first that is not in the plan's order: their indices take 2 GB."""


@dataclass(frozen=True)
class Rows:
    """Rows of a stack.

    `row_of` gives the row by position (-1: none), where it is not the position itself.
    """

    present: NDArray[np.bool_]
    duplicates: IntArray = field(default_factory=lambda: NO_TILES)
    unplanned: int = 0
    row_of: NDArray[np.signedinteger] | None = None

    def at(self, positions: IntArray) -> IntArray:
        """Return the rows at positions."""
        return positions if self.row_of is None else self.row_of[positions].astype(np.int64)


def rows_by_index(pieces: Iterable[IntArray], places: Places) -> Rows:
    """Return what a stack's `index` says: a tile's index by row, -1 where none was written; in pieces, from row 0.

    Rows in the order of the plan, as most stacks have them, take a byte each, or none where all are written.
    """
    ordered: list[NDArray[np.bool_]] = []
    others: list[IntArray] = []
    n_rows = n_ordered = 0
    for piece in pieces:
        if not others and places.are(piece, n_rows):
            written = piece != -1
            ordered.append(everywhere(True, len(piece)) if written.all() else written)
            n_ordered += len(piece)
        else:
            others.append(piece)
        n_rows += len(piece)
        if n_rows - n_ordered > MAX_OTHERS:
            raise RefusedError(
                f"has more than {MAX_OTHERS:,} rows from the first on that is not in the plan's order, row "
                f"{n_ordered:,} or soon after; write rows in the plan's order, or into several stacks"
            )
    if n_rows == places.n and not others:
        whole = all(one.strides == (0,) for one in ordered)
        return Rows(everywhere(True, places.n) if whole else np.concatenate(ordered))
    indices = np.concatenate([NO_TILES, *others])
    rows = n_ordered + np.flatnonzero(indices != -1)
    positions = places.locate(indices[rows - n_ordered])
    planned = positions >= 0
    unplanned = int(planned.size - np.count_nonzero(planned))
    in_order = np.flatnonzero(np.concatenate([np.empty(0, np.bool_), *ordered]))
    positions, rows = (np.concatenate([in_order, found[planned]]) for found in (positions, rows))
    row_of: NDArray[Any] = np.full(places.n, -1, np.int32 if n_rows < 1 << 31 else np.int64)
    row_of[positions] = rows
    return Rows(row_of >= 0, repeated(positions, places), unplanned, row_of)


def repeated(positions: IntArray, places: Places) -> IntArray:
    """Return the indices of positions that occur more than once, ascending."""
    ordered = np.sort(positions)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.sort(np.asarray(places.index)[twice]) if len(twice) else NO_TILES


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows [start, stop), read in one go for the tiles in `wanted`; `nbytes` are those of their whole chunks."""

    start: int
    stop: int
    wanted: tuple[int, ...]
    nbytes: int


def row_batches(rows: IntArray, step: int, row_bytes: int, limit: int) -> Iterator[RowBatch]:
    """Cut rows, kept in order, into batches.

    A batch goes on while rows lie in the same or the next chunk of `step` rows; it begins and ends with
    chunks, so that each is decoded once, and has at most `limit` bytes or is one chunk.
    """
    wanted: list[int] = []
    first = last = 0  # chunks
    most = max(1, limit // (step * row_bytes)) if row_bytes else len(rows)
    for start in range(0, len(rows), PIECE):
        for row in rows[start : start + PIECE].tolist():
            chunk = row // step
            if wanted and not (chunk == last or (chunk == last + 1 and chunk - first < most)):
                yield RowBatch(min(wanted), max(wanted) + 1, tuple(wanted), (last - first + 1) * step * row_bytes)
                wanted = []
            if not wanted:
                first = chunk
            last = chunk
            wanted.append(row)
    if wanted:
        yield RowBatch(min(wanted), max(wanted) + 1, tuple(wanted), (last - first + 1) * step * row_bytes)

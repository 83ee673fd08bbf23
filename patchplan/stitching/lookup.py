"""From indices of tiles to rows of the plan, one tile at a time."""

import operator
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import TilesError
from patchplan.patching.protocol import Patching
from patchplan.plans.epoch import EpochRows
from patchplan.stitching.audit import Auditor


class Lookup:
    """From indices of tiles to rows of the plan."""

    def __init__(self, auditor: Auditor, *, grid: bool, scratch: Path) -> None:
        self._rows = auditor.rows
        self.index = auditor.rows.index
        self._order = None if isinstance(self.index, range) else np.argsort(self.index)
        self._ordered = np.asarray(self.index)[self._order] if self._order is not None else None
        self._table = _table_of(auditor.rows, auditor.strategy if grid else None, scratch)

    def positions(self, indices: Sequence[Any]) -> list[int]:
        """Return the rows of tiles; TilesError for an index that the plan does not have."""
        found = []
        for one in indices:
            try:
                index = operator.index(one)
            except TypeError:
                raise TilesError(f"index {one!r} is no whole number") from None
            found.append(self._position(index))
        return found

    def _position(self, index: int) -> int:
        n = self._rows.n
        if self._order is None or self._ordered is None:
            if not 0 <= index < n:
                raise TilesError(f"the plan has no tile {index}; it has 0 to {n - 1}")
            return index
        ordered = self._ordered
        place = int(np.searchsorted(ordered, index))
        if place == n or ordered[place] != index:
            raise TilesError(f"the plan has no tile {index}; it has {ordered[0]} to {ordered[-1]}, not all of them")
        return int(self._order[place])

    def specs(self, positions: Sequence[int]) -> Iterator[tuple[int, SpecTable]]:
        """Yield rows, one table each."""
        return ((position, self._table(position)) for position in positions)


def _table_of(rows: EpochRows, strategy: Patching | None, scratch: Path) -> Callable[[int], SpecTable]:
    """Return a function from a position to its row: from memory, by arithmetic, or from a file in `scratch`."""
    if rows.held is not None:
        specs = rows.held[1]
        return lambda position: specs.slice(position, position + 1)
    if strategy is not None:
        return lambda position: strategy.get_patch_specs(position, position + 1)
    columns: dict[str, IntArray] = {}
    for start, _, piece in rows.pieces():
        for name, column in piece.columns().items():
            if name not in columns:
                shape = (rows.n, *column.shape[1:])
                columns[name] = np.memmap(scratch / f"{name}.bin", np.int64, "w+", shape=shape)
            columns[name][start : start + len(column)] = column
    whole = SpecTable(**columns)
    return lambda position: whole.slice(position, position + 1)

"""The rows of one pass as they are written: patches of strategies, and the columns that stand beside them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.plans.tables.columns import EXTRA_TYPES, split_rows

SPLITS = ("train", "validation", "test")
"""What the numbers of splits stand for."""

STEP = 1 << 18
"""Patches drawn at a time of which some are taken."""


class Patches(Protocol):
    """What gives patches; a strategy that draws gives them in order, each once per pass."""

    @property
    def n_patches(self) -> int:
        """Number of patches."""

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""


def split_column(numbers: NDArray[np.int8]) -> pa.DictionaryArray:
    """Return numbers of `SPLITS` as a column of their names."""
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(SPLITS))


@dataclass(frozen=True, eq=False)
class Part:
    """Some patches of a strategy.

    `positions`, ascending, says which (all by default). `beside` has columns: a value for all, or one for each.
    Patches without a column `index` are numbered from `first_index`. `total_tiles`, by image, replaces that of
    tiles of which some are left out.
    """

    patches: Patches
    positions: IntArray | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    first_index: int = 0
    total_tiles: IntArray | None = None

    def __len__(self) -> int:
        return self.patches.n_patches if self.positions is None else len(self.positions)

    def specs(self, start: int, stop: int) -> SpecTable:
        """Return the patches [start, stop) of this part."""
        found = self.patches.get_patch_specs(start, stop) if self.positions is None else self._taken(start, stop)
        if self.total_tiles is None or not found.is_tiles:
            return found
        return SpecTable(**found.columns() | {"total_tiles": self.total_tiles[found.data_idx]})

    def _taken(self, start: int, stop: int) -> SpecTable:
        """Return chosen patches; all between them are drawn too, so that a stream does not depend on the choice."""
        assert self.positions is not None  # noqa: S101 - the caller looked
        if start == stop:
            return self.patches.get_patch_specs(0, 0)
        begin = 0 if start == 0 else int(self.positions[start - 1]) + 1
        end = self.patches.n_patches if stop == len(self) else int(self.positions[stop - 1]) + 1
        tables = [self.patches.get_patch_specs(0, 0)]
        for low, high in split_rows(begin, end, STEP):
            first, last = np.searchsorted(self.positions, [low, high])
            table = self.patches.get_patch_specs(low, high)
            chosen = self.positions[first:last] - low
            if len(chosen):
                tables.append(table.take(chosen))
        return join(tables)

    def columns(self, start: int, stop: int) -> dict[str, pa.Array]:
        """Return the columns beside the patches [start, stop), `index` among them."""
        found = {"index": pa.array(np.arange(self.first_index + start, self.first_index + stop))}
        for name, value in self.beside.items():
            kind = EXTRA_TYPES.get(name, pa.int64())
            if isinstance(value, int | float | str):
                found[name] = pa.repeat(pa.scalar(value, kind), stop - start)
            else:
                piece = value[start:stop]
                piece = piece.combine_chunks() if isinstance(piece, pa.ChunkedArray) else piece
                found[name] = (piece if isinstance(piece, pa.Array) else pa.array(piece)).cast(kind)
        return found


class Parts:
    """Parts one after the other, as one numbering of patches; all have the same columns.

    Examples
    --------
    >>> from patchplan.patching import WholeSamplePatching
    >>> two = WholeSamplePatching([(2, 1, 8, 8)])
    >>> parts = Parts([Part(two, beside={"split": "train"}), Part(two, beside={"split": "test"}, first_index=2)])
    >>> parts.get_patch_specs(1, 3).sample_idx.tolist(), parts.columns(1, 3)["split"].to_pylist()
    ([1, 0], ['train', 'test'])
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._bounds = [0, *accumulate(map(len, parts))]

    @property
    def n_patches(self) -> int:
        """Number of patches of all parts."""
        return self._bounds[-1]

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""
        stop = self.n_patches if stop is None else stop
        return join([part.specs(a, b) for part, a, b in self._within(start, stop)])

    def columns(self, start: int, stop: int) -> dict[str, pa.Array]:
        """Return the columns beside the patches [start, stop)."""
        found = [part.columns(a, b) for part, a, b in self._within(start, stop)]
        return {name: pa.concat_arrays([one[name] for one in found]) for name in found[0]}

    def _within(self, start: int, stop: int) -> list[tuple[Part, int, int]]:
        """Return the parts that hold the patches [start, stop), and which of theirs these are; at least one part."""
        first = min(bisect_right(self._bounds, start), len(self._parts)) - 1
        found: list[tuple[Part, int, int]] = []
        for part, begin, end in zip(self._parts[first:], self._bounds[first:], self._bounds[first + 1 :], strict=False):
            a, b = max(start, begin), min(stop, end)
            if a < b or not found:
                found.append((part, a - begin, max(a, b) - begin))
        return found


def join(tables: Sequence[SpecTable]) -> SpecTable:
    """Return tables of one kind, at least one, as one."""
    filled = [table for table in tables if len(table)] or list(tables[:1])
    if len(filled) == 1:
        return filled[0]
    names = filled[0].columns()
    return SpecTable(**{name: np.concatenate([table.columns()[name] for table in filled]) for name in names})

"""The rows of one epoch of a plan, by position: what is cut out and stitched in one go."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from patchplan.core.amounts import whole_number
from patchplan.core.offsets import check_range
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import PlanError
from patchplan.plans.tables.columns import regrouped, split_rows, to_specs

if TYPE_CHECKING:
    from patchplan.plans.plan import Plan

PIECE_ROWS = 1 << 14

MAX_NAMED = 16
"""Values of a column that a message names."""

HELD_ROWS = 1 << 16
"""Rows up to which a table stays in memory: less than 10 MB."""


class EpochRows:
    """Rows of one epoch in the order of the plan, all or those of a split and a fold; row k is at position k.

    Open one with `plan.epoch(k)`. Memory: 8 bytes per row where indices are not 0, 1, 2, ..., else next to none.
    """

    def __init__(self, plan: "Plan", epoch: int, *, split: str | None = None, fold: int | None = None) -> None:
        self.plan = plan
        self.epoch = whole_number("--epoch", epoch)
        self.split = split
        self.fold = None if fold is None else whole_number("--fold", fold)
        self._rows = _rows_of(plan, self.epoch)
        wanted = {"split": self.split, "fold": self.fold}
        for name, value in wanted.items():
            if value is not None:
                self._rows = _rows_with(plan, self._rows, name, value)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self._rows)

    @cached_property
    def index(self) -> range | IntArray:
        """The index of each row: a range where they are 0, 1, 2, ..., else an array of shape (n,).

        Raises
        ------
        PlanError
            If two rows have the same index, so that nobody can tell which tile is whose.
        """
        if not self.plan.header.rows:
            return range(self.n)
        found = np.empty(self.n, np.int64)
        counted = True
        for start, index, _ in self.pieces():
            found[start : start + len(index)] = index
            counted = counted and bool((index == np.arange(start, start + len(index))).all())
        if counted:
            return range(self.n)
        ordered = np.sort(found)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if len(twice):
            several = self.fold is None and "fold" in self.plan.schema.names
            advice = "; it has folds: choose one with --fold, or take one as a plan of its own" if several else ""
            raise PlanError(f"{self.plan.path}: index {twice[0]} occurs more than once in epoch {self.epoch}{advice}")
        return found

    def specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the rows at positions [start, stop)."""
        start, stop = check_range(start, stop, self.n)
        return to_specs(self.table(start, stop)) if self.held is None else self.held[1].slice(start, stop)

    @cached_property
    def held(self) -> tuple[IntArray, SpecTable] | None:
        """All indices and specs, where they are few: they are asked for again and again."""
        if self.n > HELD_ROWS:
            return None
        table = self.table(0, self.n)
        return table.column("index").to_numpy(), to_specs(table)

    def pieces(
        self, size: int = PIECE_ROWS, start: int = 0, stop: int | None = None
    ) -> Iterator[tuple[int, IntArray, SpecTable]]:
        """Yield the rows at positions [start, stop), in pieces of exactly `size`, but for the last.

        A piece is the position of its first row, indices, and specs.
        """
        start, stop = check_range(start, stop, self.n)
        if self.held is not None:
            index, specs = self.held
            for a, b in split_rows(start, stop, size):
                yield a, index[a:b], specs.slice(a, b)
            return
        for table in self.tables(size, start, stop):
            yield start, table.column("index").to_numpy(), to_specs(table)
            start += len(table)
        pa.default_memory_pool().release_unused()

    def tables(self, size: int = PIECE_ROWS, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
        """Return the rows at positions [start, stop) as flat columns, in pieces of exactly `size`, but for the last."""
        return regrouped(self._tables(size, *check_range(start, stop, self.n)), size)

    def _tables(self, size: int, start: int, stop: int) -> Iterator[pa.Table]:
        """Yield rows in pieces as they come."""
        if start == stop:
            return
        row = int(self._rows[start])
        for table in self.plan.batches(size, row, int(self._rows[stop - 1]) + 1):
            begin, row = row, row + len(table)
            if not isinstance(self._rows, range):
                first, last = np.searchsorted(self._rows, [begin, row])
                table = table.take(pa.array(self._rows[first:last] - begin))  # noqa: PLW2901 - those of the epoch
            self._check(table)
            yield table

    def table(self, start: int, stop: int) -> pa.Table:
        """Return the rows at positions [start, stop) as flat columns."""
        if start == stop:
            return self.plan.table(0, 0)
        first, last = int(self._rows[start]), int(self._rows[stop - 1])
        table = self.plan.table(first, last + 1)
        if last + 1 - first > stop - start:
            table = table.take(pa.array(np.asarray(self._rows[start:stop]) - first))
        self._check(table)
        return table

    def _check(self, table: pa.Table) -> None:
        if "epoch" in table.schema.names and not np.all(table.column("epoch").to_numpy() == self.epoch):
            raise PlanError(f"{self.plan.path}: its rows are not in the order of their epochs, as its header says")


def _rows_of(plan: "Plan", epoch: int) -> range | IntArray:
    """Return where in the table the rows of an epoch are."""
    if plan.header.epochs is not None:
        _check_epoch(plan, epoch, plan.header.epochs)
        return range(epoch * plan.n_patches, (epoch + 1) * plan.n_patches)
    if "epoch" not in plan.schema.names:
        _check_epoch(plan, epoch, 1)
        return range(plan.n_rows)
    found: list[IntArray] = []
    start, highest, lowest = 0, -1, 2**63
    for table in plan.batches():
        column = table.column("epoch").to_numpy()
        highest, lowest = max(highest, int(column.max(initial=-1))), min(lowest, int(column.min(initial=2**63 - 1)))
        found.append(np.flatnonzero(column == epoch) + start)
        start += len(column)
    rows = np.concatenate(found) if found else np.empty(0, np.int64)
    if not len(rows):
        there = f"epoch {lowest} only" if lowest == highest else f"epochs {lowest} to {highest}"
        raise PlanError(f"--epoch: found {epoch}; {plan.path} has rows of {there}")
    return rows


def _rows_with(plan: "Plan", rows: range | IntArray, name: str, value: str | int) -> range | IntArray:
    """Return those of ascending rows that have a value in a column; PlanError where none has."""
    if name not in plan.schema.names:
        raise PlanError(f"--{name}: found {value!r}; {plan.path} has no column {name}")
    if not len(rows):
        return rows
    import pyarrow.compute as pc  # a tenth of a second, for what few commands need

    start, there, found = int(rows[0]), set(), []
    for table in plan.batches(start=start, stop=int(rows[-1]) + 1):
        column = table.column(name)
        there |= set(column.unique().to_pylist())
        found.append(start + np.flatnonzero(pc.equal(column, value).to_numpy()))
        start += len(table)
    chosen: IntArray = np.concatenate(found)
    if not isinstance(rows, range):
        chosen = chosen[np.isin(chosen, rows, assume_unique=True)]
    if not len(chosen):
        named = ", ".join(str(one) for one in sorted(there)[:MAX_NAMED])
        raise PlanError(f"--{name}: found {value!r}; {plan.path} has {named}")
    return chosen


def _check_epoch(plan: "Plan", epoch: int, n_epochs: int) -> None:
    if epoch >= n_epochs:
        found = "has no epochs; allowed: 0" if n_epochs == 1 else f"has epochs 0 to {n_epochs - 1}"
        raise PlanError(f"--epoch: found {epoch}; {plan.path} {found}")

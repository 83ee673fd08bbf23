"""Parts of one plan put together: their rows in the order of the plan, each once."""

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patchplan.core.specs import IntArray
from patchplan.errors import PlanError
from patchplan.plans.epoch import MAX_NAMED
from patchplan.plans.given import MAX_ROWS
from patchplan.plans.merge_order import ORDERS, Order, before, in_order, keys_of, present
from patchplan.plans.plan import BATCH_ROWS, Plan

LEAST_ROWS = 1 << 10
"""Rows of a part that are held at least."""


class Joined:
    """The rows of parts of one plan, in its order; `order` None sorts rows in memory, by epoch, fold and index.

    Rows that several parts have come once; `n_repeated` counts the others, when all rows have been read.
    """

    def __init__(self, plans: Sequence[Plan], order: Order | None) -> None:
        self._plans = plans
        self._order = present(ORDERS[0], plans[0]) if order is None else order
        self._sorted = order is not None
        self._repeated: list[str] = []
        self.n_repeated = 0

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows in pieces.

        Raises
        ------
        PlanError
            If a part is not in order, or rows of the same index differ.
        """
        self.n_repeated, self._repeated = 0, []
        runs = self._runs()
        while True:
            for run in runs:
                run.fill()
            ends = [run.keys[-1].tolist() for run in runs if run.more]
            taken = [run.take(min(ends) if ends else None) for run in runs]
            if not any(map(len, taken)):
                return
            yield self._joined(taken)

    def check(self) -> None:
        """Raise PlanError if there were rows that several parts have."""
        if self.n_repeated:
            raise PlanError(
                f"{self.n_repeated:,} rows are there more than once: {'; '.join(self._repeated)}. "
                "Use --allow-duplicates to take each once"
            )

    def _runs(self) -> "list[_Run]":
        if self._sorted:
            size = max(BATCH_ROWS // len(self._plans), LEAST_ROWS)
            return [_Run(plan, plan.batches(size), self._order) for plan in self._plans]
        n_rows = sum(plan.n_rows for plan in self._plans)
        if n_rows > MAX_ROWS:
            raise PlanError(
                f"{self._plans[0].path}: {n_rows:,} rows in no order are too many to be sorted in memory; "
                f"allowed are {MAX_ROWS:,}"
            )
        return [_Run(plan, iter([_sorted(plan, self._order)]), self._order) for plan in self._plans]

    def _joined(self, tables: Sequence[pa.Table]) -> pa.Table:
        """Return tables as one, in order, without what is there again."""
        table = pa.concat_tables(tables)
        keys = keys_of(table, self._order)
        order = np.lexsort(keys.T[::-1])
        table, keys = table.take(pa.array(order)), keys[order]
        again = (keys[1:] == keys[:-1]).all(axis=1)
        if not again.any():
            return table
        owner = np.repeat(np.arange(len(tables)), list(map(len, tables)))[order]
        self._note(table, owner, np.flatnonzero(again) + 1)
        return table.filter(pa.array(np.concatenate([[True], ~again])))

    def _note(self, table: pa.Table, owner: IntArray, again: IntArray) -> None:
        """Note rows that are there again; PlanError if they differ from the row before."""
        mine, other = table.take(pa.array(again)), table.take(pa.array(again - 1))
        equal = reduce(np.logical_and, (pc.equal(a, b).to_numpy() for a, b in zip(mine, other, strict=True)))
        self.n_repeated += len(again)
        for row in [*np.flatnonzero(~equal)[:1], *range(min(len(again), MAX_NAMED - len(self._repeated)))]:
            place = ", ".join(f"{name} {mine.column(name)[row]}" for name in reversed(self._order))
            where = " and ".join(dict.fromkeys(str(self._plans[owner[i]].path) for i in (again[row] - 1, again[row])))
            if not equal[row]:
                raise PlanError(f"{place}: rows in {where} differ, so they are of different plans")
            self._repeated.append(f"{place} in {where}")


class _Run:
    """Rows of one part, in order, some of them held."""

    def __init__(self, plan: Plan, tables: Iterator[pa.Table], order: Order) -> None:
        self._plan, self._tables, self._order = plan, tables, order
        self._table = plan.table(0, 0)
        self.keys = self._last = keys_of(self._table, order)
        self.more = True

    def fill(self) -> None:
        """Hold more rows if there are none."""
        while self.more and not len(self.keys):
            table = next(self._tables, None)
            self.more = table is not None
            if table is not None:
                self._hold(table)

    def _hold(self, table: pa.Table) -> None:
        keys = keys_of(table, self._order)
        if not in_order(np.concatenate([self._last, keys])):
            raise PlanError(
                f"{self._plan.path}: its rows are not in the order of {', '.join(self._order)}, as its header says"
            )
        self._table, self.keys, self._last = table, keys, keys[-1:]

    def take(self, end: list[int] | None) -> pa.Table:
        """Return rows up to a key that are held, and hold them no longer."""
        n = len(self.keys)
        if end is not None:
            n -= int(before(np.broadcast_to(end, self.keys.shape), self.keys).sum())
        taken, self._table, self.keys = self._table.slice(0, n), self._table.slice(n), self.keys[n:]
        return taken


def _sorted(plan: Plan, order: Order) -> pa.Table:
    """Return all rows in an order."""
    table = plan.table()
    return table.take(pa.array(np.lexsort(keys_of(table, order).T[::-1])))

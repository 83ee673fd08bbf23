"""The order of a plan's rows, by what tells them apart: the order in which parts of it are put together again."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.plans.parts import SPLITS
from patchplan.plans.plan import Plan

Order = tuple[str, ...]
"""Columns, the first of which counts most."""

ORDERS = (("epoch", "fold", "index"), ("epoch", "fold", "split", "index"))
"""How strategies write their rows; validation and test patches of random ones may follow those of training."""


def keys_of(table: pa.Table, order: Sequence[str]) -> IntArray:
    """Return the columns of an order, shape (n, k); splits as numbers."""
    import pyarrow.compute as pc  # a tenth of a second, for what few commands need

    columns = [table.column(name) for name in order]
    numbers = [
        pc.fill_null(pc.index_in(column, pa.array(SPLITS)), len(SPLITS)).cast(pa.int64()) if name == "split" else column
        for name, column in zip(order, columns, strict=True)
    ]
    return np.stack([column.to_numpy() for column in numbers], axis=1)


def before(keys: IntArray, others: IntArray) -> NDArray[np.bool_]:
    """Tell which keys come before others, row by row; both (n, k)."""
    less, same = np.zeros(len(keys), bool), np.ones(len(keys), bool)
    for column, other in zip(keys.T, others.T, strict=True):
        less |= same & (column < other)
        same &= column == other
    return less


def in_order(keys: IntArray) -> bool:
    """Tell whether each key (n, k) comes before the next.

    Examples
    --------
    >>> in_order(np.array([[0, 7], [1, 2], [1, 3]])), in_order(np.array([[0, 7], [0, 7]]))
    (True, False)
    """
    return bool(before(keys[:-1], keys[1:]).all())


def present(order: Sequence[str], plan: Plan) -> Order:
    """Return the columns of an order that a plan has."""
    return tuple(name for name in order if name in plan.schema.names)


def order_of(plan: Plan) -> Order | None:
    """Return an order in which the rows of a plan are; None where they are in no known one. Reads them all."""
    left = list(dict.fromkeys(present(order, plan) for order in ORDERS))
    if not plan.header.rows:
        return left[0]
    last: dict[Order, IntArray] = {}
    for table in plan.batches():
        for order in left.copy():
            keys = keys_of(table, order)
            keys = np.concatenate([last.get(order, keys[:0]), keys])
            if not in_order(keys):
                left.remove(order)
            last[order] = keys[-1:]
    return left[0] if left else None

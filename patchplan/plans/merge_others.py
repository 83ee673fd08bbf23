"""Plans that are no parts of one, one after the other: patches get new numbers, and images those of the merged plan."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from patchplan.core.specs import IntArray
from patchplan.errors import PlanError
from patchplan.objects import Location
from patchplan.plans.header import Header
from patchplan.plans.merge_images import United, unite
from patchplan.plans.plan import BATCH_ROWS, Plan
from patchplan.plans.tables.columns import regrouped, table_schema

SOURCE = "source_index"

MERGED = "merged"
"""Key of a merged plan's config: the plans it was made of, in the order of its rows."""


class Merged:
    """Plans as one. Within an epoch their rows follow each other, and so do their numbers; the old stays beside.

    Memory: 8 bytes per row of plans whose indices are not 0, 1, 2, ..., else next to none.

    Raises
    ------
    PlanError
        If an image has changed between two plans, or they differ in their number of epochs.
    """

    def __init__(self, plans: Sequence[Plan], folder: Location) -> None:
        self._plans = plans
        self._united = unite(plans, folder)
        self.header = _header(plans, self._united)
        extra = [name for name in plans[0].schema.names if name not in _base(plans[0]) and name != SOURCE]
        self.schema = table_schema(self.header.ndim, tiles=self.header.tiles, extra=[*extra, SOURCE])

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows in pieces."""
        parts = []
        first = 0
        for plan, numbers in zip(self._plans, self._united.numbers, strict=True):
            index = _Numbering(plan, first)
            first += index.n
            parts.append((plan.n_patches, self._pieces(plan, index, numbers)))
        for _ in range(self.header.epochs or 1):
            for n_patches, pieces in parts:
                done = 0
                while done < n_patches:
                    piece = next(pieces)
                    done += len(piece)
                    yield piece

    def _pieces(self, plan: Plan, index: "_Numbering", numbers: IntArray) -> Iterator[pa.Table]:
        """Yield the rows of one plan; pieces end where an epoch does."""
        for table in regrouped(plan.batches(), BATCH_ROWS, plan.n_patches or 1):
            yield self._renumbered(table, index, numbers)

    def _renumbered(self, table: pa.Table, index: "_Numbering", numbers: IntArray) -> pa.Table:
        columns: dict[str, Any] = {name: table.column(name) for name in table.schema.names}
        data_idx = numbers[columns["data_idx"].to_numpy()]
        columns |= {"index": index.new(columns["index"].to_numpy()), "data_idx": data_idx, SOURCE: columns["index"]}
        if self.header.tiles and "fold" not in columns:
            columns["total_tiles"] = np.array([image.n_patches for image in self._united.images])[data_idx]
        return pa.table({name: columns[name] for name in self.schema.names}, self.schema)


class _Numbering:
    """New indices of a plan's patches, from `first` on as they come; in all epochs and folds the same."""

    def __init__(self, plan: Plan, first: int) -> None:
        self._first = first
        self._old: IntArray | None = None
        self.n = plan.n_patches
        if plan.header.rows and not _counted(plan):
            rows = [table.column("index").to_numpy() for table in plan.batches()]
            self._old, place = np.unique(np.concatenate(rows), return_index=True)
            self.n = len(self._old)
            self._number = np.empty(self.n, np.int64)
            self._number[np.argsort(place)] = np.arange(self.n)

    def new(self, old: IntArray) -> IntArray:
        """Return new indices of old ones."""
        if self._old is None:
            return old + self._first
        return self._number[np.searchsorted(self._old, old)] + self._first


def _counted(plan: Plan) -> bool:
    """Tell whether indices are 0, 1, 2, ... in each epoch."""
    row = 0
    for table in plan.batches():
        index = table.column("index").to_numpy()
        if not np.array_equal(index, np.arange(row, row + len(index)) % plan.n_patches):
            return False
        row += len(index)
    return True


def _base(plan: Plan) -> list[str]:
    names: list[str] = table_schema(plan.header.ndim, tiles=plan.header.tiles).names
    return names


def _header(plans: Sequence[Plan], united: United) -> Header:
    epochs = {plan.header.epochs for plan in plans}
    if len(epochs) > 1:
        told = ", ".join(f"{plan.path} has {plan.header.epochs or 'none'}" for plan in plans)
        raise PlanError(f"plans to merge must have equally many epochs: {told}; take one with patchplan subset --epoch")
    n_patches = sum(plan.n_patches for plan in plans)
    axes = {plan.header.config.get("axes") for plan in plans}
    config = {
        "axes": axes.pop() if len(axes) == 1 else None,
        "z_as_samples": any(plan.header.config.get("z_as_samples") for plan in plans),  # others have no Z, or one slice
        "patching": {"name": "fixed"},
        MERGED: [{"plan": plan.path.name, "digest": plan.digest, "n_rows": plan.n_rows} for plan in plans],
    }
    return Header(
        schema_version=1,
        config=config,
        images=united.images,
        n_patches=n_patches,
        n_rows=n_patches * (plans[0].header.epochs or 1),
        tiles=plans[0].header.tiles,
        ndim=plans[0].header.ndim,
        epochs=plans[0].header.epochs,
    )

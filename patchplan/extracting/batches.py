"""Rows in batches: those of one batch have one form and lie in one output shard."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from patchplan.core.specs import IntArray, SpecTable
from patchplan.plans.epoch import PIECE_ROWS, EpochRows


@dataclass(frozen=True)
class Batch:
    """Neighbouring rows of an epoch: position of the first, indices, specs."""

    start: int
    index: IntArray
    specs: SpecTable


def batches(rows: EpochRows, size: int, kind_of: IntArray) -> Iterator[Batch]:
    """Yield all rows in order.

    Parameters
    ----------
    rows : EpochRows
        Rows to split.
    size : int
        Rows of a batch; batches begin at its multiples, and where patches begin to differ.
    kind_of : IntArray
        By image, a number: equal for images whose patches have the same channels and dtype.
    """
    for start, index, specs in rows.pieces(size * max(1, PIECE_ROWS // size)):
        borders = np.union1d(np.arange(0, len(specs), size), _changes(specs, kind_of)).tolist()
        for first, last in zip(borders, [*borders[1:], len(specs)], strict=True):
            yield Batch(start + first, index[first:last], specs.slice(first, last))


def _changes(specs: SpecTable, kind_of: IntArray) -> IntArray:
    """Return the rows that differ in form from the one before."""
    kind = kind_of[specs.data_idx]
    differs = (np.diff(specs.patch_size, axis=0) != 0).any(axis=1) | (np.diff(kind) != 0)
    return np.flatnonzero(differs) + 1

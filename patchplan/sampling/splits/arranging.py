"""In which order units (cells of a grid, rows of a table) are taken, so that what is taken stands together.

Spread: each sample gives in proportion to what it has, in blocks that come in random order. Compact: all in one
sequence, so that the units taken have as few neighbours that are not taken as can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.specs import IntArray


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Units in the order in which they are taken; `group` numbers those that give in proportion, ascending."""

    order: IntArray
    group: IntArray

    def take(self, free: BoolArray, n: int, rng: np.random.Generator) -> BoolArray:
        """Return which `n` of the free units are taken: of each group its share of them, rounded up or down."""
        order, group = self._of(free)
        bounds = np.concatenate([[0], np.bincount(group).cumsum()])
        # One ruler over all groups: the roundings cannot add up to more or less than n.
        shift = int(rng.integers(bounds[-1])) if n else 0
        ruler = [(n * bound + shift) // bounds[-1] for bound in bounds.tolist()] if n else [0] * len(bounds)
        place = np.arange(len(order)) - bounds[group]
        taken = np.zeros(len(free), bool)
        taken[order[place < np.diff(ruler)[group]]] = True
        return taken

    def deal(self, free: BoolArray, k: int, rng: np.random.Generator) -> IntArray:
        """Return the fold of each unit, -1 for those not free: k runs of each group; folds differ by one unit at most.

        The units that are left over in a group go to the folds after those that had the ones left over before.
        """
        order, group = self._of(free)
        counts = np.bincount(group, minlength=1)
        each, left = np.divmod(counts, k)
        first = (int(rng.integers(k)) + np.cumsum(left) - left) % k
        place = np.arange(len(order)) - (np.cumsum(counts) - counts)[group]
        each, left, first = each[group], left[group], first[group]
        longer = left * (each + 1)
        run = np.where(place < longer, place // (each + 1), left + (place - longer) // np.maximum(each, 1))
        folds = np.full(len(free), -1, np.int64)
        folds[order] = (first + run) % k
        return folds

    def _of(self, free: BoolArray) -> tuple[IntArray, IntArray]:
        chosen = free[self.order]
        return self.order[chosen], self.group[chosen]


def spread(
    units: IntArray, sample: IntArray, place: IntArray, block: Sequence[int], rng: np.random.Generator
) -> Arrangement:
    """Arrange units block by block.

    Parameters
    ----------
    units : IntArray
        Their numbers, (n,).
    sample : IntArray
        The sample that each is of, (n,).
    place : IntArray
        Where each stands in the grid of its sample, (ndim, n).
    block : sequence of int
        Cells per axis of a block; where the first one begins is drawn for each sample.
    rng : numpy.random.Generator
        Draws this, and the order of the blocks.
    """
    group = dense(sample)
    n_groups = int(group.max()) + 1
    number = group
    for cells, size in zip(place, block, strict=True):
        shift = rng.integers(size, size=n_groups)
        along = dense((cells + shift[group]) // size)
        number = dense(number * (int(along.max()) + 1) + along)
    rank = rng.permutation(int(number.max()) + 1)[number]
    order = np.argsort(group * len(rank) + rank, kind="stable")
    return Arrangement(units[order], group[order])


def compact(units: IntArray, sample: IntArray, place: IntArray) -> Arrangement:
    """Arrange units (arguments as for `spread`) sample by sample, slice by slice of the longest axis."""
    longest_last = np.argsort([int(np.ptp(cells)) for cells in place], kind="stable")
    order = np.lexsort((*place[longest_last], sample))
    return Arrangement(units[order], np.zeros(len(units), np.int64))


def dense(values: NDArray[np.int64]) -> IntArray:
    """Return the values numbered from 0 in ascending order, without gaps."""
    low = int(values.min())
    if int(values.max()) - low <= 4 * len(values):  # counting is faster than sorting
        seen = np.zeros(int(values.max()) - low + 1, bool)
        seen[values - low] = True
        found: IntArray = (np.cumsum(seen) - 1)[values - low]
        return found
    return np.unique(values, return_inverse=True)[1]

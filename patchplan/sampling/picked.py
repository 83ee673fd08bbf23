"""Some patches of a grid, of which those between are not made: a few of 10^8 cost what a few cost."""

from collections.abc import Iterator

import numpy as np

from patchplan.core.offsets import check_range
from patchplan.core.specs import IntArray, SpecTable
from patchplan.plans.parts import Patches, join
from patchplan.plans.tables.columns import split_rows

GAP = 1 << 12
"""Patches up to which making those between is as fast as beginning anew."""

STEP = 1 << 18
"""Patches made at a time, of which some are picked."""


class Picked:
    """Patches of a grid by their indices, ascending, numbered anew."""

    def __init__(self, patches: Patches, rows: IntArray) -> None:
        self._patches, self._rows = patches, rows

    @property
    def n_patches(self) -> int:
        """Number of patches."""
        return len(self._rows)

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""
        start, stop = check_range(start, stop, self.n_patches)
        return join([self._patches.get_patch_specs(0, 0), *self._runs(self._rows[start:stop])])

    def _runs(self, rows: IntArray) -> Iterator[SpecTable]:
        """Yield rows, run after run of such as are near each other."""
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > GAP) + 1) if len(rows) else []:
            for low, high in split_rows(int(run[0]), int(run[-1]) + 1, STEP):
                first, last = np.searchsorted(run, [low, high])
                made = self._patches.get_patch_specs(low, high)
                yield made if last - first == high - low else made.take(run[first:last] - low)

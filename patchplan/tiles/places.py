"""From the index of a tile to its position in the plan."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patchplan.core.specs import IntArray


@dataclass(frozen=True)
class Places:
    """The indices of a plan's epoch by position: a range from 0, or an array of shape (n,) without repeats."""

    index: range | IntArray

    @property
    def n(self) -> int:
        """Number of positions."""
        return len(self.index)

    def locate(self, indices: IntArray) -> IntArray:
        """Return the position of each index, -1 where the plan does not have it.

        Examples
        --------
        >>> Places(np.array([30, 10, 20])).locate(np.array([10, 11, 30]))
        array([ 1, -1,  0])
        """
        if isinstance(self.index, range):
            return np.where((indices >= 0) & (indices < self.n), indices, -1)
        order = self._order
        ordered = self.index if order is None else self.index[order]
        found = np.minimum(np.searchsorted(ordered, indices), max(self.n - 1, 0))
        if not self.n:
            return np.full(len(indices), -1, np.int64)
        positions = found if order is None else order[found]
        return np.where(ordered[found] == indices, positions, -1)

    @cached_property
    def _order(self) -> IntArray | None:
        """What sorts the indices, None where they ascend."""
        index = np.asarray(self.index)
        return None if bool((index[1:] > index[:-1]).all()) else np.argsort(index)

    def are(self, indices: IntArray, start: int) -> bool:
        """Return whether these are the indices of the positions from `start`, -1 standing for any."""
        if start + len(indices) > self.n:
            return False
        numbers = isinstance(self.index, range)
        planned = np.arange(start, start + len(indices)) if numbers else self.index[start : start + len(indices)]
        return bool(((indices == planned) | (indices == -1)).all())

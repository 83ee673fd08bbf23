"""Choosing one of many entries in proportion to what they hold; entries lie end to end, in segments."""

from dataclasses import dataclass

import numpy as np

from patchplan.core.cells import FloatArray
from patchplan.core.specs import IntArray


@dataclass(frozen=True, eq=False)
class CountLine:
    """Entries that hold whole numbers above 0; exact.

    `bounds` says which entries each segment has, `ends` where each entry ends on a line through all.
    """

    bounds: IntArray
    ends: IntArray

    @classmethod
    def of(cls, counts: IntArray, bounds: IntArray) -> "CountLine":
        """Lay counts end to end; segment s has entries [bounds[s], bounds[s + 1])."""
        return cls(bounds, np.concatenate([[0], np.cumsum(counts)]))

    def draw(self, rng: np.random.Generator, segments: IntArray) -> tuple[IntArray, IntArray]:
        """Return an entry of each segment, and which of the things that it holds, from 0."""
        first, last = self.ends[self.bounds[segments]], self.ends[self.bounds[segments + 1]]
        at = first + rng.integers(0, last - first, dtype=np.int64)
        entries = np.searchsorted(self.ends, at, "right") - 1
        return entries, at - self.ends[entries]


@dataclass(frozen=True, eq=False)
class ShareLine:
    """Entries with weights above 0. Each segment is as long as any other, so that none is lost beside a heavy one.

    `bounds` says which entries each segment has, `ends` where each entry ends; segment s lies from s to s + 1.
    """

    bounds: IntArray
    ends: FloatArray

    @classmethod
    def of(cls, weights: FloatArray, bounds: IntArray) -> "ShareLine":
        """Lay weights end to end; segment s has entries [bounds[s], bounds[s + 1]), at least one."""
        # Divided by the largest first, so that their sum is a number, whatever they are.
        shares = weights / np.repeat(np.maximum.reduceat(weights, bounds[:-1]), np.diff(bounds))
        shares /= np.repeat(np.add.reduceat(shares, bounds[:-1]), np.diff(bounds))
        return cls(bounds, np.cumsum(shares))

    def choose(self, uniform: FloatArray, segments: IntArray) -> IntArray:
        """Return an entry of each segment for uniform numbers from 0 to 1."""
        entries = np.searchsorted(self.ends, segments + uniform, "right")
        # Where sums were rounded, a segment may begin or end a little off its place.
        return entries.clip(self.bounds[segments], self.bounds[segments + 1] - 1)

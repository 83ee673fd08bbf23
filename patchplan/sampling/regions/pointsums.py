"""How many pixels of runs lie in boxes, for a million boxes and points at once.

Runs of pixels [a, b) of rows are points: +1 at a, -1 at b. Below x in a row there are sum of sign * (x - t) pixels of
the region, over its points t < x. So a box needs the number of points, and the sum of their t, above a row and left of
a column: four times, once per corner.

The points are sorted by t, and a query begins as the range of those left of it. Then the bits of the row are gone
through from the highest on, as in a wavelet tree: points with bit 0 go to the front, and a query whose own bit is 1
adds those of its range and goes on among the others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray


@dataclass(frozen=True)
class Points:
    """Ends of runs: row, t and sign (+1 where a run starts, -1 where it stops), (n,) each."""

    row: IntArray
    t: IntArray
    sign: IntArray

    def sums(self, starts: IntArray, stops: IntArray) -> IntArray:
        """Return how many pixels of the runs are in boxes, (k, 2) each in Y X order; shape (k,)."""
        edges, top = np.unique(np.concatenate([starts[:, 0], stops[:, 0]]), return_inverse=True)
        by_t = np.argsort(self.t, kind="stable")
        # A row lies above edge j where its rank is at most j.
        rank = np.searchsorted(edges, self.row[by_t], "right")
        above = _Walk(rank, self.sign[by_t], self.t[by_t]).sums(
            top.reshape(-1) + 1, np.tile(starts[:, 1], 2), np.tile(stops[:, 1], 2)
        )
        return above[len(starts) :] - above[: len(starts)]


@dataclass
class _Walk:
    """Points in order of t, sorted further by one bit of `rank` at a time."""

    rank: IntArray
    sign: IntArray
    t: IntArray

    def sums(self, rank: IntArray, left: IntArray, right: IntArray) -> IntArray:
        """Return the pixels of columns [left, right) in rows below `rank`, (q,) each."""
        at = np.stack([np.zeros_like(left), np.searchsorted(self.t, left), np.searchsorted(self.t, right)])
        found = np.zeros(len(rank), np.int64)
        for bit in reversed(range(int(rank.max(initial=0)).bit_length())):
            n_zeros, zeros = self._sort(bit)
            signs, moments = _before(self.sign[:n_zeros]), _before((self.sign * self.t)[:n_zeros])
            is_one = (rank >> bit & 1).astype(bool)
            to_zeros = zeros.take(at)
            first, low, high = to_zeros[:, is_one]
            begin, end = left[is_one], right[is_one]
            found[is_one] += end * (signs[high] - signs[first]) - moments[high]
            found[is_one] -= begin * (signs[low] - signs[first]) - moments[low]
            at -= to_zeros
            at += n_zeros
            np.copyto(at, to_zeros, where=~is_one)
        return found

    def _sort(self, bit: int) -> tuple[int, IntArray]:
        """Put points with this bit 0 first; return their number, and how many there were before each place."""
        is_zero: NDArray[np.bool_] = self.rank >> bit & 1 == 0
        order = np.concatenate([np.flatnonzero(is_zero), np.flatnonzero(~is_zero)])
        self.rank, self.sign, self.t = self.rank[order], self.sign[order], self.t[order]
        zeros = _before(is_zero.astype(np.int64))
        return int(zeros[-1]), zeros


def _before(values: IntArray) -> IntArray:
    """Return the sum before each place and after the last."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums

"""Runs of rows that are followed through a cache: all rows as one, or a sample of them where they are many.

A sample is of evenly spaced runs of neighbouring rows. In the order of the rows a run begins with what the cache
holds there: of stored rows that is known from all before, of a grid from those just before it. In Morton order it
begins with nothing. In both, the first half of a run only goes on filling the cache.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.coverage.cost_cache import Recency
from patchplan.coverage.cost_chunks import Places
from patchplan.coverage.cost_rows import CostRows
from patchplan.coverage.rows import PlanRows
from patchplan.patching.protocol import Patching

EXACT_ROWS = 1 << 20
"""Rows that are all followed."""

MAX_TOUCHES = 1 << 26
"""Touches of places that are followed in one order: some 20 s."""

N_RUNS = 16
"""Runs of a sample."""

RUN_ROWS = 1 << 16
"""Rows of each."""

BEFORE_ROWS = (1 << 14, 1 << 16, 1 << 18)
"""Rows of a grid before a run that tell what the cache holds; the more, the larger it is."""

MAX_MARKS = 1 << 23
"""Places of which it is kept when they were touched last: 64 MB."""


class Run(NamedTuple):
    """Rows read one after the other, of which the first `n_warm` only fill the cache.

    `held` are the places that the cache holds before them; `known` unless it may hold more.
    """

    rows: CostRows
    n_warm: int
    held: IntArray
    known: bool


NOTHING: IntArray = np.zeros(0, np.int64)


def whole(rows: CostRows) -> Run:
    """Return rows as one run that is counted from its beginning."""
    return Run(rows, 0, NOTHING, known=True)


def sample_of(n_rows: int, n_touches: int) -> list[tuple[int, int]] | None:
    """Return where runs begin and end, of so many rows that touch so many places; None where all are followed."""
    if n_rows < N_RUNS or (n_rows <= EXACT_ROWS and n_touches <= MAX_TOUCHES):
        return None
    return spans(n_rows, min(RUN_ROWS, n_rows // N_RUNS))


def spans(n_rows: int, length: int) -> list[tuple[int, int]]:
    """Return where runs of `length` rows, a sixteenth at most, begin and end: in the middle of each sixteenth.

    Examples
    --------
    >>> spans(1600, 30)[:2], spans(1600, 100)[-1]
    ([(35, 65), (135, 165)], (1500, 1600))
    """
    starts = [(2 * i + 1) * n_rows // (2 * N_RUNS) - length // 2 for i in range(N_RUNS)]
    return [(start, start + length) for start in starts]


def stored_runs(rows: PlanRows, places: Places, cache: int, wanted: Sequence[tuple[int, int]]) -> Iterator[Run]:
    """Yield runs of stored rows, in one pass over all rows."""
    recency = Recency(places) if places.offset[-1] <= MAX_MARKS else None
    cuts = [cut for span in wanted for cut in span]  # what lies behind an odd number of them is in a run
    parts: list[CostRows] = []
    held = NOTHING
    passed = at = 0
    for piece in rows.pieces():
        every = CostRows.of(piece.specs, rows.sizes, piece.keys.get("epoch"))
        start = 0
        while start < every.n:
            while passed < len(cuts) and cuts[passed] == at:
                if passed % 2:
                    yield _half_warm(CostRows.join(parts, rows.sizes.shape[1]), places, held, recency is not None)
                elif recency is not None:
                    held, _ = recency.held(cache)
                parts, passed = [], passed + 1
            stop = every.n if passed == len(cuts) else min(every.n, start + cuts[passed] - at)
            part = every.take(slice(start, stop))
            if passed % 2:
                parts.append(part)
            if recency is not None and passed < len(cuts):
                recency.follow(part)
            at, start = at + part.n, stop
    if passed < len(cuts):
        yield _half_warm(CostRows.join(parts, rows.sizes.shape[1]), places, held, recency is not None)


def grid_runs(
    patching: Patching, sizes: IntArray, places: Places, cache: int, wanted: Sequence[tuple[int, int]]
) -> Iterator[Run]:
    """Yield runs of the patches of a grid."""
    for start, stop in wanted:
        held, known = NOTHING, start == 0
        for n in BEFORE_ROWS:
            if known or places.offset[-1] > MAX_MARKS:
                break
            recency = Recency(places)
            recency.follow(CostRows.of(patching.get_patch_specs(max(0, start - n), start), sizes))
            held, known = recency.held(cache)
            known |= n >= start
        yield _half_warm(CostRows.of(patching.get_patch_specs(start, stop), sizes), places, held, known)


def _half_warm(rows: CostRows, places: Places, held: IntArray, known: bool) -> Run:
    """Return a run, or as much of it as does not touch too many places."""
    ends = np.cumsum(places.touched(rows).n)
    n = max(2, int(np.searchsorted(ends, MAX_TOUCHES // N_RUNS, side="right")))
    rows = rows.take(slice(0, n))
    return Run(rows, rows.n // 2, held, known)

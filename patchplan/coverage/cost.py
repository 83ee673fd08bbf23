"""What a plan costs to read: pixels and bytes, and the chunks that its patches load through a cache.

Patches are read one after the other. Of a patch, places are touched in C order, the chunks of all channels at
each. A chunk that the cache does not hold is loaded whole, and the least recently used are dropped. So many rows
that following them all would take long are sampled: evenly spaced runs of neighbouring rows, each with a cache of
its own, which the first half of the run fills and the second half is counted with.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.coverage.cost_cache import open_cache
from patchplan.coverage.cost_chunks import MAX_NUMBER, Places
from patchplan.coverage.cost_rows import EXACT_ROWS, N_RUNS, CostRows, Run, all_rows, half_warm, sampled_rows, spans
from patchplan.coverage.rows import PlanRows
from patchplan.plans.plan import Plan

MAX_TOUCHES = 1 << 26
"""Touches of chunks that are followed in one order: some 10 s."""

MAX_PATCH = 1 << 22
"""Places that one patch may touch; what larger ones load is not told."""


class Loaded(NamedTuple):
    """Per image: places loaded, and bytes wanted."""

    places: list[int]
    wanted: list[int]


class Costs(NamedTuple):
    """What is counted of rows: in both orders, places touched (sum and largest), patches. Per image."""

    plan: Loaded
    morton: Loaded
    touched: list[int]
    most: list[int]
    patches: list[int]


class Reading:
    """Reads rows through a cache, in their order and in Morton order."""

    def __init__(self, plan: Plan, places: Places, cache: int, followed: Callable[[int], None] | None = None) -> None:
        self.places, self.cache = places, cache
        self.pixel_bytes = [
            shape[1] * np.dtype(image.dtype).itemsize
            for shape, image in zip(plan.data_shapes, plan.images, strict=True)
        ]
        self._followed = followed

    def costs(self, runs: Sequence[Run]) -> Costs:
        """Return what runs of rows cost, each with a cache of its own."""
        n_images = len(self.pixel_bytes)
        touched, most, patches = np.zeros((3, n_images), np.int64)
        for run in runs:
            counted = run.rows.take(slice(run.n_warm, None))
            n = self.places.touched(counted).n.astype(np.int64)
            patches += np.bincount(counted.data_idx, minlength=n_images)
            touched += sums(n, counted.data_idx, n_images)
            np.maximum.at(most, counted.data_idx, n)
        moved = [Run(run.rows.in_morton_order(self.places.chunk_of(run.rows)), run.n_warm) for run in runs]
        return Costs(self._loaded(runs), self._loaded(moved), touched.tolist(), most.tolist(), patches.tolist())

    def loaded_bytes(self, runs: Sequence[Run]) -> tuple[int, int]:
        """Return bytes loaded for all images in the order of the rows, and bytes wanted; mapped files load those."""
        loaded, sizes = self._loaded(runs), self.places.place_bytes
        n_bytes = sum(
            wanted if not size else n * size
            for n, wanted, size in zip(loaded.places, loaded.wanted, sizes, strict=True)
        )
        return n_bytes, sum(loaded.wanted)

    def _loaded(self, runs: Sequence[Run]) -> Loaded:
        n_images = len(self.pixel_bytes)
        places, wanted = np.zeros((2, n_images), np.int64)
        first = np.array(self.places.offset[:-1])
        for run in runs:
            cache = open_cache(self.cache, self.places.offset, self.places.place_bytes)
            for part, counts in ((slice(0, run.n_warm), False), (slice(run.n_warm, None), True)):
                rows = run.rows.take(part)
                for touched in self.places.touched(rows).numbers():
                    loads = cache.loads(touched)
                    if counts:
                        places += np.bincount(np.searchsorted(first, loads, side="right") - 1, minlength=n_images)
                    if self._followed is not None:
                        self._followed(len(touched))
            wanted += sums((rows.stop - rows.start).prod(axis=1), rows.data_idx, n_images)
        return Loaded(places.tolist(), [n * size for n, size in zip(wanted.tolist(), self.pixel_bytes, strict=True)])


def sums(values: IntArray, data_idx: IntArray, n_images: int) -> IntArray:
    """Return sums per image, exact to 2**62: `bincount` adds up floats."""
    low, high = values & 0x7FFFFFFF, values >> 31
    parts = (np.bincount(data_idx, part, n_images).astype(np.int64) for part in (low, high))
    return next(parts) + (next(parts) << 31)


def choose_runs(rows: PlanRows, places: Places) -> tuple[list[Run], bool]:
    """Return the rows to follow, and whether they are a sample. Empty where a patch touches too much to follow."""
    if rows.plan.n_rows <= EXACT_ROWS:
        every = all_rows(rows)
        n = places.touched(every).n
        if _too_large(every, n):
            return [], False
        if n.sum() <= MAX_TOUCHES:
            return [Run(every, 0)], False
        length = max(2, int(every.n * MAX_TOUCHES / n.sum()) // N_RUNS)
        return [half_warm(every.take(slice(a, b))) for a, b in spans(every.n, length)], True
    parts = sampled_rows(rows)
    n = np.concatenate([places.touched(part).n for part in parts])
    if any(_too_large(part, places.touched(part).n) for part in parts):
        return [], True
    length = max(2, int(parts[0].n * min(1.0, MAX_TOUCHES / max(1.0, n.sum()))))
    return [half_warm(part.take(slice(0, length))) for part in parts], True


def _too_large(rows: CostRows, touched: NDArray[np.float64]) -> bool:
    pixels = (rows.stop - rows.start).prod(axis=1, dtype=np.float64)
    return bool(touched.max(initial=0) > MAX_PATCH or pixels.max(initial=0) > MAX_NUMBER)

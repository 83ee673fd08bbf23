"""What a plan costs to read: the chunks that its patches load through a cache.

Patches are read one after the other. Of a patch, places are touched in C order, the chunks of all channels at
each. A chunk that the cache does not hold is loaded whole, and the least recently used are dropped. So a cache that
holds all chunks loads each of them once, and one that holds none loads at every touch: both are counted, whatever
the order and the number of rows. Through any other, rows are followed one by one, or a sample of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.coverage.cost_cache import Cache, open_cache
from patchplan.coverage.cost_chunks import MAX_NUMBER, Places
from patchplan.coverage.cost_rows import CostRows, all_rows
from patchplan.coverage.cost_runs import NOTHING, Run, grid_runs, sample_of, stored_runs, whole
from patchplan.coverage.cost_touches import Touches, distinct, sums
from patchplan.coverage.rows import Counted, PlanRows, Progress, counting

MAX_PATCH = 1 << 22
"""Places that one patch may touch; what larger ones load is not told."""


class Loaded(NamedTuple):
    """Places loaded of each kind, and bytes wanted of each image; `at_most` where fewer may be loaded."""

    kinds: list[int]
    wanted: list[int]
    at_most: bool


class Costs(NamedTuple):
    """What is loaded in both orders, for how many patches of each image, and whether these are a sample."""

    plan: Loaded
    morton: Loaded
    patches: list[int]
    sampled: bool


class Reading:
    """Reads patches through a cache of so many bytes; `pixel_bytes` are those of all channels, of each image."""

    def __init__(self, places: Places, cache: int, pixel_bytes: Sequence[int]) -> None:
        self.places, self.cache, self.pixel_bytes = places, cache, pixel_bytes

    @property
    def holds_all(self) -> bool:
        """Whether nothing is ever dropped."""
        return self.places.n_bytes <= self.cache

    @property
    def holds_none(self) -> bool:
        """Whether nothing is ever held."""
        return not self.holds_all and self.cache < min(self.places.sizes)

    def costs(
        self, rows: PlanRows, touches: Touches, wanted: list[int], progress: Progress | None = None
    ) -> Costs | None:
        """Return what the rows of a plan cost, of which all `wanted` bytes are known; None where that is not told."""
        if self.holds_all or self.holds_none:
            kinds = touches.kinds if self.holds_none else self._different(rows, touches, progress)
            loaded = Loaded(kinds, wanted, at_most=False)
            return Costs(loaded, loaded, touches.patches, sampled=False)
        pixels = rows.sizes.prod(axis=1, dtype=np.float64)
        if max(touches.most) > MAX_PATCH or pixels.max() > MAX_NUMBER:
            return None
        n_touches = sum(touches.kinds)
        sample = sample_of(rows.plan.n_rows, n_touches)
        if sample is None:
            return self._followed([whole(all_rows(rows))], counting(progress, "touches of chunks", 2 * n_touches))
        if rows.plan.header.rows:
            runs = stored_runs(rows, self.places, self.cache, sample)
        else:
            runs = grid_runs(rows.plan.patching, rows.sizes, self.places, self.cache, sample)
        return self._followed(runs, None, sampled=True)

    def _different(self, rows: PlanRows, touches: Touches, progress: Progress | None) -> list[int]:
        if touches.different is not None:
            return touches.different
        return distinct(rows, self.places, counting(progress, "chunks", self.places.offset[-1]))

    def _followed(self, runs: Iterable[Run], followed: Counted | None, *, sampled: bool = False) -> Costs:
        plan, morton = _Counter(self, followed), _Counter(self, followed)
        for run in runs:
            plan.read(run)
            moved = run.rows.in_morton_order(self.places.chunk_of(run.rows))
            morton.read(Run(moved, run.n_warm, NOTHING, known=not sampled))
        return Costs(plan.loaded(), morton.loaded(), plan.patches, sampled)

    def loaded(self, runs: Iterable[Run]) -> Loaded:
        """Return what runs load."""
        counter = _Counter(self, None)
        for run in runs:
            counter.read(run)
        return counter.loaded()

    def bytes_of(self, loaded: Loaded, data_idx: int) -> int:
        """Return the bytes that are loaded of an image; of a mapped file just what is wanted."""
        if self.places.grids[data_idx] is None:
            return loaded.wanted[data_idx]
        kinds = slice(2 * data_idx, 2 * data_idx + 2)
        return sum(n * size for n, size in zip(loaded.kinds[kinds], self.places.kind_bytes[kinds], strict=True))


class _Counter:
    """Counts what runs load that begin with a cache of their own."""

    def __init__(self, reading: Reading, followed: Counted | None) -> None:
        self._reading, self._call = reading, followed
        n_images = len(reading.pixel_bytes)
        self._kinds, self._pixels = [0] * (2 * n_images), [0] * n_images
        self.patches = [0] * n_images
        self._known = True

    def read(self, run: Run) -> None:
        cache = open_cache(self._reading.cache, self._reading.places)
        cache.loads(run.held)
        for _ in self._loads(cache, run.rows.take(slice(0, run.n_warm))):
            pass
        rows, n_images = run.rows.take(slice(run.n_warm, None)), len(self.patches)
        for loads in self._loads(cache, rows):
            _add(self._kinds, self._reading.places.by_kind(loads).tolist())
        _add(self._pixels, sums((rows.stop - rows.start).prod(axis=1), rows.data_idx, n_images).tolist())
        _add(self.patches, np.bincount(rows.data_idx, minlength=n_images).tolist())
        self._known &= run.known

    def _loads(self, cache: Cache, rows: CostRows) -> Iterator[IntArray]:
        for numbers in self._reading.places.touched(rows).numbers():
            yield cache.loads(numbers)
            if self._call is not None:
                self._call(len(numbers))

    def loaded(self) -> Loaded:
        wanted = [n * size for n, size in zip(self._pixels, self._reading.pixel_bytes, strict=True)]
        return Loaded(self._kinds, wanted, at_most=not self._known)


def _add(total: list[int], more: Sequence[int]) -> None:
    for i, n in enumerate(more):
        total[i] += n

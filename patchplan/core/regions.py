"""What may be drawn of one sample, and how often: which cells are excluded, and the p of each region.

A sub-box of a region (see `cells`) may be drawn unless a cell that it touches is excluded. So one bit per
sub-box and a probability say all there is to know of a region; the rest follows from its place.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from copy import copy
from functools import cached_property
from itertools import pairwise
from math import ceil, prod

import numpy as np
from numpy.typing import ArrayLike

from patchplan.core.cells import BoolArray, CellGrid, Cells, FloatArray
from patchplan.core.lottery import Lottery
from patchplan.core.offsets import ImageOffsets
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError

Probs = Mapping[tuple[int, ...], float] | tuple[Cells, ArrayLike]
"""Grid coordinates of regions to their p; or a pair of (n, ndim) grid coordinates and (n,) p."""

CHUNK = 1 << 13
"""Patches drawn at a time: so small that the temporary arrays stay in the cache and in memory already mapped."""


class Regions:
    """The regions of one sample: its cells, which of them are excluded, and the p of each region."""

    def __init__(self, grid: CellGrid) -> None:
        self.grid = grid
        self._excluded: BoolArray | None = None
        self._probs: FloatArray | None = None
        self._with_prob = np.empty(0, np.int64)

    def exclude(self, cells: Cells) -> None:
        """Exclude cells; those excluded before stay so."""
        numbers = self.grid.numbers(cells)
        if self._excluded is None:
            self._excluded = np.zeros(prod(self.grid.shape), bool)
        self._excluded[numbers] = True
        self._forget()

    def set_probs(self, probs: Probs) -> None:
        """Set p of regions; a later call replaces p, but not its place in the order set."""
        numbers, values = self._check_probs(probs)
        if self._probs is None:
            self._probs = np.full(prod(self.grid.shape), np.nan)
        self._with_prob = np.concatenate([self._with_prob, numbers[np.isnan(self._probs[numbers])]])
        self._probs[numbers] = values
        self._forget()

    def _check_probs(self, probs: Probs) -> tuple[IntArray, FloatArray]:
        cells, given = (list(probs), list(probs.values())) if isinstance(probs, Mapping) else probs
        numbers = self.grid.numbers(cells)
        try:
            values = np.asarray(given, np.float64)
        except (TypeError, ValueError):
            raise ShapeError("a probability is no number; allowed are 0 to 1") from None
        if values.shape != numbers.shape:
            found = f"found {len(numbers)} cells and probabilities of shape {values.shape}"
            raise ShapeError(f"{found}; allowed is one probability per cell")
        wrong = ~((values >= 0) & (values <= 1))
        if wrong.any():
            problem = f"has probability {values[wrong][0]}; allowed are 0 to 1"
            raise ShapeError(f"cell {self._cell(numbers[wrong][0])} {problem}")
        unique, counts = np.unique(numbers, return_counts=True)
        if len(unique) < len(numbers):
            raise ShapeError(f"cell {self._cell(unique[counts > 1][0])} is given twice; allowed is once")
        return numbers, values

    def _cell(self, number: np.int64) -> Shape:
        return tuple(int(coord) for coord in np.unravel_index(number, self.grid.shape))

    def included_cells(self) -> list[Shape]:
        """Return the coordinates of the cells that are not excluded, in order of their numbers."""
        excluded = self._all_excluded().tolist()
        return [cell for cell, out in zip(self.grid.cells(), excluded, strict=True) if not out]

    @cached_property
    def n_patches(self) -> int:
        """Draws per epoch: the patches that fill the image, less the excluded and the improbable ones."""
        if not self._any_drawable():
            return 0
        total = prod(size / patch for size, patch in zip(self.grid.size, self.grid.patch, strict=True))
        if self._probs is not None:
            counted = self._with_prob
            if self._excluded is not None:  # an excluded cell with a p counts once
                counted = counted[~self._excluded[counted]]
            # One by one in the order set, to round as the reference does; np.sum would add up in pairs.
            total = float(np.subtract.reduce(np.concatenate([[total], 1 - self._probs[counted]])))
        if self._excluded is not None:
            total -= int(np.count_nonzero(self._excluded))
        return max(0, ceil(total))

    def _any_drawable(self) -> bool:
        """Tell whether any coordinate may be drawn: then the head of its region may, too."""
        return (self._excluded is None and self._probs is None) or bool(self.heads().any())

    def heads(self) -> BoolArray:
        """Tell of each cell, in the shape of the grid, whether a patch may be drawn that is just this cell."""
        drawable = ~self._all_excluded()
        if self._probs is not None:
            drawable &= self._probs != 0
        drawable = drawable.reshape(self.grid.shape)
        drawable &= self.grid.whole()
        return drawable

    def copy(self) -> "Regions":
        """Return the same regions, to be changed by themselves."""
        copied = copy(self)
        copied._excluded = None if self._excluded is None else self._excluded.copy()
        copied._probs = None if self._probs is None else self._probs.copy()
        return copied

    def _all_excluded(self) -> BoolArray:
        return np.zeros(prod(self.grid.shape), bool) if self._excluded is None else self._excluded

    @cached_property
    def lottery(self) -> Lottery:
        """Which index draws what; there is none where `n_patches` is 0."""
        boxes, weights = self.grid.drawable(self._all_excluded().reshape(self.grid.shape))
        if self._probs is not None:
            weights *= np.where(np.isnan(self._probs), 1, self._probs)
        return Lottery.of(self.grid, self.n_patches, boxes, weights)

    def _forget(self) -> None:
        self.__dict__.pop("n_patches", None)
        self.__dict__.pop("lottery", None)


class Runs:
    """Runs of consecutive samples that share their regions; `starts` has each run's first sample."""

    def __init__(self, starts: dict[int, Regions], n_samples: int) -> None:
        first: list[int] = []
        for sample in sorted(starts):
            if not first or starts[sample] is not starts[first[-1]]:
                first.append(sample)
        self._first = first
        self._regions = [starts[sample] for sample in first]
        lengths = [stop - start for start, stop in pairwise([*first, n_samples])]
        # A run is to its samples what an image is to its own.
        self.offsets = ImageOffsets(lengths, [regions.n_patches for regions in self._regions])

    def first_patch(self, sample: int) -> int:
        """Return the number of patches before a sample."""
        run = bisect_right(self._first, sample) - 1
        return self.offsets.bounds[run] + (sample - self._first[run]) * self.offsets.per_sample[run]

    def locate(self, index: int) -> tuple[Lottery, int, int]:
        """Return the lottery, the sample and the number within the sample of a patch."""
        run, sample, within = self.offsets.locate(index)
        return self._regions[run].lottery, self._first[run] + sample, within

    def chunks(self, start: int, stop: int) -> Iterator[tuple[Lottery, IntArray, IntArray]]:
        """Yield the same for the patches [start, stop), as columns."""
        for run in self.offsets.images(start, stop):
            begin, end = self.offsets.bounds[run : run + 2]
            for low in range(max(start, begin), min(stop, end), CHUNK):
                ranks = np.arange(low - begin, min(low + CHUNK, stop, end) - begin)
                samples, within = np.divmod(ranks, self.offsets.per_sample[run])
                yield self._regions[run].lottery, samples + self._first[run], within

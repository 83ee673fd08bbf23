"""Stratified patches in regions of interest; those of the stratified grid are called cells here."""

from functools import partial, reduce
from math import ceil

import numpy as np

from patchplan.core.cells import CellGrid, FloatArray
from patchplan.core.lottery import BoxBits, Lottery
from patchplan.core.specs import IntArray
from patchplan.errors import PlanError
from patchplan.patching.stratified import StratifiedPatching
from patchplan.sampling.regions.accepting import Accepted, Drawn, Passes, check_some, passing, stream_of
from patchplan.sampling.regions.by_sample import BySample
from patchplan.sampling.regions.coordinates import Coordinates
from patchplan.sampling.regions.testing import RegionTest


class StratifiedInRegions(BySample):
    """Patches of a stratified strategy; one that does not pass is drawn again, anywhere in its sample.

    So every coordinate that passes expects as many draws as all others of its p. How many are drawn at a time does not
    matter. Cells in which no patch passes have no patches, whatever their p.

    Parameters
    ----------
    patching : StratifiedPatching
        Gives the weights of all coordinates, see `mark_regions`, and the seed.
    test : RegionTest

    Raises
    ------
    ConfigError
        If no patch passes in any image.
    """

    def __init__(self, patching: StratifiedPatching, test: RegionTest) -> None:
        super().__init__(patching.data_shapes, patching.patch_size)
        self._patching, self._test = patching, test
        self._drawing: dict[int, tuple[Lottery, np.random.Generator, Accepted]] = {}
        self._counts = patching.get_n_patches_per_sample()
        self._firsts = np.cumsum(self._counts) - self._counts
        self._number([self._count(number) for number in range(self._samples.n_patches)])
        check_some(self.n_patches, self.patch_size)

    def _count(self, number: int) -> int:
        """Return the number of patches of a sample: the strategy's, less those of cells in which none passes.

        Of a cell of p = 0 the strategy takes off one patch, also where the cell stands for the rest at the image's
        edge that is too small for a cell of its own. In large images with few regions these rests would be most of
        the number.
        """
        n = int(self._counts[number])
        if not n or not len(self._coordinates(number).low):
            return 0
        lottery = self._lottery(number)
        boxes, weights = self._drawable(number)
        reached = (weights > 0).reshape(lottery.grid.shape)
        if not reached.any() or not self._any_passes(number, boxes, weights):
            return 0
        rests = (_patches_in_cells(lottery.grid) - 1)[~reached].sum()
        expected = _weights(lottery, n)
        share = float(expected[reached.ravel()].sum() / expected.sum())
        # Floats: what is a whole number but for rounding is not rounded up.
        return max(1, ceil(round((n - max(0.0, float(rests))) * share, 6)))

    def _drawable(self, number: int) -> tuple[BoxBits, FloatArray]:
        """Return the sub-boxes of each cell in which patches may be drawn and pass, and how many indices it expects."""
        lottery = self._lottery(number)
        grid = lottery.grid
        boxes = lottery.boxes & self._coordinates(number).reached_boxes(grid.patch, grid.shape)
        before, after = grid.counts_in(lottery.boxes), grid.counts_in(boxes)
        with np.errstate(invalid="ignore"):
            left = np.where(after > 0, after / before, 0)
        return boxes, _weights(lottery, int(self._counts[number])) * left

    def _any_passes(self, number: int, boxes: BoxBits, weights: FloatArray) -> bool:
        """Tell whether a patch passes at all: that boxes hold coordinates at which patches may does not say so."""
        n, grid = int(self._counts[number]), self._lottery(number).grid
        trial = partial(
            _anywhere, Lottery.of(grid, n, boxes, weights.copy()), n, stream_of(self._patching, number).spawn(3)[2]
        )
        try:
            Accepted(trial, self._passes(number), 0).take(1)
        except PlanError:
            return False
        return True

    def _lottery(self, number: int) -> Lottery:
        return self._patching._runs.locate(int(self._firsts[number]))[0]

    def _coordinates(self, number: int) -> Coordinates:
        data_idx, sample_idx, _ = self._samples.locate(number)
        return self._test.coordinates(data_idx, sample_idx, self.patch_size)

    def _draw(self, number: int, first: int, last: int) -> IntArray:
        if number not in self._drawing:
            self._drawing[number] = self._of_sample(number)
        lottery, rng, accepted = self._drawing[number]
        coords = _drawn(lottery, np.arange(first, last), rng)
        failed = ~self._passes(number)(coords)
        if failed.any():
            coords[failed] = accepted.take(int(np.count_nonzero(failed)))
        return coords

    def _of_sample(self, number: int) -> tuple[Lottery, np.random.Generator, Accepted]:
        """Return what draws first, its stream, and what draws again, with another."""
        n = self._offsets.per_sample[number]
        boxes, weights = self._drawable(number)
        lottery = Lottery.of(self._lottery(number).grid, n, boxes, weights)
        rng, other = stream_of(self._patching, number).spawn(2)
        return lottery, rng, Accepted(partial(_anywhere, lottery, n, other), self._passes(number), n // 8)

    def _passes(self, number: int) -> Passes:
        data_idx, sample_idx, _ = self._samples.locate(number)
        return partial(passing, self._test, data_idx, sample_idx, self.patch_size)


def _drawn(lottery: Lottery, indices: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the coordinates that indices draw, (n, ndim)."""
    ndim = len(lottery.grid.patch)
    return np.stack(lottery.draw_many(indices, rng.random((len(indices), ndim + 2))), axis=1)


def _anywhere(lottery: Lottery, n: int, rng: np.random.Generator, k: int) -> Drawn:
    """Return k draws of random ones of n indices: over these, in proportion to p over the whole sample."""
    return Drawn(_drawn(lottery, rng.integers(0, n, k), rng), np.zeros(k, bool))


def _patches_in_cells(grid: CellGrid) -> FloatArray:
    """Return how many patches the pixels of each cell are: 1, or more where it stands for the rest at the edge."""
    along = [np.ones(n) for n in grid.shape]
    for cells, size, patch in zip(along, grid.size, grid.patch, strict=True):
        cells[-1] = size / patch - (len(cells) - 1)
    return reduce(np.multiply.outer, along)


def _weights(lottery: Lottery, n: int) -> FloatArray:
    """Return how many of its n indices each cell expects."""
    weights = np.bincount(lottery.owners, minlength=len(lottery.ends)).astype(np.float64)
    weights += np.diff(np.minimum(lottery.ends, n - len(lottery.owners)), prepend=0)
    return weights

"""Stratified patches in regions of interest; those of the stratified grid are called cells here."""

from functools import partial, reduce
from math import ceil

import numpy as np

from patchplan.core.cells import BoolArray, CellGrid, FloatArray
from patchplan.core.lottery import Lottery
from patchplan.core.specs import IntArray
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
        grid, reached = self._reached(number)
        rests = (_patches_in_cells(grid) - 1)[~reached].sum()
        weights = _weights(self._lottery(number), n)
        share = float(weights[reached.ravel()].sum() / weights.sum())
        # Floats: what is a whole number but for rounding is not rounded up.
        return max(int(share > 0), ceil(round((n - max(0.0, float(rests))) * share, 6)))

    def _lottery(self, number: int) -> Lottery:
        return self._patching._runs.locate(int(self._firsts[number]))[0]

    def _coordinates(self, number: int) -> Coordinates:
        data_idx, sample_idx, _ = self._samples.locate(number)
        return self._test.coordinates(data_idx, sample_idx, self.patch_size)

    def _reached(self, number: int) -> tuple[CellGrid, BoolArray]:
        """Return the grid of a sample, and in which of its cells patches may pass."""
        data_idx, _, _ = self._samples.locate(number)
        grid = CellGrid(self.data_shapes[data_idx][2:], self.patch_size)
        return grid, self._coordinates(number).reached(grid.patch, grid.shape)

    def _draw(self, number: int, first: int, last: int) -> IntArray:
        if number not in self._drawing:
            self._drawing[number] = self._of_sample(number)
        lottery, rng, accepted = self._drawing[number]
        coords = _drawn(lottery, np.arange(first, last), rng)
        failed = ~self._passes(number)(coords)
        coords[failed] = accepted.take(int(np.count_nonzero(failed)))
        return coords

    def _of_sample(self, number: int) -> tuple[Lottery, np.random.Generator, Accepted]:
        """Return what draws first, its stream, and what draws again, with another."""
        n, before = self._offsets.per_sample[number], self._lottery(number)
        weights = _weights(before, int(self._counts[number]))
        weights[~self._reached(number)[1].ravel()] = 0
        lottery = Lottery.of(before.grid, n, before.boxes, weights)
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

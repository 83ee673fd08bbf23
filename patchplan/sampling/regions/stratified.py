"""Stratified patches in regions of interest; those of the stratified grid are called cells here."""

from functools import partial, reduce
from math import ceil

import numpy as np

from patchplan.core.cells import CellGrid, FloatArray
from patchplan.core.lottery import Lottery
from patchplan.core.specs import IntArray
from patchplan.patching.stratified import StratifiedPatching
from patchplan.sampling.regions.accepting import Accepted, Drawn, Passes, check_some, passing, stream_of
from patchplan.sampling.regions.by_sample import BySample
from patchplan.sampling.regions.chances import Chances, with_edges
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
        check_some(self.n_patches, self.patch_size, any_passes=self._any_passes())

    def _any_passes(self) -> bool:
        samples = (self._samples.locate(number) for number in range(self._samples.n_patches))
        return any(len(self._test.coordinates(image, sample, self.patch_size).low) for image, sample, _ in samples)

    def _count(self, number: int) -> int:
        """Return the number of patches of a sample: the strategy's, less those of cells in which none passes.

        Of a cell of p = 0 the strategy takes off one patch, also where the cell stands for the rest at the image's
        edge that is too small for a cell of its own. In large images with few regions these rests would be most of
        the number.
        """
        n = int(self._counts[number])
        if not n:
            return 0
        before, found = self._drawn_from(number)
        if not len(found.low):
            return 0
        after = before.only(found)
        grid, share = before.grid, float(after.weights.sum() / before.weights.sum())
        drawn = with_edges(grid, after.weights.reshape(grid.shape) > 0)
        rests = (_patches_in_cells(grid) - 1)[~drawn].sum()
        # Floats: what is a whole number but for rounding is not rounded up.
        return max(int(share > 0), ceil(round((n - max(0.0, float(rests))) * share, 6)))

    def _drawn_from(self, number: int) -> tuple[Chances, Coordinates]:
        """Return what a sample of the strategy expects, and where it draws patches that pass."""
        data_idx, sample_idx, _ = self._samples.locate(number)
        lottery, _, _ = self._patching._runs.locate(int(self._firsts[number]))
        chances = Chances.of(lottery, int(self._counts[number]))
        return chances, self._test.drawable(data_idx, sample_idx, self.patch_size, lottery, chances)

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
        n, (before, found) = self._offsets.per_sample[number], self._drawn_from(number)
        after = before.only(found)
        rng, other = stream_of(self._patching, number).spawn(2)
        ends = np.cumsum(found.size.prod(axis=1) * before.each[before.cells(found.low)])
        data_idx, sample_idx, _ = self._samples.locate(number)
        where = self._test.named(data_idx, sample_idx)
        again = Accepted(
            partial(_anywhere, found, ends, other), self._passes(number), n // 8, found.low.shape[1], where
        )
        return Lottery.of(after.grid, n, after.boxes, after.weights), rng, again

    def _passes(self, number: int) -> Passes:
        data_idx, sample_idx, _ = self._samples.locate(number)
        return partial(passing, self._test, data_idx, sample_idx, self.patch_size)


def _drawn(lottery: Lottery, indices: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the coordinates that indices draw, (n, ndim)."""
    ndim = len(lottery.grid.patch)
    return np.stack(lottery.draw_many(indices, rng.random((len(indices), ndim + 2))), axis=1)


def _anywhere(found: Coordinates, ends: FloatArray, rng: np.random.Generator, k: int) -> Drawn:
    """Draw k of all coordinates, in proportion to p; `ends` is what these sum up to with each box."""
    rows = rng.random((k, found.low.shape[1] + 1))
    # The product may be rounded up to the last end.
    box = np.minimum(np.searchsorted(ends, rows[:, 0] * ends[-1], "right"), len(ends) - 1)
    return Drawn(found.low[box] + (rows[:, 1:] * found.size[box]).astype(np.int64), found.sure[box])


def _patches_in_cells(grid: CellGrid) -> FloatArray:
    """Return how many patches the pixels of each cell are: 1, or more where it stands for the rest at the edge."""
    along = [np.ones(n) for n in grid.shape]
    for cells, size, patch in zip(along, grid.size, grid.patch, strict=True):
        cells[-1] = size / patch - (len(cells) - 1)
    return reduce(np.multiply.outer, along)

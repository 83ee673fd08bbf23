"""The cells of stratified patching as units of a split."""

from collections.abc import Iterator
from itertools import accumulate, groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ShapeError
from patchplan.patching import FixedPatching, StratifiedPatching
from patchplan.sampling.splits.choosing import Labels


class CellUnits:
    """All cells of all samples, in order of data_idx, sample_idx and number, as units; see `Units`.

    A training patch keeps away from the cells of the other splits by whole cells: as many as hold the context of
    both patches. Where a patch touches none of the cells within k of another, k patch sizes lie between the two.

    Parameters
    ----------
    patching : StratifiedPatching
        The strategy; it is not changed.
    context : tuple of int
        Pixels, (Z)YX, on either side of a patch.
    eligible : (n,) array of bool, optional
        Cells that may be set aside; by default all on which a patch may be drawn.

    Raises
    ------
    ShapeError
        If `eligible` has not an entry per cell.
    """

    def __init__(self, patching: StratifiedPatching, context: Shape, eligible: BoolArray | None = None) -> None:
        self.patch_size = patching.patch_size
        self._reach = tuple(-(-2 * pixels // size) for pixels, size in zip(context, self.patch_size, strict=True))
        images = [patching.get_cells(data_idx) for data_idx in range(len(patching.data_shapes))]
        self._first_sample = np.cumsum([0, *(len(cells) for _, cells in images)])
        self._cells_of_image = [cells.size for _, cells in images]
        # Images of one size that follow each other are as one with the samples of all.
        runs = [(grid, [cells for _, cells in run]) for grid, run in groupby(images, lambda image: image[0])]
        self._whole = [grid.whole() for grid, _ in runs]
        self._shapes = [(sum(map(len, run)), *grid.shape) for grid, run in runs]
        self._bounds = [0, *accumulate(sum(cells.size for cells in run) for _, run in runs)]
        self.trainable: BoolArray = np.concatenate([cells.ravel() for _, cells in images])
        if eligible is not None and eligible.shape != self.trainable.shape:
            found = f"eligible has shape {eligible.shape}"
            raise ShapeError(f"{found}; allowed is {self.trainable.shape}, an entry per cell")
        self.eligible = self.trainable if eligible is None else self.trainable & eligible

    def places(self, units: IntArray) -> tuple[IntArray, IntArray]:
        """Return the samples of units in ascending order, and their grid coordinates."""
        samples, places, first = [], [], 0
        cuts = np.searchsorted(units, self._bounds).tolist()
        for (start, stop), begin, shape in zip(pairwise(cuts), self._bounds, self._shapes, strict=False):
            sample, *place = np.unravel_index(units[start:stop] - begin, shape)
            samples.append(sample + first)
            places.append(np.stack(place))
            first += shape[0]
        return np.concatenate(samples), np.concatenate(places, axis=1)

    def near(self, chosen: BoolArray) -> BoolArray:
        """Tell which cells are within reach of a chosen one."""
        if not any(self._reach):
            return chosen
        return np.concatenate([self._sums(run).ravel() > 0 for run in self._runs(chosen)])

    def reserve(self, free: BoolArray, closed: BoolArray) -> BoolArray:
        """Return the free cells within reach of the cell that takes the fewest."""
        stays = np.flatnonzero(self.trainable & ~closed)
        sums = np.concatenate([self._sums(run).ravel() for run in self._runs(free)])[stays]
        if not len(stays):
            return free
        alone = np.zeros_like(free)
        alone[stays[sums.argmin()]] = True
        return free & self.near(alone)

    def exclude_from(self, patching: StratifiedPatching, cells: BoolArray) -> None:
        """Exclude cells from a strategy over the same images."""
        first = 0
        for run, whole in zip(self._runs(cells), self._whole, strict=True):
            # A patch on a cell that lacks a pixel is on its neighbour too, which is in reach of the same cells.
            excluded = run & whole
            for sample in np.flatnonzero(excluded.any(axis=tuple(range(1, run.ndim)))).tolist():
                data_idx, sample_idx = self._place(first + sample)
                patching.exclude_patches(int(data_idx), int(sample_idx), np.argwhere(excluded[sample]))
            first += len(run)

    def patches(self, cells: BoolArray) -> FixedPatching:
        """Return patches that are just these cells."""
        sample, place = self.places(np.flatnonzero(cells))
        columns = SpecTable.empty(len(sample), len(self.patch_size))
        columns["data_idx"][:], columns["sample_idx"][:] = self._place(sample)
        columns["coords"][:] = place.T * self.patch_size
        columns["patch_size"][:] = self.patch_size
        return FixedPatching(SpecTable(**columns))

    def of_images(self, labels: Labels) -> Labels:
        """Return the labels of all cells from those of their images, (n_images,)."""
        return np.repeat(labels, self._cells_of_image)

    def _place(self, sample: int | IntArray) -> tuple[IntArray, IntArray]:
        """Return data_idx and sample_idx of samples numbered over all images."""
        data_idx = np.searchsorted(self._first_sample, sample, "right") - 1
        return data_idx, sample - self._first_sample[data_idx]

    def _sums(self, run: BoolArray) -> IntArray:
        """Return per cell how many marked cells are within reach."""
        sums = run.astype(np.int64)
        for axis, reach in enumerate(self._reach, start=1):
            if reach:
                n = run.shape[axis]
                total = np.concatenate([np.zeros_like(sums.take([0], axis)), sums.cumsum(axis)], axis)
                at = np.arange(n)
                high, low = np.minimum(at + min(reach, n) + 1, n), np.maximum(at - min(reach, n), 0)
                sums = total.take(high, axis) - total.take(low, axis)
        return sums

    def _runs(self, mask: BoolArray) -> Iterator[NDArray[np.bool_]]:
        """Yield the part of each run of images, samples first."""
        for (start, stop), shape in zip(pairwise(self._bounds), self._shapes, strict=True):
            yield mask[start:stop].reshape(shape)

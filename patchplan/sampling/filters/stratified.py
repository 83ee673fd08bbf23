"""Filters over the regions of stratified patching: boxes of twice the patch."""

from math import prod

import numpy as np

from patchplan.core.cells import BoolArray, CellGrid
from patchplan.core.specs import SpecTable
from patchplan.patching.stratified import StratifiedPatching


def region_specs(patching: StratifiedPatching) -> SpecTable:
    """Return a box of twice the patch for each cell of each sample, which all patches that start in the cell lie in.

    In order of image, sample and cell number; the last ones hang over the image.

    Examples
    --------
    >>> region_specs(StratifiedPatching([(1, 1, 64, 100)], patch_size=32))[2]
    {'data_idx': 0, 'sample_idx': 0, 'coords': (0, 64), 'patch_size': (64, 64)}
    """
    grids = _grids(patching)
    n_cells = [prod(grid.shape) for grid in grids]
    n_samples = [shape[0] for shape in patching.data_shapes]
    columns = SpecTable.empty(sum(map(int.__mul__, n_cells, n_samples)), len(patching.patch_size))
    columns["patch_size"][:] = [2 * side for side in patching.patch_size]
    first = 0
    for data_idx, (grid, cells, samples) in enumerate(zip(grids, n_cells, n_samples, strict=True)):
        rows = slice(first, first := first + cells * samples)
        columns["data_idx"][rows] = data_idx
        columns["sample_idx"][rows] = np.repeat(np.arange(samples), cells)
        for axis, number in enumerate(np.unravel_index(np.arange(cells), grid.shape)):
            columns["coords"][rows, axis] = np.tile(number * patching.patch_size[axis], samples)
    return SpecTable(**columns)


def apply_to_stratified(patching: StratifiedPatching, background: BoolArray, prob: float) -> None:
    """Make background regions less probable: `prob`, compared to 1 for all others.

    `background` is flat over all regions, in the order of `region_specs`. A region with p = 0 keeps that.
    """
    first = 0
    for data_idx in range(len(patching.data_shapes)):
        grid, drawable = patching.get_cells(data_idx)
        for sample_idx, heads in enumerate(drawable):
            here = background[first : first + grid.whole().size].reshape(grid.shape)
            first += here.size
            cells = np.argwhere(here & (heads | ~grid.whole()))
            if len(cells):
                patching.set_region_probs(data_idx, sample_idx, (cells, np.full(len(cells), prob)))


def _grids(patching: StratifiedPatching) -> list[CellGrid]:
    return [CellGrid(shape[2:], patching.patch_size) for shape in patching.data_shapes]

"""Strategies that draw, in regions only: among the patches that pass, each is as probable as without regions."""

import numpy as np

from patchplan.patching.protocol import Patching
from patchplan.patching.random import RandomPatching
from patchplan.patching.stratified import StratifiedPatching
from patchplan.sampling.regions.accepting import check_some
from patchplan.sampling.regions.chances import with_edges
from patchplan.sampling.regions.random import RandomInRegions
from patchplan.sampling.regions.redrawn import DrawsByIndex, Redrawn
from patchplan.sampling.regions.stratified import StratifiedInRegions
from patchplan.sampling.regions.testing import RegionTest


def in_regions(patching: RandomPatching | StratifiedPatching | DrawsByIndex, test: RegionTest) -> Patching:
    """Return a strategy that draws what another does, but only patches that pass.

    The other must not be changed or drawn from any more. Of `RandomPatching` it has fewer patches: as many as would
    tile the region; of stratified patching as many as that, see `mark_regions`.

    Raises
    ------
    ConfigError
        If no patch passes in any image.
    """
    if isinstance(patching, RandomPatching):
        return RandomInRegions(patching, test)
    if isinstance(patching, StratifiedPatching):
        return StratifiedInRegions(patching, test)
    return Redrawn(patching, test)


def mark_regions(patching: StratifiedPatching, test: RegionTest) -> None:
    """Set the p of all regions (of the stratified grid) in which no patch can pass to 0, in place.

    Raises
    ------
    ConfigError
        If no patch passes in any image.
    """
    for data_idx, shape in enumerate(patching.data_shapes):
        grid, _ = patching.get_cells(data_idx)
        for sample_idx in range(shape[0]):
            reached = test.coordinates(data_idx, sample_idx, patching.patch_size).reached(grid)
            cells = np.argwhere(~with_edges(grid, reached))
            if len(cells):
                patching.set_region_probs(data_idx, sample_idx, (cells, np.zeros(len(cells))))
    check_some(patching.n_patches, patching.patch_size)

"""Patches of any strategy that draws each by itself, in regions."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from patchplan.core.offsets import check_index, check_range
from patchplan.core.specs import IntArray, PatchSpecs, SpecTable
from patchplan.errors import PlanError
from patchplan.sampling.regions.accepting import MAX_TRIES
from patchplan.sampling.regions.testing import RegionTest


class DrawsByIndex(Protocol):
    """A strategy that draws the patches of any indices at once, independently of each other."""

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        ...

    def get_patch_indices(self, data_idx: int) -> Sequence[int]:
        """Return the indices of the patches of one image."""
        ...

    def draw(self, indices: IntArray) -> SpecTable:
        """Draw the patches of some indices, shape (n,), in their order."""
        ...


class Redrawn:
    """Patches of a strategy whose draws are independent; one that does not pass is drawn again by its index.

    Parameters
    ----------
    patching : DrawsByIndex
    test : RegionTest
    """

    def __init__(self, patching: DrawsByIndex, test: RegionTest) -> None:
        self._patching, self._test = patching, test

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._patching.n_patches

    def get_patch_indices(self, data_idx: int) -> Sequence[int]:
        """Return the indices of the patches of one image."""
        return self._patching.get_patch_indices(data_idx)

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Draw one patch."""
        index = check_index(index, self.n_patches)
        return self.get_patch_specs(index, index + 1)[0]

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Draw the patches [start, stop) as columns.

        Raises
        ------
        PlanError
            If the weights allow no patch that passes, or hardly any.
        """
        indices = np.arange(*check_range(start, stop, self.n_patches))
        drawn = self._patching.draw(indices)
        columns = {name: column.copy() for name, column in drawn.columns().items()}
        again, tried = np.flatnonzero(~self._test.keeps(drawn)), 0
        while len(again):
            # Each row several times, and the more the longer none is found, so that there are few rounds.
            times = max(1, min(8 + tried // len(again), (1 << 16) // len(again)))
            drawn = self._patching.draw(np.repeat(indices[again], times))
            passed = self._test.keeps(drawn).reshape(-1, times)
            first, found = passed.argmax(axis=1) + np.arange(len(again)) * times, passed.any(axis=1)
            for name, column in columns.items():
                column[again[found]] = drawn.columns()[name][first[found]]
            tried = 0 if found.any() else tried + passed.size
            if tried > MAX_TRIES:
                raise PlanError(
                    f"regions: none of {tried:,} patches drawn by weights is in them; allowed: some must be"
                )
            again = again[~found]
        return SpecTable(**columns)

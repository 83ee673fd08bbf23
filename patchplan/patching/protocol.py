"""What every strategy answers."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from patchplan.core.specs import PatchSpecs, SpecTable


@runtime_checkable
class Patching(Protocol):
    """A numbered set of patches over images with shapes S C (Z) Y X.

    Every index outside [0, n_patches) raises IndexError.
    """

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Return one patch (a `TileSpecs` where the strategy plans tiles)."""

    def get_patch_indices(self, data_idx: int) -> Sequence[int]:
        """Return the indices of the patches of one image; IndexError if there is no such image."""

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns: the same rows as `get_patch_spec` one by one."""

"""Whole-sample patching: one patch per sample."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from patchplan.core.offsets import ImageOffsets, check_range
from patchplan.core.shapes import check_data_shapes
from patchplan.core.specs import PatchSpecs, SpecTable
from patchplan.patching.config import PatchingConfig


class WholeConfig(PatchingConfig):
    """One patch per sample, as large as its image."""

    name: Literal["whole"] = "whole"

    def create(self, data_shapes: Sequence[Sequence[int]]) -> "WholeSamplePatching":
        """Build the strategy over images of these shapes, S C (Z) Y X."""
        return WholeSamplePatching(data_shapes)


class WholeSamplePatching:
    """One patch per sample, as large as its image.

    Parameters
    ----------
    data_shapes : sequence of sequence of int
        Shapes S C (Z) Y X.

    Raises
    ------
    ShapeError
        If a shape makes no sense.

    Examples
    --------
    >>> WholeSamplePatching([(2, 1, 100, 80)]).get_patch_spec(1)["patch_size"]
    (100, 80)
    """

    def __init__(self, data_shapes: Sequence[Sequence[int]]) -> None:
        self.data_shapes = check_data_shapes(data_shapes)
        self._offsets = ImageOffsets([shape[0] for shape in self.data_shapes], [1] * len(self.data_shapes))
        self._sizes = np.array([shape[2:] for shape in self.data_shapes], dtype=np.int64)

    @property
    def n_patches(self) -> int:
        """Number of samples over all images."""
        return self._offsets.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image."""
        return self._offsets.indices(data_idx)

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Return one sample as a patch."""
        data_idx, sample_idx, _ = self._offsets.locate(index)
        size = self.data_shapes[data_idx][2:]
        return {
            "data_idx": data_idx,
            "sample_idx": sample_idx,
            "coords": (0,) * len(size),
            "patch_size": size,
        }

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the samples [start, stop) as columns."""
        data_idx, sample_idx = self._offsets.owners(*check_range(start, stop, self.n_patches))
        sizes = self._sizes[data_idx]
        return SpecTable(data_idx, sample_idx, coords=np.zeros_like(sizes), patch_size=sizes)

"""Random patching: coordinates drawn anew each time."""

from collections.abc import Sequence
from math import prod
from typing import Literal

import numpy as np

from patchplan.core.offsets import ImageOffsets, check_range
from patchplan.core.seeds import Seed, seed_sequence
from patchplan.core.shapes import PerAxis, check_data_shapes, per_axis
from patchplan.core.specs import IntArray, PatchSpecs, SpecTable
from patchplan.patching.config import SeededConfig


class RandomConfig(SeededConfig):
    """Patches drawn anew each epoch, as many as would tile the image."""

    name: Literal["random"] = "random"

    def create(self, data_shapes: Sequence[Sequence[int]]) -> "RandomPatching":
        """Build the strategy over images of these shapes, S C (Z) Y X."""
        return RandomPatching(data_shapes, self.patch_size, self.seed)


class RandomPatching:
    """Patches at uniformly random coordinates; prod(ceil(size / patch)) per sample.

    An index always gives the same image and sample; its coordinates are drawn anew each time, so that
    consecutive passes over the indices continue one stream of `default_rng(seed)`.

    Parameters
    ----------
    data_shapes : sequence of sequence of int
        Shapes S C (Z) Y X.
    patch_size : int or sequence of int
        Pixels per spatial axis, (Z)YX.
    seed : int or numpy.random.SeedSequence, optional
        Seed of the stream; fresh entropy by default.

    Raises
    ------
    ShapeError
        If a shape or size makes no sense.

    Examples
    --------
    >>> patching = RandomPatching([(1, 1, 100, 100)], patch_size=64, seed=0)
    >>> patching.n_patches, patching.get_patch_spec(0)["coords"]
    (4, (31, 23))
    """

    def __init__(
        self,
        data_shapes: Sequence[Sequence[int]],
        patch_size: PerAxis,
        seed: Seed = None,
    ) -> None:
        self.data_shapes = check_data_shapes(data_shapes)
        self.patch_size = per_axis("patch_size", patch_size, len(self.data_shapes[0]) - 2, minimum=1)
        sizes = np.array([shape[2:] for shape in self.data_shapes], dtype=np.int64)
        tiles = -(-sizes // self.patch_size)
        self._offsets = ImageOffsets([shape[0] for shape in self.data_shapes], list(map(prod, tiles.tolist())))
        self._last_coords = np.maximum(sizes - self.patch_size, 0)
        self._rng = np.random.default_rng(seed_sequence(seed))

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._offsets.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image."""
        return self._offsets.indices(data_idx)

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Draw one patch."""
        data_idx, _, _ = self._offsets.locate(index)
        return self.spec_at(index, self._rng.integers(0, self._last_coords[data_idx], endpoint=True))

    def spec_at(self, index: int, coords: IntArray) -> PatchSpecs:
        """Return the patch that an index names, with drawn coordinates, shape (ndim,)."""
        data_idx, sample_idx, _ = self._offsets.locate(index)
        return {
            "data_idx": data_idx,
            "sample_idx": sample_idx,
            "coords": tuple(coords.tolist()),
            "patch_size": self.patch_size,
        }

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Draw the patches [start, stop) as columns."""
        data_idx, sample_idx = self._offsets.owners(*check_range(start, stop, self.n_patches))
        coords = self._draw(data_idx)
        return SpecTable(data_idx, sample_idx, coords, np.broadcast_to(self.patch_size, coords.shape))

    def _draw(self, data_idx: IntArray) -> IntArray:
        """Draw coordinates, shape (n, ndim): the same stream as n draws one by one."""
        one_image = len(data_idx) > 0 and data_idx[0] == data_idx[-1]
        high = self._last_coords[data_idx[0]] if one_image else self._last_coords.take(data_idx, axis=0)
        shape = len(data_idx), len(self.patch_size)
        return self._rng.integers(0, high, size=shape, endpoint=True, dtype=np.int64)

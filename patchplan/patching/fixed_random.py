"""Fixed random patching: random coordinates, drawn once."""

from collections.abc import Sequence
from typing import Literal

from patchplan.core.offsets import check_index, check_range
from patchplan.core.seeds import Seed, seed_sequence
from patchplan.core.shapes import PerAxis
from patchplan.core.specs import PatchSpecs, SpecTable
from patchplan.patching.config import SeededConfig
from patchplan.patching.random import RandomPatching


class FixedRandomConfig(SeededConfig):
    """Random patches, drawn once: every epoch sees the same ones."""

    name: Literal["fixed_random"] = "fixed_random"

    def create(self, data_shapes: Sequence[Sequence[int]]) -> "FixedRandomPatching":
        """Build the strategy over images of these shapes, S C (Z) Y X."""
        return FixedRandomPatching(data_shapes, self.patch_size, self.seed)


class FixedRandomPatching:
    """The first pass of `RandomPatching` with the same seed, kept.

    While the patches are asked for in order they are drawn as they come, so that a plan larger than memory
    can be written; the first jump back or ahead draws all of them and keeps them.

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
    >>> patching = FixedRandomPatching([(1, 1, 100, 100)], patch_size=64, seed=0)
    >>> patching.get_patch_spec(0) == patching.get_patch_spec(0)
    True
    """

    def __init__(
        self,
        data_shapes: Sequence[Sequence[int]],
        patch_size: PerAxis,
        seed: Seed = None,
    ) -> None:
        self._seed = seed_sequence(seed)
        self._stream = RandomPatching(data_shapes, patch_size, self._seed)
        self.data_shapes = self._stream.data_shapes
        self.patch_size = self._stream.patch_size
        self._streamed = 0
        self._kept: SpecTable | None = None

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._stream.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image."""
        return self._stream.get_patch_indices(data_idx)

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Return one patch."""
        kept = self._kept or self._all()
        return self._stream.spec_at(index, kept.coords[check_index(index, len(kept))])

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""
        start, stop = check_range(start, stop, self.n_patches)
        if self._kept is None and start == self._streamed:
            self._streamed = stop
            return self._stream.get_patch_specs(start, stop)
        return self._all().slice(start, stop)

    def _all(self) -> SpecTable:
        if self._kept is None:
            first_pass = RandomPatching(self.data_shapes, self.patch_size, self._seed)
            self._kept = first_pass.get_patch_specs()
        return self._kept

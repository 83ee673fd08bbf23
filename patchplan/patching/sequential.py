"""Sequential patching: overlapping patches that cover everything."""

from collections.abc import Sequence
from typing import Literal

from patchplan.core.shapes import PerAxis
from patchplan.core.specs import PatchSpecs, SpecTable
from patchplan.patching.config import OverlapConfig
from patchplan.patching.grid import GridPatching


class SequentialConfig(OverlapConfig):
    """Patches in reading order that cover every image; the last of a row ends at the edge."""

    name: Literal["sequential"] = "sequential"

    def create(self, data_shapes: Sequence[Sequence[int]]) -> "SequentialPatching":
        """Build the strategy over images of these shapes, S C (Z) Y X."""
        config = self.resolved(len(data_shapes[0]) - 2 if data_shapes else 2)
        return SequentialPatching(data_shapes, config.patch_size, config.overlaps, multiple_of=config.multiple_of)


class SequentialPatching(GridPatching):
    """Overlapping patches in C order that cover every image.

    Parameters
    ----------
    data_shapes : sequence of sequence of int
        Shapes S C (Z) Y X.
    patch_size : int or sequence of int
        Pixels per spatial axis, (Z)YX.
    overlaps : int or sequence of int, optional
        Pixels in all that neighbours share, per spatial axis; none by default.
    multiple_of : int or sequence of int, optional
        Keep every start on k * stride and let the last patch hang over the edge; patch size, stride and
        overlap // 2 must be multiples of it.

    Raises
    ------
    ShapeError
        If a shape, size or overlap makes no sense.

    Examples
    --------
    >>> patching = SequentialPatching([(1, 1, 8, 20)], patch_size=(8, 8), overlaps=(0, 2))
    >>> [patching.get_patch_spec(i)["coords"] for i in range(patching.n_patches)]
    [(0, 0), (0, 6), (0, 12)]
    """

    def __init__(
        self,
        data_shapes: Sequence[Sequence[int]],
        patch_size: PerAxis,
        overlaps: PerAxis | None = None,
        *,
        multiple_of: PerAxis | None = None,
    ) -> None:
        super().__init__(data_shapes, patch_size, overlaps, multiple_of)

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Return one patch."""
        data_idx, sample_idx, cell = self._offsets.locate(index)
        coords: tuple[int, ...] = ()
        for n, stride, last_start, _, _ in self._plain[data_idx]:
            i = cell % n
            cell //= n
            coords = (i * stride if i < n - 1 else last_start,) + coords  # noqa: RUF005 - faster than unpacking
        return {
            "data_idx": data_idx,
            "sample_idx": sample_idx,
            "coords": coords,
            "patch_size": self.patch_size,
        }

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""
        columns, pieces = self._table(start, stop, tiles=False)
        for piece in pieces:
            starts = [axis.starts(index) for axis, index in zip(piece.axes, piece.indices, strict=True)]
            piece.fill_axes(columns["coords"], starts)
        return SpecTable(**columns)

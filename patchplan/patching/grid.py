"""What sequential and tiled patching share: a product of 1-D grids over every image."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

import numpy as np

from patchplan.core.grid import GridAxis, check_multiple_of, check_overlaps, grid_blocks, n_cells, unravel
from patchplan.core.offsets import ImageOffsets, check_range
from patchplan.core.shapes import PerAxis, Shape, check_data_shapes, per_axis
from patchplan.core.specs import IntArray, SpecTable


class PlainAxis(NamedTuple):
    """The numbers of a `GridAxis`, solved: what one spec from its index needs."""

    n: int
    stride: int
    last_start: int
    before: int
    size: int


def _plain(axes: tuple[GridAxis, ...]) -> tuple[PlainAxis, ...]:
    """Return the axes innermost first, in the order in which an index is taken apart."""
    return tuple(PlainAxis(a.n, a.stride, a.last_start, a.overlap // 2, a.size) for a in reversed(axes))


class Piece(NamedTuple):
    """Rows of a table that form a box of the grid: `outer` x `inner`, filled by broadcasting.

    `images` and the indices of the outer axes have shape (outer,), the indices of the last axis (inner,).
    """

    rows: slice
    shape: tuple[int, int]
    images: IntArray
    axes: tuple[GridAxis, ...]
    indices: list[IntArray]

    def fill_outer(self, column: IntArray, values: IntArray) -> None:
        """Fill these rows of a column (n,) with values of shape (outer,)."""
        column[self.rows].reshape(self.shape)[:] = values[:, None]

    def fill_axes(self, column: IntArray, values: Sequence[IntArray]) -> None:
        """Fill these rows of a column (n, ndim) with one array per axis."""
        for axis, value in enumerate(values[:-1]):
            self.fill_outer(column[:, axis], value)
        column[self.rows, -1].reshape(self.shape)[:] = values[-1]


class GridPatching:
    """Patches on a grid over every image; subclasses say which fields a patch has."""

    def __init__(
        self,
        data_shapes: Sequence[Sequence[int]],
        patch_size: PerAxis,
        overlaps: PerAxis | None,
        multiple_of: PerAxis | None,
    ) -> None:
        self.data_shapes = check_data_shapes(data_shapes)
        ndim = len(self.data_shapes[0]) - 2
        self.patch_size = per_axis("patch_size", patch_size, ndim, minimum=1)
        self.overlaps = per_axis("overlaps", 0 if overlaps is None else overlaps, ndim, minimum=0)
        self.multiple_of = None if multiple_of is None else per_axis("multiple_of", multiple_of, ndim, minimum=1)
        check_overlaps(self.patch_size, self.overlaps)
        if self.multiple_of is not None:
            check_multiple_of(self.patch_size, self.overlaps, self.multiple_of)
        solve = cache(self._solve)
        self._axes = [solve(shape[2:]) for shape in self.data_shapes]
        plain = cache(_plain)
        self._plain = [plain(axes) for axes in self._axes]
        self._offsets = ImageOffsets([shape[0] for shape in self.data_shapes], [n_cells(a) for a in self._axes])

    def _solve(self, size: Shape) -> tuple[GridAxis, ...]:
        overhang = self.multiple_of is not None
        per_axis_values = zip(size, self.patch_size, self.overlaps, strict=True)
        return tuple(GridAxis(*values, overhang) for values in per_axis_values)

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._offsets.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image."""
        return self._offsets.indices(data_idx)

    def grid_axes(self, data_idx: int) -> tuple[GridAxis, ...]:
        """Return the grid of one image, an axis each in (Z)YX order; all its samples have the same."""
        return self._axes[data_idx]

    def _table(self, start: int, stop: int | None, *, tiles: bool) -> tuple[dict[str, IntArray], Iterator[Piece]]:
        """Return columns for the rows [start, stop), and the pieces whose iteration fills the owners in."""
        start, stop = check_range(start, stop, self.n_patches)
        columns = SpecTable.empty(stop - start, len(self.patch_size), tiles=tiles)
        columns["patch_size"][:] = self.patch_size
        return columns, self._pieces(start, stop, columns)

    def _pieces(self, start: int, stop: int, columns: dict[str, IntArray]) -> Iterator[Piece]:
        for axes, images in self._runs(start, stop):
            begin, end = self._offsets.bounds[images.start], self._offsets.bounds[images.stop]
            first, last = max(start, begin), min(stop, end)
            for block in grid_blocks(first - begin, last - begin, axes[-1].n):
                place = first - start + block.first
                shape = len(block.outer), len(block.inner)
                sample, outer = unravel(np.arange(block.outer.start, block.outer.stop), axes[:-1])
                data_idx, sample_idx = self._owners(images, sample)
                indices = [*outer, np.arange(block.inner.start, block.inner.stop)]
                piece = Piece(slice(place, place + shape[0] * shape[1]), shape, data_idx, axes, indices)
                piece.fill_outer(columns["data_idx"], data_idx)
                piece.fill_outer(columns["sample_idx"], sample_idx)
                yield piece

    def _runs(self, start: int, stop: int) -> Iterator[tuple[tuple[GridAxis, ...], range]]:
        """Group neighbouring images of one spatial shape: their samples form one longer grid."""
        for axes, images in groupby(self._offsets.images(start, stop), key=self._axes.__getitem__):
            members = list(images)
            yield axes, range(members[0], members[-1] + 1)

    def _owners(self, images: range, sample: IntArray) -> tuple[IntArray, IntArray]:
        """Return image and sample of samples numbered through a run of images."""
        if len(images) == 1:
            return np.full_like(sample, images.start), sample
        bounds = np.cumsum([0, *self._offsets.samples[images.start : images.stop]])
        which = np.searchsorted(bounds, sample, side="right") - 1
        return which + images.start, sample - bounds[which]

"""Grids of overlapping patches, solved one axis at a time.

      0        stride                               size
      |----------------- patch 0 ---|                |
               |----------------- patch 1 ---|       |
      |   keep 0   |   keep 1   |   keep 2   | ...   |

Patch i starts at i * stride; the last is shifted back to end at the edge. The kept parts are cut at
i * stride + overlap // 2 for i > 0, so that they partition the axis whatever the overlap, odd or even.
A grid over several axes is the product of its axes: nothing is stored per patch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError


@dataclass(frozen=True, slots=True)
class GridAxis:
    """Equally spaced patches along one axis of `size` pixels.

    Parameters
    ----------
    size, patch, overlap : int
        Pixels; 0 <= overlap < patch.
    overhang : bool
        Whether the last patch stays on the grid and hangs over the edge, instead of being shifted back.

    Examples
    --------
    >>> axis = GridAxis(size=40, patch=13, overlap=4)
    >>> axis.starts(np.arange(4)).tolist(), axis.cuts(np.arange(5)).tolist()
    ([0, 9, 18, 27], [0, 11, 20, 29, 40])
    """

    size: int
    patch: int
    overlap: int = 0
    overhang: bool = False

    @property
    def stride(self) -> int:
        """Pixels between the starts of neighbours."""
        return self.patch - self.overlap

    @property
    def n(self) -> int:
        """Number of patches: as few as cover the axis."""
        return max(1, -((self.overlap - self.size) // self.stride))

    @property
    def last_start(self) -> int:
        """Start of the last patch."""
        on_grid = (self.n - 1) * self.stride
        return on_grid if self.overhang else max(0, min(on_grid, self.size - self.patch))

    def starts(self, index: IntArray) -> IntArray:
        """Return the start of each patch."""
        return np.where(index == self.n - 1, self.last_start, index * self.stride)

    def cuts(self, index: IntArray) -> IntArray:
        """Return cuts between kept parts, 0 <= index <= n: patch i keeps [cut i, cut i + 1)."""
        inside = index * self.stride + self.overlap // 2
        return np.where(index == 0, 0, np.where(index == self.n, self.size, inside))


def check_overlaps(patch_size: Sequence[int], overlaps: Sequence[int]) -> None:
    """Raise ShapeError unless 0 <= overlap < patch size on every axis."""
    for letter, patch, overlap in zip(spatial_axes(len(patch_size)), patch_size, overlaps, strict=True):
        if not 0 <= overlap < patch:
            raise ShapeError(
                f"overlaps: {letter} is {overlap}; allowed are 0 to {patch - 1} (patch_size {patch} minus 1)"
            )


def check_multiple_of(patch_size: Sequence[int], overlaps: Sequence[int], multiple_of: Sequence[int]) -> None:
    """Raise ShapeError unless stride, overlap // 2 and patch size are multiples, naming the nearest values."""
    letters = spatial_axes(len(patch_size))
    for letter, patch, overlap, multiple in zip(letters, patch_size, overlaps, multiple_of, strict=True):
        named = {"patch_size": patch, "stride": patch - overlap, "overlap // 2": overlap // 2}
        for name, value in named.items():
            below = value // multiple * multiple
            if value != below:
                nearest = f"{below} or {below + multiple}" if below else f"{multiple}"
                raise ShapeError(
                    f"multiple_of: {name} of {letter} is {value} (patch_size {patch}, overlap {overlap}), "
                    f"no multiple of {multiple}; nearest: {nearest}"
                )


@dataclass(frozen=True, slots=True)
class GridBlock:
    """Consecutive rows of a grid that form a box: all of `outer` x `inner` on the innermost axis.

    `first` is the place of its first row among the rows asked for; `outer` are numbers of the flattened
    outer axes (samples included).
    """

    first: int
    outer: range
    inner: range


def grid_blocks(start: int, stop: int, width: int) -> Iterator[GridBlock]:
    """Cut rows [start, stop) of a grid with `width` patches on the innermost axis into at most three boxes."""
    row = start
    while row < stop:
        outer, inner = divmod(row, width)
        if inner or stop - row < width:
            block = GridBlock(row - start, range(outer, outer + 1), range(inner, min(width, inner + stop - row)))
        else:
            block = GridBlock(row - start, range(outer, outer + (stop - row) // width), range(width))
        yield block
        row += len(block.outer) * len(block.inner)


def unravel(outer: IntArray, axes: Sequence[GridAxis]) -> tuple[IntArray, list[IntArray]]:
    """Split flattened numbers into what lies before the axes (samples) and an index per axis."""
    indices: list[IntArray] = []
    for axis in reversed(axes):
        outer, index = np.divmod(outer, axis.n)
        indices.append(index)
    return outer, indices[::-1]


def n_cells(axes: Sequence[GridAxis]) -> int:
    """Return the number of patches of a product of axes."""
    return prod(axis.n for axis in axes)

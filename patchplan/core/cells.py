"""A grid of cells as large as the patch, and the regions of patch coordinates that start in them.

Region g owns the coordinates in cell g at which a patch lies in the image. On one axis, patches of 4 pixels
in an image of 14:

    cells          |0  1  2  3 |4  5  6  7 |8  9  10 11|12 13
    coordinates     h  t  t  t  h  t  t  t  h  t  t

A patch at the *head* h of a region touches that cell only, one in its *tail* t the next cell too. In 2-D
and 3-D a region is the product of its axes: 2^ndim sub-boxes, numbered by their bits (bit a set: the tail
of axis a). All coordinates of a sub-box touch the same cells.

Cells and regions share their numbers: in C order of the grid.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

Cells = NDArray[np.integer[Any]] | Iterable[tuple[int, ...]]
"""Grid coordinates of cells, (Z)YX: an (n, ndim) array or tuples."""


@dataclass(frozen=True)
class CellGrid:
    """Cells of `patch` pixels over an image of `size` pixels per axis, (Z)YX; size >= patch."""

    size: Shape
    patch: Shape

    @cached_property
    def shape(self) -> Shape:
        """Number of cells per axis; the last may lack one pixel, and its region is empty then."""
        return tuple((size + 1) // patch for size, patch in zip(self.size, self.patch, strict=True))

    def cells(self) -> Iterator[Shape]:
        """Yield the coordinates of all cells, in order of their numbers."""
        return product(*map(range, self.shape))

    def whole(self) -> BoolArray:
        """Tell which cells lie in the image, in the shape of the grid; the last of an axis may lack a pixel."""
        whole = np.zeros(self.shape, bool)
        whole[tuple(slice(size // patch) for size, patch in zip(self.size, self.patch, strict=True))] = True
        return whole

    def numbers(self, cells: Cells) -> IntArray:
        """Return the numbers of cells; ShapeError if one is off the grid."""
        ndim = len(self.shape)
        try:
            coords = cells if isinstance(cells, np.ndarray) else np.array(list(cells))
        except ValueError:
            raise ShapeError(f"grid coordinates differ in length; allowed are {ndim} per cell") from None
        if len(coords) == 0:
            return np.empty(0, np.int64)
        if coords.ndim != 2 or coords.shape[1] != ndim or coords.dtype.kind not in "iu":
            found = f"{coords.dtype} of shape {coords.shape}"
            raise ShapeError(f"grid coordinates are {found}; allowed are whole numbers of shape (n, {ndim})")
        off = ((coords < 0) | (coords >= self.shape)).any(axis=1)
        if off.any():
            cell, last = tuple(coords[off.argmax()].tolist()), tuple(n - 1 for n in self.shape)
            raise ShapeError(f"cell {cell} is off the grid; allowed are {(0,) * ndim} to {last}")
        numbers: IntArray = np.ravel_multi_index(tuple(coords.T.astype(np.int64)), self.shape)
        return numbers

    def drawable(self, excluded: BoolArray) -> tuple[NDArray[np.uint8], FloatArray]:
        """Return per region the sub-boxes that touch no excluded cell, and how many coordinates they hold.

        `excluded` has the shape of the grid. Both results are flat; the first has a bit per sub-box.
        """
        boxes, counts = np.zeros(self.shape, np.uint8), np.zeros(self.shape)
        # Beyond the grid nothing can be excluded.
        included = np.pad(~excluded, (0, 1), constant_values=True)
        lengths = [self._lengths(axis) for axis in range(len(self.shape))]
        # One array for all sub-boxes: memory that is new to the process costs more than the arithmetic.
        in_box = np.empty_like(counts)
        for tails in product((0, 1), repeat=len(self.shape)):
            touched = product(*(range(tail + 1) for tail in tails))
            drawable = reduce(np.logical_and, (self._shifted(included, steps) for steps in touched))
            boxes |= drawable.view(np.uint8) << np.uint8(sum(tail << axis for axis, tail in enumerate(tails)))
            *outer, inner = (length[tail] for length, tail in zip(lengths, tails, strict=True))
            np.multiply(reduce(np.multiply.outer, outer)[..., np.newaxis], inner, out=in_box)
            in_box *= drawable
            counts += in_box
        return boxes.ravel(), counts.ravel()

    def counts_in(self, boxes: NDArray[np.uint8]) -> FloatArray:
        """Return how many coordinates sub-boxes of each region hold, of those whose bit is set; both are flat."""
        lengths = [self._lengths(axis) for axis in range(len(self.shape))]
        counts = np.zeros(self.shape)
        for tails in product((0, 1), repeat=len(self.shape)):
            in_box = reduce(np.multiply.outer, [length[tail] for length, tail in zip(lengths, tails, strict=True)])
            chosen = boxes >> np.uint8(sum(tail << axis for axis, tail in enumerate(tails))) & 1
            counts += in_box * chosen.reshape(self.shape)
        return counts.ravel()

    def _lengths(self, axis: int) -> tuple[FloatArray, FloatArray]:
        """Return how many coordinates the head and the tail of each region of an axis have."""
        size, patch = self.size[axis], self.patch[axis]
        left = size - patch + 1 - patch * np.arange(self.shape[axis], dtype=np.float64)
        return left.clip(0, 1), (left - 1).clip(0, patch - 1)

    def _shifted(self, cells: BoolArray, steps: Shape) -> BoolArray:
        return cells[tuple(slice(step, step + n) for step, n in zip(steps, self.shape, strict=True))]

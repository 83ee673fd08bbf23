"""Places that all patches touch, and how many of them differ: exact for any number of rows, in any order."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.grid import GridAxis
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.coverage.cost_chunks import Places
from patchplan.coverage.cost_rows import CostRows
from patchplan.coverage.images import ImageCount
from patchplan.coverage.rows import Counted, Piece, PlanRows
from patchplan.coverage.tables import count_rows


class Touches(NamedTuple):
    """Places touched of each kind; of each image at most by one patch, and by how many patches.

    `different` are those of each kind that are touched at all, where that is known.
    """

    kinds: list[int]
    most: list[int]
    patches: list[int]
    different: list[int] | None = None


def touches_of(rows: PlanRows, places: Places) -> Touches:
    """Count the places that rows touch."""
    n_images = len(places.grids)
    every: list[int] = [0] * n_images
    short: list[int] = [0] * n_images
    most, patches = np.zeros((2, n_images), np.int64)
    for piece in rows.pieces():
        specs = piece.specs
        touched = places.touched(CostRows.of(specs, rows.sizes))
        n, at_end = touched.n, places.reaches_short(specs.data_idx, touched)
        patches += np.bincount(specs.data_idx, minlength=n_images)
        np.maximum.at(most, specs.data_idx, n)
        across = np.where(at_end, n // np.maximum(touched.counts[:, -2], 1), 0)
        for total, values in ((every, n), (short, across)):
            for data_idx, one in enumerate(sums(values, specs.data_idx, n_images).tolist()):
                total[data_idx] += one
    return Touches(_kinds(every, short), most.tolist(), patches.tolist())


def sums(values: IntArray, data_idx: IntArray, n_images: int) -> NDArray[np.object_]:
    """Return sums per image as whole numbers of any size: `bincount` adds up floats."""
    low, high = (np.bincount(data_idx, part, n_images) for part in (values & 0x7FFFFFFF, values >> 31))
    return np.asarray(low.astype(np.int64).astype(object) + high.astype(np.int64).astype(object) * 2**31)


def _kinds(every: Sequence[int], short: Sequence[int]) -> list[int]:
    return [n for total, less in zip(every, short, strict=True) for n in (total - less, less)]


def grid_touches(grids: Sequence[tuple[Shape, Sequence[GridAxis]]], places: Places) -> Touches:
    """Count the places that the patches of grids, which cover all pixels, touch; in closed form."""
    every, short, most = [], [], []
    for (shape, axes), grid in zip(grids, places.grids, strict=True):
        if grid is None:
            every.append(0)
            short.append(0)
            most.append(0)
            continue
        along = [_along(axis, chunk) for axis, chunk in zip(axes, grid.chunk, strict=True)]
        total = shape[0] * prod(one.touches for one in along)
        every.append(total)
        short.append(total // along[-2].touches * along[-2].at_end if grid.has_short else 0)
        most.append(prod(one.most for one in along))
    patches = [shape[0] * prod(axis.n for axis in axes) for shape, axes in grids]
    return Touches(_kinds(every, short), most, patches, different=places.kinds)


class _Along(NamedTuple):
    """Chunks along an axis that its patches touch, in all and at most by one; patches that touch the last chunk."""

    touches: int
    most: int
    at_end: int


def _along(axis: GridAxis, chunk: int) -> _Along:
    """Solve an axis: patches k * stride, of which only the last may be shifted or cut."""
    regular, stride, patch = axis.n - 1, axis.stride, axis.patch
    first = floor_sum(regular, chunk, stride, 0)
    touches = floor_sum(regular, chunk, stride, patch - 1) - first + regular
    fewest = -(-patch // chunk)
    last = (min(axis.last_start + patch, axis.size) - 1) // chunk - axis.last_start // chunk + 1
    before_end = max(0, ((axis.size - 1) // chunk * chunk - patch) // stride + 1)
    most = fewest + (touches > regular * fewest) if regular else 0
    return _Along(touches + last, max(most, last), max(0, regular - before_end) + 1)


def floor_sum(n: int, m: int, a: int, b: int) -> int:
    """Return the sum of (a k + b) // m over k < n, by Euclid's way of exchanging both axes.

    Examples
    --------
    >>> floor_sum(5, 7, 3, 4), sum((3 * k + 4) // 7 for k in range(5))
    (5, 5)
    """
    total = 0
    while n:
        total += n * (n - 1) // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        top = a * n + b
        n, b = divmod(top, m)
        m, a = a, m
    return total


class _ChunkRows(PlanRows):
    """Rows as boxes of places, slabs in the place of samples; or what of them is `short`, one place high."""

    def __init__(self, rows: PlanRows, places: Places, *, short: bool = False) -> None:
        shapes = []
        for grid in places.grids:
            counts = (1,) * rows.sizes.shape[1] if grid is None else grid.counts
            n_slabs = 1 if grid is None else grid.n_slabs
            shapes.append((n_slabs, 1, *counts[:-2], 1 if short else counts[-2], counts[-1]))
        super().__init__(rows.plan, max_held=rows.max_held, data_shapes=shapes)
        self._rows, self._places, self._is_short = rows, places, short

    def pieces(self) -> Iterator[Piece]:
        """Yield all rows that touch places, in order."""
        for piece in self._rows.pieces():
            data_idx = piece.specs.data_idx
            touched = self._places.touched(CostRows.of(piece.specs, self._rows.sizes))
            keep = np.flatnonzero(self._places.reaches_short(data_idx, touched) if self._is_short else touched.n)
            first, counts = touched.first[keep], touched.counts[keep]
            if self._is_short:
                first[:, -2], counts[:, -2] = 0, 1
            yield Piece(SpecTable(data_idx[keep], touched.slab[keep], first, counts), {})


def distinct(rows: PlanRows, places: Places, counted: Counted | None = None) -> list[int]:
    """Return how many different places of each kind rows touch, as pixels are counted: with places for pixels."""
    every = [_covered(image) for image in count_rows(_ChunkRows(rows, places), 0, kept=False, counted=counted)]
    short = [0] * len(every)
    if any(places.kinds[1::2]):
        found = count_rows(_ChunkRows(rows, places, short=True), 0, kept=False)
        short = [_covered(image) if n else 0 for image, n in zip(found, places.kinds[1::2], strict=True)]
    return _kinds(every, short)


def _covered(image: ImageCount) -> int:
    return sum(n for visits, n in image.histogram.items() if visits)

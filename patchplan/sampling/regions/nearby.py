"""Which patches may be in the regions at all: of a grid only those that touch a box around a region.

On each axis the patches that touch a box are a range of indices, so that patches far from all regions are neither
made nor tested.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from math import prod

import numpy as np

from patchplan.core.cells import BoolArray
from patchplan.core.grid import GridAxis
from patchplan.core.specs import IntArray, SpecTable
from patchplan.patching.grid import GridPatching
from patchplan.plans.parts import Patches
from patchplan.plans.tables.columns import split_rows
from patchplan.sampling.picked import Picked
from patchplan.sampling.regions.region import PolygonRegion
from patchplan.sampling.regions.testing import RegionTest


def nearby(patches: Patches, test: RegionTest, size: int) -> Iterator[tuple[IntArray, SpecTable]]:
    """Yield all patches that may have a pixel in the regions, indices and specs, about `size` at a time."""
    if isinstance(patches, GridPatching):
        for rows in _gathered(_of_grid(patches, test, size), size):
            yield rows, Picked(patches, rows).get_patch_specs()
        return
    for start, stop in split_rows(0, patches.n_patches, size):
        yield np.arange(start, stop), patches.get_patch_specs(start, stop)


def _gathered(pieces: Iterator[IntArray], size: int) -> Iterator[IntArray]:
    """Yield pieces together, at least `size` numbers but for the last: those of a sample may be few."""
    held: list[IntArray] = []
    n = 0
    for piece in pieces:
        held.append(piece)
        n += len(piece)
        if n >= size:
            yield np.concatenate(held)
            held, n = [], 0
    if held:
        yield np.concatenate(held)


def _of_grid(patching: GridPatching, test: RegionTest, size: int) -> Iterator[IntArray]:
    """Yield the indices of the patches that touch a box around a region of their image and plane, ascending."""
    for data_idx, shape in enumerate(patching.data_shapes):
        axes, region = patching.grid_axes(data_idx), test.regions[data_idx]
        begin = patching.get_patch_indices(data_idx).start
        for _, run in groupby(range(shape[0]), region.plane):
            samples = list(run)
            # where a mask is not 0 is known only when it is read
            whole = np.array([[[0] * len(axes)], [shape[2:]]])
            boxes = region.boxes(samples[0]) if isinstance(region, PolygonRegion) else whole
            ranges = [_reached(axis, *boxes[..., i]) for i, axis in enumerate(axes)]
            ranges.insert(0, np.full_like(ranges[0], [samples[0], samples[-1] + 1]))
            touched = np.stack(ranges, axis=1)
            there = (touched[..., 0] < touched[..., 1]).all(axis=1)
            for cells in _cells(touched[there], [axis.n for axis in axes], size):
                yield begin + cells


def _reached(axis: GridAxis, low: IntArray, high: IntArray) -> IntArray:
    """Return the patches [first, last) that may have a pixel in [low, high), (n, 2)."""
    first = ((low - axis.patch) // axis.stride + 1).clip(0, axis.n - 1)
    # the last patch begins before its place on the grid where it is shifted back
    last = np.where(axis.last_start < high, axis.n, (-(-high // axis.stride)).clip(0, axis.n))
    return np.stack([first, np.where(low < high, last, first)], axis=1)


def _cells(boxes: IntArray, grid: Sequence[int], size: int) -> Iterator[IntArray]:
    """Yield the numbers of cells that are in any of the boxes, ascending, about `size` at a time.

    `boxes` are ranges of indices on each axis, (n, naxes, 2); `grid` is the number of cells on all axes but the first.
    """
    inner = prod(grid)
    for first, last, inside in _slabs(boxes[:, 0]):
        if not grid:
            yield from (np.arange(*some) for some in split_rows(first, last, size))
            continue
        within = boxes[inside, 1:]
        most = prod((within[..., 1].max(axis=0) - within[..., 0].min(axis=0)).tolist())
        if most > size:  # too many to be kept from row to row
            for row in range(first, last):
                yield from (row * inner + cells for cells in _cells(within, grid[1:], size))
            continue
        cells = np.concatenate(list(_cells(within, grid[1:], size)))
        for a, b in split_rows(first, last, max(1, size // len(cells))):
            yield (np.arange(a, b)[:, np.newaxis] * inner + cells).ravel()


def _slabs(ranges: IntArray) -> Iterator[tuple[int, int, BoolArray]]:
    """Yield [first, last) between neighbouring ends of ranges, (n, 2), and which ranges cover it: some do."""
    for first, last in pairwise(np.unique(ranges).tolist()):
        inside = (ranges[:, 0] <= first) & (ranges[:, 1] >= last)
        if inside.any():
            yield first, last, inside

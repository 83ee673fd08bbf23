"""Counts of sequential, tiled and whole plans in closed form: their axes, and the product of them.

Along an axis only the patches near its two ends differ; between them the counts repeat with the stride. So
an axis of any length is one of some patches, counted plainly, and so many periods more.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.grid import GridAxis, n_cells
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray
from patchplan.coverage.images import ImageCount
from patchplan.coverage.visits import Histogram, add, multiply
from patchplan.errors import PlanError
from patchplan.patching.sequential import SequentialPatching
from patchplan.patching.tiled import TiledPatching
from patchplan.patching.whole import WholeSamplePatching

MAX_PATCHES = 1 << 24
"""Patches that an axis may have when its periods are taken out."""


class GridCounts(NamedTuple):
    """Counts per image of what is read and, for tiles, of what is kept."""

    read: list[ImageCount]
    kept: list[ImageCount] | None


def count_grid(patching: object, most: int) -> GridCounts | None:
    """Return the counts of a grid; None for other strategies, or if a count is not as a grid's should be.

    The kept parts are counted from their cuts like all else: where they are no partition, or something is
    not covered, whoever asks must count the rows, which also tells where.
    """
    grids = solved(patching)
    if grids is None:
        return None
    axis_reads, axis_keeps = cache(read_histogram), cache(kept_histogram)
    shapes, counts = [shape for shape, _ in grids], [n_cells(axes) for _, axes in grids]
    reads = [multiply(map(axis_reads, axes)) for _, axes in grids]
    if any(0 in histogram for histogram in reads):
        return None
    read = _images(shapes, counts, reads, most)
    if not isinstance(patching, TiledPatching):
        return GridCounts(read, None)
    keeps = [multiply(map(axis_keeps, axes)) for _, axes in grids]
    if any(set(histogram) != {1} for histogram in keeps):
        return None
    return GridCounts(read, _images(shapes, counts, keeps, most))


def solved(patching: object) -> list[tuple[Shape, tuple[GridAxis, ...]]] | None:
    """Return the data shape and the axes of the grid of each image; None for strategies that are no grid."""
    if isinstance(patching, WholeSamplePatching):
        return [(shape, tuple(GridAxis(size, size) for size in shape[2:])) for shape in patching.data_shapes]
    if isinstance(patching, SequentialPatching | TiledPatching):
        return [(shape, patching.grid_axes(data_idx)) for data_idx, shape in enumerate(patching.data_shapes)]
    return None


def read_histogram(axis: GridAxis) -> Histogram:
    """Return pixels of an axis by the number of patches that read them."""
    short, periods = _shortened(axis)
    starts = short.starts(np.arange(short.n))
    histogram = _count(starts, np.minimum(starts + axis.patch, short.size), short.size)
    most, rest = divmod(axis.patch, axis.stride)
    add(histogram, {most + 1: rest}, periods)
    add(histogram, {most: axis.stride - rest}, periods)
    return histogram


def kept_histogram(axis: GridAxis) -> Histogram:
    """Return pixels of an axis by the number of tiles that keep them, of what each really has: {1: size}."""
    short, periods = _shortened(axis)
    index = np.arange(short.n)
    starts, cuts, ends = short.starts(index), short.cuts(index), short.cuts(index + 1)
    begin, end = np.maximum(cuts, starts), np.minimum(ends, starts + axis.patch)
    histogram = _count(begin, np.maximum(begin, end), short.size)
    add(histogram, {1: axis.stride}, periods)
    return histogram


def _shortened(axis: GridAxis) -> tuple[GridAxis, int]:
    """Return the axis with whole periods taken out of its middle, and their number."""
    ends = 2 * -(-axis.patch // axis.stride) + 4
    periods = max(0, axis.n - ends)
    if axis.n - periods > MAX_PATCHES:
        raise PlanError(
            f"overlap {axis.overlap} of patch size {axis.patch} makes {axis.n:,} patches on an axis "
            f"that do not repeat; allowed are {MAX_PATCHES:,}"
        )
    return replace(axis, size=axis.size - periods * axis.stride), periods


def _count(starts: IntArray, stops: IntArray, size: int) -> Histogram:
    """Return pixels of [0, size) by how many intervals hold them."""
    edges: IntArray = np.unique(np.concatenate([starts, stops, np.array([0, size])]))
    steps: NDArray[Any] = np.zeros(len(edges), np.int64)
    np.add.at(steps, np.searchsorted(edges, starts), 1)
    np.add.at(steps, np.searchsorted(edges, stops), -1)
    visits, widths = np.cumsum(steps)[:-1].tolist(), np.diff(edges).tolist()
    histogram: Histogram = {}
    for n, width in zip(visits, widths, strict=True):
        histogram[n] = histogram.get(n, 0) + width
    return histogram


def _images(
    shapes: Sequence[Sequence[int]], counts: Sequence[int], histograms: Sequence[Histogram], most: int
) -> list[ImageCount]:
    images = []
    for shape, n, histogram in zip(shapes, counts, histograms, strict=True):
        image = ImageCount(shape, most)
        image.add_equal(n, histogram)
        images.append(image)
    return images

"""The weight of patches that are listed: the mean over their pixels.

Each block of a label image or map is read once, and adds what it holds of each patch that reaches into it.
"""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import FloatArray
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError
from patchplan.images import ImageSource
from patchplan.plans.settings.weights import AnyWeightsConfig, LabelsWeightsConfig
from patchplan.sampling.threads import in_order
from patchplan.sampling.weights.blocks import Block, Blocks, Progress
from patchplan.sampling.weights.labels import weights_of
from patchplan.sampling.weights.maps import check_types, checked
from patchplan.sampling.weights.taking import found_labels, open_weights

MOST_PAIRS = 1 << 22
"""Patches and blocks that they reach into, looked at together."""

BATCH = 1 << 18
"""Pixels of patches that are summed at once, so that they stay in the cache."""

Values = Callable[[Block], FloatArray]


def patch_weights(
    sources: Sequence[ImageSource],
    specs: SpecTable,
    config: AnyWeightsConfig,
    *,
    base: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> FloatArray:
    """Return the mean weight of the pixels of each patch, as far as it lies in its image; shape (n,).

    The weight of a pixel is the value of the map; or, for labels, how much more probable it is than in a uniform
    draw: the chance of its class, divided by the share of the images' pixels that are of it.

    Parameters
    ----------
    sources : sequence of ImageSource
        The plan's images.
    specs : SpecTable
        Patches, which begin in their images.
    config : AnyWeightsConfig
    base : Path
        What relative paths of the config start from.
    workers : int
        Threads.
    progress : callable, optional
        Called with the patches weighed and all patches.

    Raises
    ------
    ImageError
        If a label image or map is missing, does not fit its image, or has values that are not allowed.
    ConfigError
        If a class is not there, all weights are 0, or patches are to be drawn from each image.
    """
    if config.per == "image":
        raise ConfigError("weights: per: image: these patches are listed; allowed: epoch, or random and fixed_random")
    companions = open_weights(sources, config, base=base)
    blocks = Blocks(sources, companions, (1,) * sources[0].ndim, config.channel)
    values = _values_of(blocks, config, workers)
    sums = np.zeros(len(specs))
    size: IntArray = np.array([source.data_shape[2:] for source in sources])[specs.data_idx]
    stop = np.minimum(specs.coords + specs.patch_size, size)
    done = 0
    for pairs in _pairs(blocks, specs, stop):
        for share in _add(sums, blocks, values, specs.coords, stop, pairs, workers):
            if progress is not None:
                progress(done + int(share * pairs.n_rows), len(specs))
        done += pairs.n_rows
    weights: FloatArray = sums / (stop - specs.coords).prod(axis=1)
    if len(specs) and not weights.any():
        raise ConfigError(f"weights: {config.name}: all {len(specs):,} patches have weight 0")
    return weights


def _values_of(blocks: Blocks, config: AnyWeightsConfig, workers: int) -> Values:
    """Return what gives the weights of a block's pixels."""
    if not isinstance(config, LabelsWeightsConfig):
        check_types(blocks)
        return lambda block: checked(blocks, block, blocks.read(block)).astype(np.float64)
    found, chances = found_labels(blocks, config, workers=workers, progress=None)
    pixels = sum(shape[0] * prod(shape[2:]) for shape in blocks.data_shapes)
    total = sum(chances.values())
    weight_of = {label: chances[label] / total * pixels / int(counts.sum()) for label, (_, counts) in found.items()}
    return lambda block: weights_of(blocks.read(block), weight_of)


class Pairs(NamedTuple):
    """Rows of the specs, and the blocks that each reaches into."""

    n_rows: int
    row: IntArray
    block: IntArray


def _pairs(blocks: Blocks, specs: SpecTable, stop: IntArray) -> Iterator[Pairs]:
    """Yield all pairs, some at a time."""
    order = np.lexsort((specs.sample_idx, specs.data_idx))
    image, sample = specs.data_idx[order], specs.sample_idx[order]
    for number, sheet in enumerate(blocks.sheets):
        first, last = np.searchsorted(image, [sheet.data_idx, sheet.data_idx + 1])
        low, high = first + np.searchsorted(
            sample[first:last], [sheet.first_sample, sheet.first_sample + sheet.n_samples]
        )
        rows = np.sort(order[low:high])
        begin, n = np.empty((2, len(rows), len(sheet.axes)), np.int64)
        for axis, (one, cuts) in enumerate(zip(sheet.axes, sheet.edges, strict=True)):
            edges = one.coords(cuts)
            begin[:, axis] = np.searchsorted(edges, specs.coords[rows, axis], "right") - 1
            n[:, axis] = np.searchsorted(edges, stop[rows, axis]) - begin[:, axis]
        # Where one lot ends and the next begins.
        lot = np.cumsum(n.prod(axis=1)) // MOST_PAIRS
        for some in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(lot)) + 1):
            if len(some):
                yield _paired(rows[some], begin[some], n[some], sheet.grid, blocks.bounds[number])


def _paired(rows: IntArray, begin: IntArray, n: IntArray, grid: Shape, first: int) -> Pairs:
    counts = n.prod(axis=1)
    of = np.repeat(np.arange(len(rows)), counts)
    left = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    cells = []
    for axis in reversed(range(len(grid))):
        left, offset = np.divmod(left, n[of, axis])
        cells.append(begin[of, axis] + offset)
    return Pairs(len(rows), rows[of], first + np.ravel_multi_index(cells[::-1], grid))


def _add(
    sums: FloatArray, blocks: Blocks, values: Values, start: IntArray, stop: IntArray, pairs: Pairs, workers: int
) -> Iterator[float]:
    """Add what each block holds of each patch, in the order of the blocks; yield the share of them that is done."""
    order = np.argsort(pairs.block, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(pairs.block[order])) + 1)

    def summed(group: IntArray) -> FloatArray:
        block, rows = blocks[int(pairs.block[group[0]])], pairs.row[group]
        return _sums(values(block).reshape(block.shape), block, start[rows], stop[rows])

    for done, (group, part) in enumerate(zip(groups, in_order(summed, groups, workers), strict=True), start=1):
        sums[pairs.row[group]] += part
        yield done / len(groups)


def _sums(values: FloatArray, block: Block, start: IntArray, stop: IntArray) -> FloatArray:
    """Return the sum over the image pixels of boxes that lie in a block; those of about one size go together."""
    origin = np.array(block.start)
    low, high = np.empty_like(start), np.empty_like(stop)
    first, last = np.empty_like(start), np.empty_like(stop)
    for i, axis in enumerate(block.sheet.axes):
        edges = axis.coords(np.array([block.start[i], block.stop[i]]))
        low[:, i], high[:, i] = start[:, i].clip(*edges), stop[:, i].clip(*edges)
        first[:, i], last[:, i] = axis.scaled.span(low[:, i], high[:, i])
    length = last - first
    sums = np.empty(len(start))
    kinds, kind_of = np.unique(np.frexp(length - 1)[1], axis=0, return_inverse=True)
    for kind in range(len(kinds)):
        members = np.flatnonzero(kind_of == kind)
        window = length[members].max(axis=0)
        begin = np.minimum(first[members] - origin, values.shape - window)
        windows = np.lib.stride_tricks.sliding_window_view(values, tuple(window.tolist()))
        step = max(1, BATCH // int(window.prod()))
        for at in range(0, len(members), step):
            some, places = members[at : at + step], begin[at : at + step]
            inside = [
                _counts(block, axis, places[:, axis], int(window[axis]), low[some, axis], high[some, axis])
                for axis in range(len(window))
            ]
            sums[some] = _weighted(windows[tuple(places.T)], inside)
    return sums


def _counts(block: Block, axis: int, begin: IntArray, length: int, low: IntArray, high: IntArray) -> IntArray:
    """Return how many image pixels of [low, high) lie in each of `length` companion pixels; shape (n, length)."""
    pixels = block.start[axis] + begin[:, np.newaxis] + np.arange(length + 1)
    edges = block.sheet.axes[axis].coords(pixels)
    return np.diff(edges.clip(low[:, np.newaxis], high[:, np.newaxis]), axis=1)


def _weighted(windows: NDArray[Any], inside: list[IntArray]) -> FloatArray:
    """Return the sums of windows, (n, (Z) Y X), with a factor per place along each axis, (n, side)."""
    for factors in reversed(inside):
        windows = np.einsum("n...x,nx->n...", windows, factors.astype(np.float64))
    return windows

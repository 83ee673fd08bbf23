"""What a filter finds: a value or two per patch, and which patches are background."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray, FloatArray
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError, ImageError
from patchplan.images import ImageSource
from patchplan.plans.settings.filters import (
    AnyFilterConfig,
    MaskFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
)
from patchplan.sampling.filters.blocks import Block, blocks, read_numbers
from patchplan.sampling.filters.masks import SUM_BYTES, in_masks, is_as_large, mask_shares, read_mask, share_not_0
from patchplan.sampling.filters.measures import bright_limit, entropy, mean_and_std
from patchplan.sampling.threads import in_order

BATCH = 1 << 19
"""Pixels of patches that are measured at once, so that they stay in the cache."""

Progress = Callable[[int, int], None]
Measure = Callable[[NDArray[Any]], FloatArray]


@dataclass(frozen=True, eq=False)
class FilterValues:
    """What a filter finds, row by row as in the specs.

    `values` has shape (n, k). max: the patch is kept by thresholds below this; mean_std: mean and standard
    deviation; shannon: bits; mask: share in the mask. `background` has shape (n,).
    """

    values: FloatArray
    background: BoolArray


def filter_values(
    sources: Sequence[ImageSource],
    specs: SpecTable,
    config: AnyFilterConfig,
    *,
    masks: Sequence[ImageSource] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> FilterValues:
    """Measure all patches; each chunk of an image is read about once, whatever the order of the specs.

    What lies outside an image is 0, and so is NaN. The values depend on the pixels of a patch only, not on
    the number of workers. A patch is held in memory as a whole.

    Parameters
    ----------
    sources : sequence of ImageSource
        The plan's images.
    specs : SpecTable
        Patches, which may hang over their images.
    config : AnyFilterConfig
    masks : sequence of ImageSource, optional
        For the filter mask, as `open_companions` gives them.
    workers : int
        Threads.
    progress : callable, optional
        Called with the patches done and all patches.

    Raises
    ------
    ImageError
        If an image lacks the channel, has complex pixels, or cannot be read.
    """
    read = list(sources if masks is None else masks)
    used = np.unique(specs.data_idx).tolist()
    for data_idx in used:
        _check_source(read[data_idx], config)
    values = np.empty((len(specs), 2 if config.name == "mean_std" else 1))

    if isinstance(config, MaskFilterConfig):
        assert masks is not None, "the filter mask needs masks"  # noqa: S101 - the caller opens them
        todo = blocks(read, in_masks(sources, read, specs), pixel_bytes=SUM_BYTES)

        def work(block: Block) -> int:
            if is_as_large(mask := read[block.data_idx], sources[block.data_idx]):
                _measure_block(values, read_mask(mask, block, config.ref_channel), specs, block, share_not_0)
            else:
                values[block.rows, 0] = mask_shares(sources, read, specs, block, config.ref_channel)
            return len(block.rows)

    else:
        todo = blocks(read, specs)
        measure = _measure_of(config)

        def work(block: Block) -> int:
            pixels = read_numbers(read[block.data_idx], block, config.ref_channel)
            _measure_block(values, pixels, specs, block, measure)
            return len(block.rows)

    done = 0
    for n in in_order(work, todo, workers):
        done += n
        if progress is not None:
            progress(done, len(specs))
    return FilterValues(values, ~keeps(values, config))


def _check_source(source: ImageSource, config: AnyFilterConfig) -> None:
    n_channels = source.data_shape[1]
    if config.ref_channel >= n_channels:
        found = f"filter: ref_channel is {config.ref_channel}"
        raise ImageError(f"{source.uri}: {found}; allowed are 0 to {n_channels - 1}, the image's channels")
    if source.dtype.kind == "c":
        raise ImageError(f"{source.uri}: filter: pixels are {source.dtype}; allowed: bool, integers and real numbers")


def _measure_of(config: AnyFilterConfig) -> Measure:
    if isinstance(config, MaxFilterConfig):
        coverage = config.coverage
        return lambda patches: bright_limit(patches, coverage)
    return mean_and_std if isinstance(config, MeanStdFilterConfig) else entropy


def _measure_block(values: FloatArray, pixels: NDArray[Any], specs: SpecTable, block: Block, measure: Measure) -> None:
    """Measure the patches of a block, those of one size together."""
    within, sizes = specs.coords[block.rows] - block.start, specs.patch_size[block.rows]
    for members in _by_size(sizes):
        size = sizes[members[0]].tolist()
        windows = np.lib.stride_tricks.sliding_window_view(pixels, size)
        step = max(1, BATCH // prod(size))
        for first in range(0, len(members), step):
            some = members[first : first + step]
            # a single patch may be large: it is not copied
            patches = windows[tuple(within[some].T)] if len(block.rows) > 1 else pixels[np.newaxis]
            values[block.rows[some]] = measure(patches)


def _by_size(sizes: IntArray) -> list[IntArray]:
    """Return the rows of each size."""
    if (sizes == sizes[0]).all():
        return [np.arange(len(sizes))]
    _, size_of = np.unique(sizes, axis=0, return_inverse=True)
    order = np.argsort(size_of, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(size_of[order])) + 1)


def keeps(values: FloatArray, config: AnyFilterConfig) -> BoolArray:
    """Return which patches of these values, (n, k), the filter keeps; a value that is NaN is not kept."""
    compared = np.greater if isinstance(config, MaxFilterConfig) else np.greater_equal
    kept: BoolArray = compared(values[:, 0], config.limit)
    if isinstance(config, MeanStdFilterConfig) and config.std_threshold is not None:
        kept &= values[:, 1] >= config.std_threshold
    return kept


def kept_at(values: FilterValues, config: AnyFilterConfig, thresholds: Sequence[float]) -> list[int]:
    """Return how many patches each threshold would keep: of `threshold`, `mean_threshold`, or for mask `coverage`."""
    others = (config.model_copy(update={config.chosen: limit}) for limit in thresholds)
    return [int(np.count_nonzero(keeps(values.values, other))) for other in others]


def kept_table(values: FilterValues, config: AnyFilterConfig, n: int = 10) -> list[tuple[float, int]]:
    """Return thresholds to choose from, ascending, and how many patches each keeps.

    They are the quantiles of the values in steps of 1 / n, and the one that is set.
    """
    finite = values.values[np.isfinite(values.values[:, 0]), 0]
    found = np.quantile(finite, np.linspace(0, 1, n + 1), method="lower").tolist() if len(finite) else []
    thresholds = sorted({config.limit, *found})
    return list(zip(thresholds, kept_at(values, config, thresholds), strict=True))


def check_some_kept(values: FilterValues, config: AnyFilterConfig, what: str = "patches") -> None:
    """Raise ConfigError if all patches (or `what` the rows are called), of which there are some, are background."""
    background = values.background
    if not len(background) or not background.all():
        return
    found = f"{config.chosen} is {config.limit:g}, the largest value {_most(values, 0)}"
    if isinstance(config, MeanStdFilterConfig) and config.std_threshold is not None:
        found += f"; std_threshold is {config.std_threshold:g}, the largest value {_most(values, 1)}"
    raise ConfigError(
        f"filter: {config.name} takes all {len(background):,} {what} for background: {found}; use a lower one"
    )


def _most(values: FilterValues, column: int) -> str:
    numbers = values.values[:, column]
    return f"{np.fmax.reduce(numbers):g}"

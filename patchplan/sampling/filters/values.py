"""What a filter finds: a value or two per patch, and which patches are background."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from patchplan.cluster import Cluster
from patchplan.core.cells import BoolArray, FloatArray
from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, ImageError
from patchplan.images import ImageSource
from patchplan.plans.settings.filters import (
    AnyFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
)
from patchplan.sampling.filters.blocks import Block
from patchplan.sampling.filters.measuring import Measurer
from patchplan.sampling.filters.on_cluster import measured
from patchplan.sampling.threads import in_order

Progress = Callable[[int, int], None]


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
    cluster: Cluster | None = None,
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
    cluster : Cluster, optional
        Whose workers measure instead.
    progress : callable, optional
        Called with the patches done and all patches.

    Raises
    ------
    ImageError
        If an image lacks the channel, has complex pixels, or cannot be read.
    """
    measurer = Measurer(sources, masks, config)
    for data_idx in np.unique(specs.data_idx).tolist():
        _check_source(measurer.read[data_idx], config)
    values, done = np.empty((len(specs), measurer.columns)), 0
    for block, found in _measured(measurer, specs, workers) if cluster is None else measured(cluster, measurer, specs):
        values[block.rows] = found
        done += len(block.rows)
        if progress is not None:
            progress(done, len(specs))
    return FilterValues(values, ~keeps(values, config))


def _measured(measurer: Measurer, specs: SpecTable, workers: int) -> Iterator[tuple[Block, FloatArray]]:
    """Yield blocks and the values of their patches, by threads."""

    def one(block: Block) -> tuple[Block, FloatArray]:
        return block, measurer.measure(specs, block)

    return in_order(one, measurer.blocks(specs), workers)


def _check_source(source: ImageSource, config: AnyFilterConfig) -> None:
    n_channels = source.data_shape[1]
    if config.ref_channel >= n_channels:
        found = f"filter: ref_channel is {config.ref_channel}"
        raise ImageError(f"{source.uri}: {found}; allowed are 0 to {n_channels - 1}, the image's channels")
    if source.dtype.kind == "c":
        raise ImageError(f"{source.uri}: filter: pixels are {source.dtype}; allowed: bool, integers and real numbers")


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

"""Taking stock of label images and maps, and refusing those that nothing can be drawn from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError, ImageError
from patchplan.images import ImageSource
from patchplan.images.companions import open_companions
from patchplan.plans.settings.weights import AnyWeightsConfig, LabelsWeightsConfig
from patchplan.sampling.weights.blocks import Blocks, Progress
from patchplan.sampling.weights.labels import count_labels, count_some_labels
from patchplan.sampling.weights.maps import sum_map
from patchplan.sampling.weights.tallies import LabelTally, MapTally, Tally

MOST_NAMED = 10
"""Classes that a message names."""


def open_weights(sources: Sequence[ImageSource], config: AnyWeightsConfig, *, base: Path) -> list[ImageSource]:
    """Open the label image or map of each image.

    Raises
    ------
    ConfigError, ImageError
        If it is missing, does not fit its image, or lacks the channel.
    """
    given = config.labels if isinstance(config, LabelsWeightsConfig) else config.map
    companions = open_companions(sources, given, base=base, what=config.name)
    for companion in companions:
        n_channels = companion.data_shape[1]
        if config.channel >= n_channels:
            raise ImageError(
                f"{companion.uri}: weights: channel is {config.channel}; allowed are 0 to {n_channels - 1}, those that "
                "it has"
            )
    return companions


def take(blocks: Blocks, config: AnyWeightsConfig, *, workers: int, progress: Progress | None) -> Tally:
    """Count what is in all blocks.

    Raises
    ------
    ConfigError
        If a class is nowhere, or there is nothing to draw from.
    ImageError
        If there are values that are not allowed, or a file cannot be read.
    """
    pool_of = blocks.data_idx if config.per == "image" else np.zeros_like(blocks.data_idx)
    if isinstance(config, LabelsWeightsConfig):
        return _take_labels(blocks, config, pool_of, workers, progress)
    sums = sum_map(blocks, workers=workers, progress=progress)
    for pool in _without(np.flatnonzero(sums), pool_of):
        uri = f" of {blocks.companions[pool].uri}" if config.per == "image" else ""
        raise ConfigError(
            f"weights: map: all values{uri} are 0 where {_centres(blocks)}; there is nothing to draw from"
        )
    return MapTally.of(sums, pool_of)


def _take_labels(
    blocks: Blocks, config: LabelsWeightsConfig, pool_of: IntArray, workers: int, progress: Progress | None
) -> LabelTally:
    found, chances = found_labels(blocks, config, workers=workers, progress=progress)
    numbers = np.concatenate([numbers for numbers, _ in found.values()])
    for pool in _without(numbers, pool_of):
        one = Blocks(blocks.sources[pool : pool + 1], blocks.companions[pool : pool + 1], blocks.patch, config.channel)
        why = _not_there(one, list(found), workers)
        raise ConfigError(f"weights: labels {one.companions[0].uri}: any of the classes {why}; it may with per: epoch")
    return LabelTally.of(found, chances, pool_of)


def found_labels(
    blocks: Blocks, config: LabelsWeightsConfig, *, workers: int, progress: Progress | None
) -> tuple[dict[int, tuple[IntArray, IntArray]], dict[int, float]]:
    """Return what `count_labels` finds of each class that has a chance, and these chances.

    Raises
    ------
    ConfigError
        If a class is nowhere, or there are too many.
    ImageError
        If labels are no whole numbers, or cannot be read.
    """
    asked = None if config.classes is None else {label: chance for label, chance in config.classes.items() if chance}
    found = count_labels(blocks, asked, workers=workers, progress=progress)
    missing = [] if asked is None else [label for label in asked if label not in found]
    if missing or not found:
        what = f"class {missing[0]}" if missing else "a class other than 0"
        raise ConfigError(f"weights: labels: {what} {_not_there(blocks, missing[:1], workers)}")
    return found, dict.fromkeys(found, 1.0) if asked is None else asked


def _without(blocks: IntArray, pool_of: IntArray) -> list[int]:
    """Return the pools that have none of these blocks."""
    there = np.zeros(int(pool_of[-1]) + 1, bool)
    there[pool_of[blocks]] = True
    empty: list[int] = np.flatnonzero(~there).tolist()
    return empty


def _not_there(blocks: Blocks, wanted: Sequence[int], workers: int) -> str:
    """Tell that classes (all but 0 by default) are not there, or not where centres are, and which are there."""
    ones = (1,) * len(blocks.patch)
    found = count_some_labels(Blocks(blocks.sources, blocks.companions, ones, blocks.channel), workers=workers)
    outside = any(label in wanted if wanted else label != 0 for label in found)
    some = sorted(found.items())[:MOST_NAMED]
    named = ", ".join(f"class {label} ({n:,} pixels)" for label, n in some)
    more = f" and {len(found) - len(some)} more" if len(found) > len(some) else ""
    return f"is not {f'where {_centres(blocks)}' if outside else 'there'}; found {named}{more}"


def _centres(blocks: Blocks) -> str:
    return f"patches of {' x '.join(map(str, blocks.patch))} have their centres"

"""Measuring patches: block by block, by whoever has the images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import FloatArray
from patchplan.core.specs import IntArray, SpecTable
from patchplan.images import ImageSource
from patchplan.plans.settings.filters import AnyFilterConfig, MaskFilterConfig, MaxFilterConfig, MeanStdFilterConfig
from patchplan.sampling.filters.blocks import Block, blocks, read_numbers
from patchplan.sampling.filters.masks import SUM_BYTES, in_masks, is_as_large, mask_shares, read_mask, share_not_0
from patchplan.sampling.filters.measures import bright_limit, entropy, mean_and_std

BATCH = 1 << 19
"""Pixels of patches that are measured at once, so that they stay in the cache."""

Measure = Callable[[NDArray[Any]], FloatArray]


@dataclass(frozen=True)
class Measurer:
    """A filter over images; `masks` are those of the filter mask, one per image."""

    sources: Sequence[ImageSource]
    masks: Sequence[ImageSource] | None
    config: AnyFilterConfig

    @property
    def read(self) -> Sequence[ImageSource]:
        """Those that are read."""
        return self.sources if self.masks is None else self.masks

    @property
    def columns(self) -> int:
        """Values of a patch."""
        return 2 if self.config.name == "mean_std" else 1

    def blocks(self, specs: SpecTable) -> Iterator[Block]:
        """Yield blocks that hold each patch once."""
        if isinstance(self.config, MaskFilterConfig):
            return blocks(self.read, in_masks(self.sources, self.read, specs), pixel_bytes=SUM_BYTES)
        return blocks(self.read, specs)

    def measure(self, specs: SpecTable, block: Block) -> FloatArray:
        """Return the values of the patches of a block, (k, columns)."""
        config, source = self.config, self.read[block.data_idx]
        if not isinstance(config, MaskFilterConfig):
            return _measured(read_numbers(source, block, config.ref_channel), specs, block, self._of_pixels())
        if is_as_large(source, self.sources[block.data_idx]):
            return _measured(read_mask(source, block, config.ref_channel), specs, block, share_not_0)
        return mask_shares(self.sources, self.read, specs, block, config.ref_channel)[:, np.newaxis]

    def _of_pixels(self) -> Measure:
        config = self.config
        if isinstance(config, MaxFilterConfig):
            coverage = config.coverage
            return lambda patches: bright_limit(patches, coverage)
        return mean_and_std if isinstance(config, MeanStdFilterConfig) else entropy


def _measured(pixels: NDArray[Any], specs: SpecTable, block: Block, measure: Measure) -> FloatArray:
    """Measure the patches of a block, those of one size together."""
    within, sizes = specs.coords[block.rows] - block.start, specs.patch_size[block.rows]
    found: FloatArray | None = None
    for members in _by_size(sizes):
        size = sizes[members[0]].tolist()
        windows = np.lib.stride_tricks.sliding_window_view(pixels, size)
        step = max(1, BATCH // prod(size))
        for first in range(0, len(members), step):
            some = members[first : first + step]
            # a single patch may be large: it is not copied
            patches = windows[tuple(within[some].T)] if len(block.rows) > 1 else pixels[np.newaxis]
            values = measure(patches)
            if found is None:
                found = np.empty((len(block.rows), values.shape[1]))
            found[some] = values
    assert found is not None, "a block has rows"  # noqa: S101 - that is what it is for
    return found


def _by_size(sizes: IntArray) -> list[IntArray]:
    """Return the rows of each size."""
    if (sizes == sizes[0]).all():
        return [np.arange(len(sizes))]
    _, size_of = np.unique(sizes, axis=0, return_inverse=True)
    order = np.argsort(size_of, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(size_of[order])) + 1)

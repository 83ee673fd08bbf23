"""How much of patches a mask covers, which may have a lower resolution than the image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import FloatArray
from patchplan.core.scaled import box_sums, scaled_axes
from patchplan.core.specs import IntArray, SpecTable
from patchplan.images import ImageSource
from patchplan.images.companions import companion_sample
from patchplan.sampling.filters.blocks import Block, read_numbers

SUM_BYTES = 8
"""Bytes of a pixel of a mask while it is summed up."""


def in_masks(sources: Sequence[ImageSource], masks: Sequence[ImageSource], specs: SpecTable) -> SpecTable:
    """Return boxes in pixels of the masks that hold patches of the images; of smaller masks, what lies inside."""
    start, stop = np.empty_like(specs.coords), np.empty_like(specs.coords)
    for data_idx in np.unique(specs.data_idx).tolist():
        rows = np.flatnonzero(specs.data_idx == data_idx)
        if is_as_large(masks[data_idx], sources[data_idx]):
            start[rows], stop[rows] = specs.coords[rows], specs.coords[rows] + specs.patch_size[rows]
            continue
        low, high = _inside(sources[data_idx], specs, rows)
        axes = scaled_axes(sources[data_idx].data_shape[2:], masks[data_idx].data_shape[2:])
        for number, axis in enumerate(axes):
            start[rows, number], stop[rows, number] = axis.span(low[:, number], high[:, number])
    return SpecTable(specs.data_idx, specs.sample_idx, start, stop - start)


def mask_shares(
    sources: Sequence[ImageSource], masks: Sequence[ImageSource], specs: SpecTable, block: Block, channel: int
) -> FloatArray:
    """Return which share of each patch of a block, in pixels of a smaller mask, is not 0 there."""
    source, mask = sources[block.data_idx], masks[block.data_idx]
    there = read_mask(mask, block, channel) != 0
    start, stop = _inside(source, specs, block.rows)
    axes = scaled_axes(source.data_shape[2:], mask.data_shape[2:])
    shares: FloatArray = box_sums(axes, there, start, stop, block.start) / specs.patch_size[block.rows].prod(axis=1)
    return shares


def read_mask(mask: ImageSource, block: Block, channel: int) -> NDArray[Any]:
    """Return a block of a mask, which may have one sample for all of its image."""
    return read_numbers(mask, block._replace(sample_idx=companion_sample(mask, block.sample_idx)), channel)


def is_as_large(mask: ImageSource, source: ImageSource) -> bool:
    """Tell whether a mask has the pixels of its image."""
    return mask.data_shape[2:] == source.data_shape[2:]


def share_not_0(patches: NDArray[Any]) -> FloatArray:
    """Return which share of each patch, (n, (Z) Y X), is not 0, (n, 1)."""
    flat = patches.reshape(len(patches), -1)
    shares: FloatArray = np.count_nonzero(flat, axis=1, keepdims=True) / flat.shape[1]
    return shares


def _inside(source: ImageSource, specs: SpecTable, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return where patches, which begin in their image, begin and end there."""
    start: IntArray = specs.coords[rows]
    return start, np.minimum(start + specs.patch_size[rows], source.data_shape[2:])

"""Maps: the sum of their values over the centres of all patches, by block."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.cells import FloatArray
from patchplan.core.specs import IntArray
from patchplan.errors import ImageError
from patchplan.sampling.weights.blocks import Block, Blocks, Progress, equal_runs

LARGEST = 1e200
"""So that no sum of values is infinite."""


def sum_map(blocks: Blocks, *, workers: int, progress: Progress | None) -> FloatArray:
    """Return the sum of a map over the centres of all patches, by block.

    Raises
    ------
    ImageError
        If the map has a value that is no finite number from 0, or cannot be read.
    """
    check_types(blocks)

    def summed(block: Block, values: NDArray[Any]) -> float:
        rows, columns = block.factors()
        return float((row_sums(checked(blocks, block, values), columns) * rows).sum())

    return np.fromiter(blocks.each(summed, workers, progress), np.float64, len(blocks))


def check_types(blocks: Blocks) -> None:
    """Raise ImageError unless maps have real numbers."""
    for companion in blocks.companions:
        if companion.dtype.kind not in "biuf":
            raise ImageError(f"weights: map {companion.uri} is {companion.dtype}; allowed: real numbers from 0")


def checked(blocks: Blocks, block: Block, values: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a block, unless one of them is no finite number from 0 (ImageError)."""
    if values.dtype.kind in "bu":
        return values
    with np.errstate(invalid="ignore"):
        if float(values.min()) >= 0 and float(values.max()) <= LARGEST:
            return values
        wrong = ~((values >= 0) & (values.astype(np.float64) <= LARGEST))
    at = np.unravel_index(int(np.argmax(wrong)), block.shape)
    place = [int(start + offset) for start, offset in zip(block.start, at, strict=True)]
    raise ImageError(
        f"weights: map {blocks.companions[block.sheet.data_idx].uri}: found {values[wrong][0]} at "
        f"{' '.join(spatial_axes(len(place)))} {place} of sample {block.sheet.sample}; "
        f"allowed: numbers from 0 to {LARGEST:g}"
    )


def row_sums(values: NDArray[Any], columns: IntArray) -> FloatArray:
    """Return the sum of each row of a map, each column as often as its factor says."""
    sums = np.zeros(len(values))
    for factor, some in equal_runs(columns):
        sums += factor * values[:, some].sum(axis=1, dtype=np.float64)
    return sums

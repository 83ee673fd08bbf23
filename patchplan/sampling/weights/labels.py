"""Label images: how many patches have their centre in each class, by block."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import FloatArray
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError, ImageError
from patchplan.plans.settings.weights import MAX_CLASSES
from patchplan.sampling.weights.blocks import Block, Blocks, Progress, equal_runs

FEW = 16
"""Values in a row up to which comparing with each is the fastest way to count them."""

MAX_RANGE = 1 << 18
"""Values from the least to the largest label of a block up to which all between are counted."""


def count_labels(
    blocks: Blocks, wanted: Container[int] | None, *, workers: int, progress: Progress | None
) -> dict[int, tuple[IntArray, IntArray]]:
    """Return for each class that is there the blocks that have it, ascending, and for how many patches each.

    `wanted` are the classes that count; all but 0 by default. A patch counts for the class of its centre.

    Raises
    ------
    ConfigError
        If there are more than `MAX_CLASSES`.
    ImageError
        If labels are no whole numbers, or cannot be read.
    """
    for companion in blocks.companions:
        if companion.dtype.kind not in "biu":
            raise ImageError(
                f"weights: labels {companion.uri} are {companion.dtype}; allowed: an integer type, to which NumPy "
                "brings whole numbers with labels.astype('int32'), or for probabilities name: map"
            )
    found: dict[int, tuple[list[int], list[int]]] = {}
    for number, there in enumerate(blocks.each(_count_block, workers, progress)):
        for label, count in there.items():
            if label != 0 if wanted is None else label in wanted:
                numbers, counts = found.setdefault(label, ([], []))
                numbers.append(number)
                counts.append(count)
        if len(found) > MAX_CLASSES:
            raise ConfigError(
                f"weights: labels: found more than {MAX_CLASSES:,} classes; name those to draw from with classes: "
                "{1: 1, 2: 5}, or give images of classes rather than of objects"
            )
    return {label: (np.array(numbers), np.array(counts)) for label, (numbers, counts) in sorted(found.items())}


def count_some_labels(blocks: Blocks, *, workers: int) -> dict[int, int]:
    """Return for how many patches each class counts, of up to `MAX_CLASSES` classes that are there."""
    found: dict[int, int] = {}
    for there in blocks.each(_count_block, workers):
        for label, count in there.items():
            if label in found or len(found) < MAX_CLASSES:
                found[label] = found.get(label, 0) + count
    return found


def _count_block(block: Block, labels: NDArray[Any]) -> dict[int, int]:
    """Return the classes of a block, and for how many patches each."""
    rows, columns = block.factors()
    found: dict[int, int] = {}
    for row_factor, some_rows in equal_runs(rows):
        for factor, some in equal_runs(columns):
            values, counts = _histogram(labels[some_rows][:, some])
            for label, count in zip(values, (counts * (row_factor * factor)).tolist(), strict=True):
                found[label] = found.get(label, 0) + count
    return {label: count for label, count in found.items() if count}


def _histogram(labels: NDArray[Any]) -> tuple[list[int], IntArray]:
    """Return the values that are there (and perhaps some that are not), and how many of each."""
    low, high = int(labels.min()), int(labels.max())
    if high - low < FEW:
        values = list(range(low, high + 1))
        return values, np.array([np.count_nonzero(labels == value) for value in values])
    if high - low > MAX_RANGE:
        found, counts = np.unique(labels, return_counts=True)
        return found.tolist(), counts
    counts = np.bincount(_above(labels, low).ravel())
    there = np.flatnonzero(counts)
    return [low + value for value in there.tolist()], counts[there]


def _above(labels: NDArray[Any], low: int) -> NDArray[Any]:
    """Return how far labels, in a range that int64 can hold, are above the lowest."""
    if labels.dtype == np.bool_:
        labels = labels.view(np.uint8)
    # Modulo the size of the type, so that the difference is right as an unsigned number.
    above = (labels - labels.dtype.type(low)).view(f"u{labels.dtype.itemsize}") if low else labels
    return above.astype(np.int64) if above.dtype.itemsize == 8 else above  # bincount refuses uint64


def weights_of(labels: NDArray[Any], weights: Mapping[int, float]) -> FloatArray:
    """Return the weight of each label; 0 where it has none.

    Examples
    --------
    >>> weights_of(np.array([[-3, 7, 5]]), {-3: 0.5, 7: 2.0}).tolist()
    [[0.5, 2.0, 0.0]]
    """
    low, high = int(labels.min()), int(labels.max())
    inside = {label: weight for label, weight in weights.items() if low <= label <= high}
    if high - low > MAX_RANGE:
        found = np.zeros(labels.shape)
        for label, weight in inside.items():
            found[labels == label] = weight
        return found
    table = np.zeros(high - low + 1)
    for label, weight in inside.items():
        table[label - low] = weight
    weighted: FloatArray = table[_above(labels, low)]
    return weighted

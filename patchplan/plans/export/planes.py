"""The plane of an image that a rectangle lies on, as QuPath counts: a slice Z and a time point T."""

from collections.abc import Sequence

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.plans.export.boxes import Boxes, middle, on_axes


def planes(boxes: Boxes, sample_idx: IntArray, axes: Sequence[tuple[str, int]]) -> tuple[IntArray, IntArray]:
    """Return Z and T of each box, (n,) each; of a volume the slice in the middle.

    `axes` are those that samples were flattened from. All but Z become T, the last changing fastest.
    """
    z = middle(boxes) if boxes.start.shape[1] == 3 else np.zeros(len(sample_idx), np.int64)
    t = np.zeros(len(sample_idx), np.int64)
    for (letter, size), index in zip(axes, on_axes(sample_idx, axes), strict=True):
        if letter == "Z":
            z = index
        else:
            t = t * size + index
    return z, t

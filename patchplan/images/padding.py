"""Regions that reach outside an image, solved one axis at a time."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

PadMode = Literal["constant", "reflect", "edge"]
PAD_MODES = get_args(PadMode)


@dataclass(frozen=True, slots=True)
class Pick:
    """One axis of a region: the part inside the image to load, and how to make the whole of it."""

    inside: slice
    before: int
    after: int
    index: NDArray[np.intp] | None

    def apply(self, block: NDArray[Any], axis: int) -> NDArray[Any]:
        """Return the block with this axis at full length."""
        if self.index is not None:
            return block.take(self.index, axis)
        if not self.before and not self.after:
            return block
        widths = [(0, 0)] * block.ndim
        widths[axis] = (self.before, self.after)
        return np.pad(block, widths)


def pick(start: int, length: int, n: int, mode: PadMode) -> Pick:
    """Solve one axis: [start, start + length) of an image with n pixels."""
    lo, hi = min(max(start, 0), n), min(max(start + length, 0), n)
    if mode == "constant":
        return Pick(slice(lo, hi), min(max(-start, 0), length), min(max(start + length - n, 0), length), None)
    if lo == start and hi == start + length:
        return Pick(slice(lo, hi), 0, 0, None)
    index = np.arange(start, start + length)
    if mode == "edge":
        index = index.clip(0, n - 1)
    else:  # a triangle wave with period 2 (n - 1)
        period = max(2 * (n - 1), 1)
        index = (n - 1) - np.abs(index % period - (n - 1)) if n > 1 else np.zeros_like(index)
    first = int(index.min())
    return Pick(slice(first, int(index.max()) + 1), 0, 0, index - first)

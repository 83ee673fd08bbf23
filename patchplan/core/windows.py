"""Blending windows: how much each pixel of a tile counts, by its place in the tile.

Along an axis of N pixels, pixel n lies at x = n + 1/2, so that windows are symmetric and none reaches 0. The
window of a tile is the product over its axes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOWS: dict[str, Callable[[Any, int], Any]] = {
    "average": lambda x, n: np.ones_like(x),
    "gaussian": lambda x, n: np.exp(-((x - n / 2) ** 2) / (2 * (n / 8) ** 2)),
    "hann": lambda x, n: np.sin(np.pi * x / n) ** 2,
    "cosine": lambda x, n: np.sin(np.pi * x / n),
    "linear": lambda x, n: 1 - np.abs(2 * x / n - 1),
}
"""By name: of x and N. Gaussian has a standard deviation of N / 8, as nnU-Net's and MONAI's."""


def window(name: str, n: int) -> Floats:
    """Return the window of `n` pixels, all above 0.

    Computed for one half and mirrored, so that it is symmetric to the last bit.

    Examples
    --------
    >>> window("linear", 4).tolist()
    [0.25, 0.75, 0.75, 0.25]
    """
    half: Floats = WINDOWS[name](np.arange((n + 1) // 2) + 0.5, n)
    return np.concatenate([half, half[: n // 2][::-1]])

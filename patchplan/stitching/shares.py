"""Shares of a stitch, for the jobs of an array: whole blocks each, balanced by bytes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import ConfigError

MAX_SHARES = 1_000_000


@dataclass(frozen=True)
class Share:
    """Share `number`, from 1, of `parts`."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def blocks(self, sizes: NDArray[np.int64], before: int, total: int) -> NDArray[np.bool_]:
        """Return which blocks of an image belong to this share; parameters as for `owners`."""
        mine: NDArray[np.bool_] = owners(sizes, before, total, self.parts) == self.number
        return mine


def owners(sizes: NDArray[np.int64], before: int, total: int, parts: int) -> NDArray[np.int64]:
    """Return of each block of an image the number of its share.

    All blocks of all images are laid on one line, each as long as it has bytes; the line is cut into equal
    parts, and a block belongs to the part that its middle is in. Neighbours stay together, as they need
    the same tiles.

    Parameters
    ----------
    sizes : int array
        Bytes of each block of the image.
    before, total : int
        Bytes of the images before it, and of all.
    parts : int
        Number of shares.

    Examples
    --------
    >>> owners(np.full(6, 10), 0, 60, 4)
    array([1, 2, 2, 3, 4, 4])
    """
    flat = sizes.reshape(-1)
    twice_middle = 2 * (before + np.cumsum(flat)) - flat
    part = np.minimum(twice_middle.astype(np.float64) * parts / (2 * total), parts - 1)
    return part.astype(np.int64).reshape(sizes.shape) + 1


def parse_share(text: str | None) -> Share | None:
    """Read K/N.

    Raises
    ------
    ConfigError
        Unless K is 1 to N.

    Examples
    --------
    >>> parse_share("3/16")
    Share(number=3, parts=16)
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,7})/(\d{1,7})", str(text))
    number, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= parts <= MAX_SHARES:
        raise ConfigError(f"--share: found {text}; allowed: K/N, the K-th of N shares, K from 1 to N, such as 3/16")
    return Share(number, parts)


def block_pixels(n_samples: int, spatial: Sequence[int], block: Sequence[int]) -> NDArray[np.int64]:
    """Return the pixels of each block of an image, (S, (Z), Y, X)."""
    sizes = np.ones((n_samples,) + (1,) * len(spatial), np.int64)
    for axis, (n, size) in enumerate(zip(spatial, block, strict=True), 1):
        along = np.minimum(n - np.arange(0, n, size), size)
        sizes = sizes * along.reshape([-1 if i == axis else 1 for i in range(sizes.ndim)])
    return sizes

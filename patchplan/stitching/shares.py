"""Shares of a stitch, for the jobs of an array: whole blocks each, balanced by bytes."""

import re
from collections.abc import Iterator
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


@dataclass(frozen=True)
class BlockSizes:
    """Pixels of the blocks of an image by sample and place in the grid, (S, (Z), Y, X); channels counted once.

    Of 10^8 blocks there is never an array of more than a plane.
    """

    n_samples: int
    spatial: tuple[int, ...]
    block: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of samples, and of blocks per axis."""
        return (self.n_samples, *(-(-n // size) for n, size in zip(self.spatial, self.block, strict=True)))

    def planes(self) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64]]]:
        """Yield the place of each plane of blocks, and their pixels (Y, X)."""
        pairs = zip(self.spatial, self.block, strict=True)
        along = [np.minimum(n - np.arange(0, n, size), size) for n, size in pairs]
        plane = np.multiply.outer(*along[-2:])
        for place in np.ndindex(self.grid[:-2]):
            yield place, plane if len(along) == 2 else plane * along[0][place[1]]

    def sum(self, chosen: NDArray[np.bool_]) -> int:
        """Return the pixels of some blocks."""
        return sum(int(pixels[chosen[place]].sum()) for place, pixels in self.planes() if chosen[place].any())


def owners(sizes: BlockSizes, pixel_bytes: int, before: int, total: int, parts: int) -> NDArray[np.int32]:
    """Return of each block of an image the number of its share.

    All blocks of all images are laid on one line, each as long as it has bytes; the line is cut into equal
    parts, and a block belongs to the part that its middle is in. Neighbours stay together, as they need
    the same tiles.

    Parameters
    ----------
    sizes : BlockSizes
        The blocks of the image.
    pixel_bytes : int
        Bytes of a pixel, all channels.
    before, total : int
        Bytes of the images before it, and of all.
    parts : int
        Number of shares.

    Examples
    --------
    >>> owners(BlockSizes(1, (1, 12), (1, 2)), 5, 0, 60, 4)
    array([[[1, 2, 2, 3, 4, 4]]], dtype=int32)
    """
    found = np.empty(sizes.grid, np.int32)
    for place, pixels in sizes.planes():
        flat = pixels.reshape(-1) * pixel_bytes
        ends = before + np.cumsum(flat)
        part = np.minimum((2 * ends - flat).astype(np.float64) * parts / (2 * total), parts - 1)
        found[place] = part.astype(np.int32).reshape(pixels.shape) + 1
        before = int(ends[-1])
    return found


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

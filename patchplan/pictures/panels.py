"""Which samples are pictured, and how many image pixels a picture pixel covers."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from patchplan.core.specs import IntArray

ASPECT = 8
"""Times that a picture is at most longer than wide, where the image has pixels enough."""


class Panel(NamedTuple):
    """The picture of one sample, `size` (Z)YX pixels.

    A picture pixel covers `block` pixels YX, fewer at the ends, and all of Z.
    """

    data_idx: int
    sample_idx: int
    size: tuple[int, ...]
    block: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Picture pixels, YX."""
        height, width = (-(-n // each) for n, each in zip(self.size[-2:], self.block, strict=True))
        return height, width

    @property
    def depth(self) -> int:
        """Pixels along Z; 1 in 2-D."""
        return self.size[0] if len(self.size) == 3 else 1

    @property
    def factors(self) -> tuple[int, ...]:
        """Pixels of a picture pixel on each axis, (Z)YX."""
        return (*self.size[:-2], *self.block)

    @property
    def covers(self) -> int:
        """Image pixels of a picture pixel that does not lie at an end."""
        return self.depth * self.block[0] * self.block[1]

    def areas(self) -> IntArray:
        """Return how many pixels each picture pixel covers; Python ints where int64 is too narrow."""
        dtype = object if self.covers >= 2**63 else np.int64
        spans = [np.diff(self.edges(axis)).astype(dtype) for axis in range(len(self.size))]
        area: IntArray = np.multiply.outer(spans[-2], spans[-1]) * spans[0][0] ** (len(spans) - 2)
        return area

    def edges(self, axis: int) -> IntArray:
        """Return where picture pixels begin on an axis, and the end of the last."""
        size = self.size[axis]
        return np.append(np.arange(0, size, self.factors[axis], dtype=np.int64), size)


def panels_of(
    data_shapes: Sequence[Sequence[int]], most: int, side: int, strides: tuple[int, int] = (1, 1)
) -> list[Panel]:
    """Return the first `most` samples, no side of their pictures longer than `side`.

    The first sample of every image comes before the second of any; they are returned in order. Picture pixels
    are in step with `strides` YX of a grid: else its stripes would beat with them.
    """
    chosen = sorted(islice(_by_sample(data_shapes), most))
    return [_panel(data_idx, sample_idx, data_shapes[data_idx], side, strides) for data_idx, sample_idx in chosen]


def _by_sample(data_shapes: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Yield (image, sample): the first samples of all images, then the others image by image."""
    for data_idx in range(len(data_shapes)):
        yield data_idx, 0
    for data_idx, shape in enumerate(data_shapes):
        for sample_idx in range(1, shape[0]):
            yield data_idx, sample_idx


def _panel(data_idx: int, sample_idx: int, shape: Sequence[int], side: int, strides: tuple[int, int]) -> Panel:
    height, width = map(in_step, block_of(shape[-2:], side), strides)
    return Panel(data_idx, sample_idx, tuple(shape[2:]), (height, width))


def block_of(size: Sequence[int], side: int) -> tuple[int, int]:
    """Return how many pixels YX a picture pixel covers: as many on both axes, but fewer across a very long image.

    Examples
    --------
    >>> block_of((3000, 2000), 1000), block_of((65_537, 1), 1000), block_of((65_537, 300), 1000)
    ((3, 3), (66, 1), (66, 3))
    """
    longest = max(1, -(-max(size) // side))
    height, width = (min(longest, max(1, -(-n // max(1, side // ASPECT)))) for n in size)
    return height, width


def in_step(n: int, stride: int) -> int:
    """Return `n` or a larger number that is a multiple or a divisor of `stride`, if less than twice as large.

    Examples
    --------
    >>> in_step(79, 224), in_step(500, 224), in_step(5, 7), in_step(2, 7)
    (112, 672, 7, 2)
    """
    if n >= stride:
        return -(-n // stride) * stride
    return next((larger for larger in range(n, min(2 * n, stride + 1)) if stride % larger == 0), n)

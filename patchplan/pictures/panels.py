"""Which samples are pictured, and how many image pixels a picture pixel covers."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from patchplan.core.specs import IntArray


class Panel(NamedTuple):
    """The picture of one sample, `size` (Z)YX pixels.

    A picture pixel covers `factor` x `factor` pixels, fewer at the ends, and all of Z.
    """

    data_idx: int
    sample_idx: int
    size: tuple[int, ...]
    factor: int

    @property
    def shape(self) -> tuple[int, int]:
        """Picture pixels, YX."""
        height, width = (-(-n // self.factor) for n in self.size[-2:])
        return height, width

    @property
    def depth(self) -> int:
        """Pixels along Z; 1 in 2-D."""
        return self.size[0] if len(self.size) == 3 else 1

    @property
    def factors(self) -> tuple[int, ...]:
        """Pixels of a picture pixel on each axis, (Z)YX."""
        return (*self.size[:-2], self.factor, self.factor)

    def areas(self) -> IntArray:
        """Return how many pixels each picture pixel covers; Python ints where int64 is too narrow."""
        dtype = object if self.depth * self.factor**2 >= 2**63 else np.int64
        spans = [np.diff(self.edges(axis)).astype(dtype) for axis in range(len(self.size))]
        area: IntArray = np.multiply.outer(spans[-2], spans[-1]) * spans[0][0] ** (len(spans) - 2)
        return area

    def edges(self, axis: int) -> IntArray:
        """Return where picture pixels begin on an axis, and the end of the last."""
        size = self.size[axis]
        return np.append(np.arange(0, size, self.factors[axis], dtype=np.int64), size)


def panels_of(data_shapes: Sequence[Sequence[int]], most: int, side: int) -> list[Panel]:
    """Return the first `most` samples, no side of their pictures longer than `side`.

    The first sample of every image comes before the second of any; they are returned in order.
    """
    chosen = sorted(islice(_by_sample(data_shapes), most))
    return [_panel(data_idx, sample_idx, data_shapes[data_idx], side) for data_idx, sample_idx in chosen]


def _by_sample(data_shapes: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Yield (image, sample): the first samples of all images, then the others image by image."""
    for data_idx in range(len(data_shapes)):
        yield data_idx, 0
    for data_idx, shape in enumerate(data_shapes):
        for sample_idx in range(1, shape[0]):
            yield data_idx, sample_idx


def _panel(data_idx: int, sample_idx: int, shape: Sequence[int], side: int) -> Panel:
    return Panel(data_idx, sample_idx, tuple(shape[2:]), max(1, -(-max(shape[-2:]) // side)))

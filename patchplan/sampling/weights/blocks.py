"""Label images and maps, block by block, and how many patches have their centre in each of their pixels.

A patch at coordinate c has its centre at pixel c + patch // 2 of the image. The companion, a label image or map, may
be smaller than the image: the number of coordinates whose centre lies in a companion pixel is a product over the
axes. A block is seen as a matrix of rows (Z Y) and columns (X), so that it has two factors, in 2-D and 3-D.

Blocks follow from the files only, so that what is found in them does not depend on workers or memory.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from patchplan.core.scaled import ScaledAxis, scaled_axes
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError
from patchplan.images import ImageSource
from patchplan.sampling.threads import in_order

BLOCK_PIXELS = 1 << 20
"""Pixels of a block, unless a chunk, which is decoded whole, has more."""

MOST_PIXELS = 1 << 24
"""Pixels of a block of larger chunks, which are cut: memory is worth more than decoding them several times."""

MAX_PIXELS = 1 << 62
"""So that numbers of patches can be counted."""

Progress = Callable[[int, int], None]
"""Called with blocks done and all blocks."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CentreAxis:
    """One axis: coordinates 0 to n - 1 have their centre at image pixels `first` to first + n - 1.

    Where the image is smaller than the patch there is one coordinate, and its centre is that of the image.
    """

    scaled: ScaledAxis
    first: int
    n: int

    @classmethod
    def of(cls, scaled: ScaledAxis, patch: int) -> "CentreAxis":
        """Return the axis for patches of so many pixels."""
        return cls(scaled, min(patch, scaled.size) // 2, max(scaled.size - patch, 0) + 1)

    def span(self) -> tuple[int, int]:
        """Return the half-open range of companion pixels that centres lie in."""
        return self.scaled.span(self.first, self.first + self.n)

    def coords(self, pixel: IntArray) -> IntArray:
        """Return the first coordinate with its centre in each companion pixel; n after the last."""
        return (self.scaled.first(pixel) - self.first).clip(0, self.n)

    def counts(self, start: int, stop: int) -> IntArray:
        """Return the number of coordinates with their centre in each companion pixel [start, stop)."""
        return np.diff(self.coords(np.arange(start, stop + 1)))


@dataclass(frozen=True)
class Sheet:
    """A sample of a companion: `n_samples` of the image's samples, from `first_sample`, belong to it.

    `edges`, one array per axis, cut the companion pixels that centres lie in into blocks.
    """

    data_idx: int
    sample: int
    first_sample: int
    n_samples: int
    axes: tuple[CentreAxis, ...]
    edges: tuple[IntArray, ...]

    @property
    def grid(self) -> Shape:
        """Number of blocks per axis."""
        return tuple(len(cuts) - 1 for cuts in self.edges)


@dataclass(frozen=True)
class Block:
    """Companion pixels [start, stop) of a sheet, (Z)YX."""

    sheet: Sheet
    start: Shape
    stop: Shape

    @property
    def shape(self) -> Shape:
        """Pixels per axis."""
        return tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))

    def factors(self) -> tuple[IntArray, IntArray]:
        """Return how many patches have their centre in a pixel: a factor for each row (all samples) and column."""
        axes = zip(self.sheet.axes, self.start, self.stop, strict=True)
        *outer, columns = (axis.counts(start, stop) for axis, start, stop in axes)
        return reduce(np.multiply.outer, outer).ravel() * self.sheet.n_samples, columns


class Blocks:
    """The blocks of the companions of all images, for patches of one size; all that centres lie in.

    Parameters
    ----------
    sources, companions : sequence of ImageSource
        As `open_companions` gives them.
    patch : tuple of int
        Patch size, (Z)YX.
    channel : int
        Channel of the companions.
    """

    def __init__(
        self, sources: Sequence[ImageSource], companions: Sequence[ImageSource], patch: Shape, channel: int
    ) -> None:
        pixels = sum(prod((source.data_shape[0], *source.data_shape[2:])) for source in sources)
        if pixels >= MAX_PIXELS:
            raise ShapeError(f"weights: the images have {pixels} pixels in all; allowed: less than 2**62")
        self.sources = sources
        self.companions = companions
        self.patch = patch
        self.channel = channel
        pairs = enumerate(zip(sources, companions, strict=True))
        self.sheets = [sheet for i, (source, one) in pairs for sheet in _sheets(i, source, one, patch)]
        self.bounds = [0, *accumulate(prod(sheet.grid) for sheet in self.sheets)]
        self.data_idx = np.repeat([sheet.data_idx for sheet in self.sheets], np.diff(self.bounds))

    @property
    def data_shapes(self) -> tuple[Shape, ...]:
        """Shapes of the images, S C (Z) Y X."""
        return tuple(source.data_shape for source in self.sources)

    def __len__(self) -> int:
        return self.bounds[-1]

    def __getitem__(self, number: int) -> Block:
        at = bisect_right(self.bounds, number) - 1
        sheet = self.sheets[at]
        cells = np.unravel_index(number - self.bounds[at], sheet.grid)
        pairs = list(zip(sheet.edges, cells, strict=True))
        start, stop = (tuple(int(cuts[cell + side]) for cuts, cell in pairs) for side in (0, 1))
        return Block(sheet, start, stop)

    def read(self, block: Block) -> NDArray[Any]:
        """Return the pixels of a block as rows (Z Y) and columns (X)."""
        companion = self.companions[block.sheet.data_idx]
        pixels = companion.read(block.sheet.sample, block.start, block.shape, [self.channel])
        return pixels.reshape(-1, block.shape[-1])

    def each(
        self, work: Callable[[Block, NDArray[Any]], Result], workers: int, progress: Progress | None = None
    ) -> Iterator[Result]:
        """Yield in order what is made of each block and its pixels, rows and columns."""

        def done_with(number: int) -> Result:
            block = self[number]
            return work(block, self.read(block))

        for done, result in enumerate(in_order(done_with, range(len(self)), workers), start=1):
            yield result
            if progress is not None:
                progress(done, len(self))


def _sheets(data_idx: int, source: ImageSource, companion: ImageSource, patch: Shape) -> Iterator[Sheet]:
    scaled = scaled_axes(source.data_shape[2:], companion.data_shape[2:])
    axes = tuple(CentreAxis.of(axis, side) for axis, side in zip(scaled, patch, strict=True))
    sides = _block_shape(companion)
    edges = tuple(_edges(*axis.span(), side) for axis, side in zip(axes, sides, strict=True))
    n_samples = companion.data_shape[0]
    shared = source.data_shape[0] // n_samples
    for sample in range(n_samples):
        yield Sheet(data_idx, sample, sample, shared, axes, edges)


def _edges(start: int, stop: int, side: int) -> IntArray:
    inner = np.arange((start // side + 1) * side, stop, side)
    return np.array([start, *inner, stop], np.int64)


def _block_shape(companion: ImageSource) -> Shape:
    """Return the chunks that make up a block, about as long on all axes."""
    size = companion.data_shape[2:]
    block = [min(pair) for pair in zip(size, companion.spatial_chunks, strict=True)]
    while prod(block) * 2 <= BLOCK_PIXELS:
        short = [axis for axis in range(len(size)) if block[axis] < size[axis]]
        if not short:
            break
        block[min(short, key=block.__getitem__)] *= 2
    while prod(block) > MOST_PIXELS:
        longest = block.index(max(block))
        block[longest] = -(-block[longest] // 2)
    return tuple(block)


def equal_runs(factors: IntArray) -> Iterator[tuple[int, slice | NDArray[np.intp]]]:
    """Yield each factor, and where it is: a slice where its places are neighbours.

    Examples
    --------
    >>> list(equal_runs(np.array([1, 4, 4])))
    [(1, slice(0, 1, None)), (4, slice(1, 3, None))]
    """
    for factor in np.unique(factors).tolist():
        at = np.flatnonzero(factors == factor)
        neighbours = at[-1] - at[0] == len(at) - 1
        yield factor, slice(int(at[0]), int(at[-1]) + 1) if neighbours else at

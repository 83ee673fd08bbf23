"""The pixels of any box of one output: tiles blended, reduced, converted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.placing import Placed
from patchplan.stitching.blend import CACHED_WEIGHTS, Blend, Extreme, Mask, Normalised, Paste, Weighted
from patchplan.stitching.places import GridPlaces, TilePlaces
from patchplan.stitching.reduce import Reduction, convert
from patchplan.tiles.protocol import Tiles

Values = NDArray[Any]
MIN_ROWS = 64
"""Rows of a sub-block: fewer would read every tile many times."""


@dataclass(frozen=True)
class PixelRules:
    """What decides the values of an image: `blend` is paste, max, min or the name of a window.

    `tile_dtype` and `n_channels` are those of the tiles, `dtype` that of the output.
    """

    blend: str
    tile_dtype: np.dtype[Any]
    n_channels: int
    reduction: Reduction | None
    dtype: np.dtype[Any]
    fill_value: float

    @property
    def weighted(self) -> bool:
        """Whether values are averaged."""
        return self.blend not in ("paste", "max", "min")

    @property
    def blend_dtype(self) -> np.dtype[Any]:
        """What is summed up in: float32 holds up to 16 bits, wider tiles need float64."""
        if not self.weighted or self.tile_dtype.kind == "c":
            return self.tile_dtype
        wide = self.tile_dtype.itemsize > (4 if self.tile_dtype.kind == "f" else 2)
        return np.dtype(np.float64 if wide else np.float32)

    @property
    def direct(self) -> bool:
        """Whether blended values are written as they are."""
        return self.reduction is None and self.blend_dtype == self.dtype

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return 1 if self.reduction is not None and self.reduction.drops_channels else self.n_channels

    def bytes_per_pixel(self) -> int:
        """Return bytes needed per pixel of a box beside the output's own: sums, masks, what reducing makes."""
        wide = self.blend_dtype.itemsize
        weights = wide + 2 if self.weighted else 1
        if self.direct:
            return weights
        steps = 4 if self.reduction is not None and self.reduction.name in ("softmax", "sigmoid") else 2
        return weights + self.n_channels * max(wide, 4) * steps + self.out_channels * 8

    def finish(self, values: Values) -> Values:
        """Return blended values as they are written."""
        if self.reduction is not None:
            values = self.reduction(values)
        return convert(values, self.dtype)


class Renderer:
    """Computes boxes of one image; safe from several threads.

    Parameters
    ----------
    rules : PixelRules
    places : TilePlaces
        Where tiles go.
    tiles : Tiles
        The tiles; those that are not `present` are left out.
    spatial, block : sequence of int
        Pixels of the output and of its blocks, (Z)YX.
    whole : bool
        Whether tiles hold all that was read, so that a complete grid covers every pixel.
    scratch_bytes : int
        Memory for sums of what is not written as it is; larger boxes are computed piece by piece.
    """

    def __init__(
        self,
        rules: PixelRules,
        places: TilePlaces,
        tiles: Tiles,
        *,
        spatial: Sequence[int],
        block: Sequence[int],
        whole: bool,
        scratch_bytes: int,
    ) -> None:
        self.rules, self.places, self.tiles = rules, places, tiles
        self.spatial, self.block = tuple(spatial), tuple(block)
        self.scratch_bytes = scratch_bytes
        self._covers = isinstance(places, GridPlaces) and whole
        self._partial: Blend = Weighted(rules.blend) if rules.weighted else _simple(rules.blend)
        self._complete = self._partial
        if rules.weighted and isinstance(places, GridPlaces) and whole:
            self._complete = Normalised(rules.blend, places.axes, spatial)

    def tile_bytes(self, tile_pixels: int) -> int:
        """Return bytes of what is held per tile while it is blended."""
        if not self.rules.weighted:
            return 0
        one = tile_pixels * self.rules.blend_dtype.itemsize
        return one * self.rules.n_channels + max(one, min(CACHED_WEIGHTS, 16 * one))

    def render(self, sample_idx: int, start: Sequence[int], stop: Sequence[int], out: Values) -> int:
        """Compute a box of whole blocks into `out`, C (Z) Y X; return how many pixels no tile covers.

        Whether weights are divided by their sums beforehand or at the end is decided block by block, so that
        the same pixels come out of boxes of any size.
        """
        placed = self.places.touching(sample_idx, start, stop)
        present = self.tiles.present[placed.position]
        complete = self._covers and bool(present.all())
        if not complete and self._complete is not self._partial and self._several(start, stop):
            return sum(self.render(sample_idx, a, b, out[_within(start, a, b)]) for a, b in self._blocks(start, stop))
        if not present.all():
            placed = placed.where(present)
        if self.rules.direct:
            return self._compute(placed, start, out, out, complete=complete)
        return sum(
            self._compute(self._cut(placed, a, b), a, None, out[_within(start, a, b)], complete=complete)
            for a, b in self._strips(start, stop)
        )

    def _compute(
        self, placed: Placed, start: Sequence[int], values: Values | None, out: Values, *, complete: bool
    ) -> int:
        space = out.shape[1:]
        if values is None:
            values = np.empty((self.rules.n_channels, *space), self.rules.blend_dtype)
        simple = not self.rules.weighted
        covered: Mask | None = np.zeros(space, np.bool_) if simple and not complete else None
        blend = self._complete if complete else self._partial
        covered = blend.fill(values, covered, placed, self.tiles, start)
        if values is not out:
            if covered is not None:
                values[:, ~covered] = 0
            out[:] = self.rules.finish(values)
        if covered is None or covered.all():
            return 0
        out[:, ~covered] = self.rules.fill_value
        return int(covered.size - np.count_nonzero(covered))

    def _several(self, start: Sequence[int], stop: Sequence[int]) -> bool:
        return any(b - a > n for a, b, n in zip(start, stop, self.block, strict=True))

    def _blocks(self, start: Sequence[int], stop: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        steps = [range(a, b, n) for a, b, n in zip(start, stop, self.block, strict=True)]
        for first in product(*steps):
            yield first, tuple(min(a + n, b) for a, n, b in zip(first, self.block, stop, strict=True))

    def _strips(self, start: Sequence[int], stop: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Cut a box along its first axis (along Y where one slice of a volume is too much)."""
        shape = [b - a for a, b in zip(start, stop, strict=True)]
        rows = self.rows_within(shape)
        axis = 0 if rows >= 1 or len(shape) == 2 else 1
        if axis == 1:
            rows = max(MIN_ROWS, self.scratch_bytes // max(1, self.rules.bytes_per_pixel() * shape[2]))
        outer = [(a, b) for a, b in zip(start[:axis], stop[:axis], strict=True)]
        for first in product(*(range(a, b) for a, b in outer)):
            for a in range(start[axis], stop[axis], max(1, rows)):
                b = min(a + max(1, rows), stop[axis])
                yield (*first, a, *start[axis + 1 :]), (*(i + 1 for i in first), b, *stop[axis + 1 :])

    def rows_within(self, shape: Sequence[int]) -> int:
        """Return how many rows (slices of a volume) of a box can be summed up at once."""
        per_row = self.rules.bytes_per_pixel() * prod(shape[1:])
        rows = int(self.scratch_bytes // max(1, per_row))
        return max(rows, MIN_ROWS) if len(shape) == 2 else rows

    def least_pixels(self, shape: Sequence[int]) -> int:
        """Return the pixels of the smallest sub-block of a box."""
        return min(prod(shape), MIN_ROWS * int(shape[-1]))

    @staticmethod
    def _cut(placed: Placed, start: Sequence[int], stop: Sequence[int]) -> Placed:
        inside = (placed.start < np.array(stop)) & (placed.stop > np.array(start))
        return placed.where(np.all(inside, axis=1))


def _within(start: Sequence[int], a: Sequence[int], b: Sequence[int]) -> tuple[Any, ...]:
    """Return the slices of [a, b) in an array C (Z) Y X that begins at `start`."""
    return (slice(None), *(slice(x - s, y - s) for s, x, y in zip(start, a, b, strict=True)))


def _simple(name: str) -> Blend:
    return Paste() if name == "paste" else Extreme(name)

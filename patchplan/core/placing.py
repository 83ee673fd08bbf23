"""Where tiles go in an output, one axis at a time, at any scale.

      read             start          stop
      |----------------|--------------|--------| what the network read: `length` pixels
              |-----------------------------|    what it gave back, from `origin` on
                       |--------------|          what of that is used: [start, stop) of the image

All are pixels of the output. An output of `scale` 1/2 has half as many, rounded up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError


@dataclass(frozen=True, slots=True)
class ScaledAxis:
    """An axis of an image of `size` pixels, whose output has `scale` times as many.

    Examples
    --------
    >>> ScaledAxis("Y", 101, Fraction(1, 2)).n
    51
    """

    letter: str
    size: int
    scale: Fraction = Fraction(1)

    @property
    def n(self) -> int:
        """Pixels of the output."""
        return -(-self.size * self.scale.numerator // self.scale.denominator)

    def exact(self, values: IntArray, what: str) -> IntArray:
        """Return values times scale; ShapeError unless they are whole pixels of the output."""
        if self.scale == 1:
            return values
        scaled, rest = np.divmod(values * self.scale.numerator, self.scale.denominator)
        if rest.any():
            found = values[int(np.argmax(rest != 0))]
            raise ShapeError(
                f"--scale {self.scale} on {self.letter}: {what} {found} does not fall on a whole pixel of the output; "
                f"plan with multiple_of {self.scale.denominator}"
            )
        return scaled

    def ends(self, values: IntArray, what: str) -> IntArray:
        """Return ends times scale: the end of the image becomes the end of the output."""
        return np.where(values >= self.size, self.n, self.exact(np.where(values >= self.size, 0, values), what))


@dataclass(frozen=True, slots=True)
class Places:
    """Places of k tiles along one axis, (k,) each."""

    read: IntArray
    length: IntArray
    origin: IntArray
    start: IntArray
    stop: IntArray


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept along one axis: from `inside` on in the tile, [start, stop) in pixels of the image.

    `only` says that nothing else is used; `alone` which tiles hold nothing else.
    """

    inside: IntArray
    start: IntArray
    stop: IntArray
    only: bool
    alone: NDArray[np.bool_]


def place(axis: ScaledAxis, coords: IntArray, patch: IntArray, margin: int, kept: Kept | None) -> Places:
    """Return where tiles go along an axis.

    Parameters
    ----------
    axis : ScaledAxis
    coords, patch : IntArray
        Start and size of what was read, (k,), in pixels of the image.
    margin : int
        Pixels of the output that tiles lack on either side.
    kept : Kept, optional
        Where the plan says what is kept.

    Raises
    ------
    ShapeError
        If a coordinate falls between pixels of the output, or a margin takes what is kept inside the image.
    """
    begin = coords if kept is None or not kept.only else kept.start - kept.inside
    read, length = axis.exact(begin, "coords"), axis.exact(patch, "patch_size")
    first, last = read + margin, np.minimum(read + length - margin, axis.n)
    if kept is None:
        return Places(read, length, first, first, last)
    keep_start, keep_stop = axis.exact(kept.start, "stitch_coords"), axis.ends(kept.stop, "the end of a kept part")
    if not kept.only and not kept.alone.any():
        return Places(read, length, first, first, last)
    origin = np.where(kept.alone, keep_start, first)
    if not kept.only:
        return Places(
            read, length, origin, np.where(kept.alone, keep_start, first), np.where(kept.alone, keep_stop, last)
        )
    lost = ~kept.alone & (((keep_start < first) & (keep_start > 0)) | ((keep_stop > last) & (keep_stop < axis.n)))
    if lost.any():
        row = int(np.argmax(lost))
        raise ShapeError(
            f"--margin {margin} on {axis.letter}: tiles hold {first[row]} to {last[row]}, but {keep_start[row]} to "
            f"{keep_stop[row]} is kept; plan with a halo of at least the margin"
        )
    start = np.where(kept.alone, keep_start, np.maximum(keep_start, first))
    return Places(read, length, origin, start, np.where(kept.alone, keep_stop, np.minimum(keep_stop, last)))


@dataclass(frozen=True, slots=True)
class Placed:
    """Tiles in an output: `index` and `position` (k,), the others (k, ndim) as in `Places`; ordered by index.

    `grid` is how many tiles there are along each axis, where they are all those of a part of a grid.
    """

    index: IntArray
    position: IntArray
    read: IntArray
    length: IntArray
    origin: IntArray
    start: IntArray
    stop: IntArray
    grid: tuple[int, ...] | None = None

    @classmethod
    def of(
        cls, index: IntArray, position: IntArray, columns: Sequence[IntArray], grid: tuple[int, ...] | None = None
    ) -> "Placed":
        """Return tiles with the columns `read`, `length`, `origin`, `start`, `stop`."""
        read, length, origin, start, stop = columns
        return cls(index, position, read, length, origin, start, stop, grid)

    def __len__(self) -> int:
        return len(self.index)

    def where(self, chosen: NDArray[np.bool_]) -> "Placed":
        """Return some of the tiles."""
        columns = (self.read, self.length, self.origin, self.start, self.stop)
        return Placed.of(self.index[chosen], self.position[chosen], [column[chosen] for column in columns])

    def along(self, values: IntArray, axis: int) -> IntArray:
        """Return the values (k, ndim) of a grid that differ along one axis, in order; none of an empty one."""
        if not len(self):
            return values[:0, axis]
        first = tuple(slice(None) if i == axis else 0 for i in range(values.shape[1]))
        return values.reshape(*(self.grid or ()), values.shape[1])[(*first, axis)]

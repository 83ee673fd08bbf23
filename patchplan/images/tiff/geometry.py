"""How the pixels of a TIFF series lie in its pages and their segments.

series    T Z C | Y X S        its last axes are those of a page, the others number the pages
page      s d l w c            tifffile's normal form: separate samples, depth, length, width, contiguous
                               samples; segments (strips, tiles) are numbered over s d l w in C order

Each axis of a series longer than 1 is one of its pages' axes, or numbers pages.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from patchplan.images.boundary import RefusedError
from patchplan.images.layout import Box

if TYPE_CHECKING:
    from tifffile import TiffPage


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the axes of a series map to pages and their segments.

    `n_outer` axes number the pages; `places` gives for each other axis its position in the normal form, or
    None for an axis of size 1 that the page does not have.
    """

    shape: tuple[int, ...]
    n_outer: int
    places: tuple[int | None, ...]
    paged: tuple[int, ...]
    segment: tuple[int, ...]

    @classmethod
    def of(cls, page: "TiffPage", shape: tuple[int, ...]) -> "Geometry":
        """Fit the shape of a series to the shape of its pages, or refuse."""
        paged = tuple(int(n) for n in page.shaped)
        n_outer = len(shape)
        while n_outer and prod(shape[n_outer:]) < prod(paged):
            n_outer -= 1
        inner = shape[n_outer:]
        long = iter([place for place, n in enumerate(paged) if n > 1])
        places = tuple(next(long, -1) if n > 1 else None for n in inner)
        fits = all(place is None or paged[place] == n for n, place in zip(inner, places, strict=True))
        if prod(inner) != prod(paged) or not fits or -1 in places:
            raise RefusedError(
                f"pages of shape {tuple(page.shape)} do not fit the image's shape {shape}: not supported"
            )
        return cls(shape, n_outer, places, paged, _segment_shape(page, paged))

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of a segment in the axes of the series, clipped to it."""
        inner = [1 if place is None else min(self.segment[place], self.paged[place]) for place in self.places]
        return (1,) * self.n_outer + tuple(inner)

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of segments per axis of the normal form."""
        return tuple(-(-n // size) for n, size in zip(self.paged, self.segment, strict=True))

    @property
    def n_segments(self) -> int:
        """Number of segments of a page."""
        return prod(self.counts)

    def to_page(self, box: Box) -> Box:
        """Return the part of a box within a page, in normal form."""
        inside = [slice(0, 1)] * len(self.paged)
        for piece, place in zip(box[self.n_outer :], self.places, strict=True):
            if place is not None:
                inside[place] = piece
        return tuple(inside)

    def segments(self, inside: Box) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield number and start of each segment that a box in normal form touches."""
        ranges = [
            range(piece.start // size, -(-piece.stop // size)) for piece, size in zip(inside, self.segment, strict=True)
        ]
        for index in itertools.product(*ranges):
            number = 0
            for i, n in zip(index, self.counts, strict=True):
                number = number * n + i
            yield number, tuple(i * size for i, size in zip(index, self.segment, strict=True))


def _segment_shape(page: "TiffPage", paged: tuple[int, ...]) -> tuple[int, ...]:
    if page.is_tiled:
        shape = (1, page.tiledepth, page.tilelength, page.tilewidth, paged[4])
    else:
        shape = (1, 1, page.rowsperstrip, paged[3], paged[4])
    if any(int(n) < 1 for n in shape):
        raise RefusedError(f"tiles or strips of shape {shape[1:4]} are broken")
    return tuple(int(n) for n in shape)

"""The region of one image: how many of its pixels boxes hold."""

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.clusters import clusters
from patchplan.core.scaled import box_sums, scaled_axes
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray
from patchplan.images import ImageSource
from patchplan.images.companions import companion_sample
from patchplan.sampling.regions.outlines import Outline
from patchplan.sampling.regions.scanlines import Edges, count_inside

Plane = tuple[tuple[int, int] | None, int | None]
"""The Z and the T of outlines."""

MAX_PIXELS = 1 << 22
"""Pixels of a mask that are read at once; larger boxes are read in pieces."""


class Region(Protocol):
    """Part of an image."""

    def plane(self, sample_idx: int) -> Hashable:
        """Return a key that samples with the same region have in common."""
        ...

    def counts(self, sample_idx: int, starts: IntArray, stops: IntArray) -> IntArray:
        """Return how many pixels of boxes are in the region.

        Parameters
        ----------
        sample_idx : int
        starts, stops : IntArray
            Boxes inside the image, not empty, shape (n, ndim), (Z)YX.

        Returns
        -------
        IntArray
            Shape (n,).
        """
        ...


class PolygonRegion:
    """The union of polygons, of which each holds for all or some planes of the image."""

    def __init__(self, outlines: Sequence[Outline], source: ImageSource) -> None:
        self._size = source.data_shape[2:]
        self._samples = [(source.axes[axis], source.shape[axis]) for axis in source.layout.samples]
        self._polygons: dict[Plane, list[Outline]] = {}
        for outline in outlines:
            self._polygons.setdefault((outline.z, outline.t), []).append(outline)
        self._edges: dict[tuple[Plane, ...], Edges] = {}
        self._boxes: dict[tuple[Plane, ...], IntArray] = {}

    def plane(self, sample_idx: int) -> tuple[Plane, ...]:
        """Return the planes whose polygons hold for a sample; Z and T are 0 where the image has none."""
        at: dict[str, int] = {}
        for letter, n in reversed(self._samples):
            sample_idx, at[letter] = divmod(sample_idx, n)
        z = None if len(self._size) == 3 else at.get("Z", 0)
        return tuple(plane for plane in self._polygons if plane[1] in (None, at.get("T", 0)) and _holds(plane, z))

    def boxes(self, sample_idx: int) -> IntArray:
        """Return boxes that hold the region, one around each polygon: starts and stops, (2, n, ndim) in (Z)YX pixels.

        They are whole pixels of the image, and a little larger than need be.
        """
        planes = self.plane(sample_idx)
        if planes not in self._boxes:
            self._boxes[planes] = self._boxes_around([one for plane in planes for one in self._polygons[plane]])
        return self._boxes[planes]

    def _boxes_around(self, outlines: Sequence[Outline]) -> IntArray:
        if not outlines:
            return np.zeros((2, 0, len(self._size)), np.int64)
        lengths = [sum(map(len, outline.rings)) for outline in outlines]
        points, first = np.concatenate([ring for outline in outlines for ring in outline.rings]), np.cumsum(lengths)
        first -= lengths
        # where edges cross rows is rounded, the more the farther away their ends are
        slack = 1 + np.maximum.reduceat(np.abs(points), first).max(axis=1, keepdims=True) / 2**40
        start = np.minimum.reduceat(points, first) - slack
        stop = np.ceil(np.maximum.reduceat(points, first) + slack)
        flat = np.stack([start, stop]).clip(0, self._size[-2:]).astype(np.int64)
        if len(self._size) == 2:
            return flat
        depths = np.array([outline.z or (0, self._size[0]) for outline in outlines], np.int64).clip(0, self._size[0])
        return np.concatenate([depths.T[..., np.newaxis], flat], axis=2)

    def counts(self, sample_idx: int, starts: IntArray, stops: IntArray) -> IntArray:
        """Return how many pixels of boxes are in the region, see `Region.counts`."""
        planes = self.plane(sample_idx)
        if len(self._size) == 2:
            return self._count_flat(planes, starts, stops)
        counts = np.zeros(len(starts), np.int64)
        for low, high in self._slabs(planes):
            depth = np.minimum(stops[:, 0], high) - np.maximum(starts[:, 0], low)
            there = np.flatnonzero(depth > 0)
            here = tuple(plane for plane in planes if _holds(plane, low))
            counts[there] += depth[there] * self._count_flat(here, starts[there, 1:], stops[there, 1:])
        return counts

    def _count_flat(self, planes: tuple[Plane, ...], starts: IntArray, stops: IntArray) -> IntArray:
        if planes not in self._edges:
            rings = [outline.rings for plane in planes for outline in self._polygons[plane]]
            self._edges[planes] = Edges.of(rings, self._size[-2])
        return count_inside(self._edges[planes], self._size[-1], starts, stops)

    def _slabs(self, planes: Sequence[Plane]) -> list[tuple[int, int]]:
        """Return ranges of Z in which the polygons do not change."""
        depth = self._size[0]
        ends = {end for z, _ in planes for end in z or () if 0 < end < depth}
        return list(pairwise(sorted({0, depth} | ends)))


def _holds(plane: Plane, z: int | None) -> bool:
    """Tell whether the polygons of a plane hold for a slice; None means that any will do."""
    return z is None or plane[0] is None or plane[0][0] <= z < plane[0][1]


class MaskRegion:
    """Where a mask, at the same or a lower resolution, is not 0 in any channel."""

    def __init__(self, mask: ImageSource, size: Shape) -> None:
        self._mask = mask
        self._axes = scaled_axes(size, mask.data_shape[2:])
        chunks = mask.chunks or (1,) * len(mask.shape)
        self._chunk = np.array([max(1, chunks[axis]) for axis in mask.layout.spatial], np.int64)

    def plane(self, sample_idx: int) -> Hashable:
        """Return the mask's sample."""
        return companion_sample(self._mask, sample_idx)

    def counts(self, sample_idx: int, starts: IntArray, stops: IntArray) -> IntArray:
        """Return how many pixels of boxes are in the region, see `Region.counts`."""
        counts = np.zeros(len(starts), np.int64)
        if not len(starts):
            return counts
        owner, low, high = self._pieces(starts, stops)
        spans = [axis.span(low[:, i], high[:, i]) for i, axis in enumerate(self._axes)]
        first, last = (np.stack(ends, axis=1) for ends in zip(*spans, strict=True))
        sample = companion_sample(self._mask, sample_idx)
        for block in clusters(first, last - first, self._chunk, MAX_PIXELS):
            inside = _not_zero(self._mask.read(sample, block.start, block.size))
            rows = block.members
            np.add.at(counts, owner[rows], box_sums(self._axes, inside, low[rows], high[rows], block.start))
        return counts

    def _pieces(self, starts: IntArray, stops: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Cut boxes into pieces that can be read at once; return each one's box, start and stop."""
        owner = np.arange(len(starts))
        side = 1 << (MAX_PIXELS.bit_length() - 1) // len(self._axes)
        for i, axis in enumerate(self._axes):
            first, last = axis.span(starts[:, i], stops[:, i])
            n = (last - 1) // side - first // side + 1
            if (n == 1).all():
                continue
            again = np.repeat(np.arange(len(n)), n)
            number = np.arange(len(again)) - np.repeat(np.cumsum(n) - n, n) + (first // side)[again]
            owner, starts, stops = owner[again], starts[again], stops[again]
            starts[:, i] = np.maximum(starts[:, i], axis.first(number * side))
            stops[:, i] = np.minimum(stops[:, i], axis.first(np.minimum((number + 1) * side, axis.n)))
        return owner, starts, stops


def _not_zero(pixels: NDArray[Any]) -> BoolArray:
    """Return where any channel of C (Z) Y X is neither 0 nor NaN."""
    inside: BoolArray = ((pixels != 0) & (pixels == pixels)).any(axis=0)  # noqa: PLR0124 (NaN differs from itself)
    return inside

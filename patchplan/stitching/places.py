"""Which tiles touch a box of the output: by arithmetic on grids, from bins for any other table."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.grid import GridAxis
from patchplan.core.placing import Kept, Placed, Places, ScaledAxis, place
from patchplan.core.specs import IntArray, SpecTable

AXIS_COLUMNS = ("read", "length", "origin", "start", "stop")


class TilePlaces(Protocol):
    """The tiles of one image."""

    def touching(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> Placed:
        """Return the tiles of which some pixel lies in a box of the output, ordered by index."""


class GridPlaces:
    """Tiles of a complete grid over all samples of an image; only arrays per axis are kept.

    `first` is the index of the image's first tile. `axes` has the places along each axis.
    """

    def __init__(self, first: int, axes: Sequence[Places]) -> None:
        self.first = first
        self.axes = axes
        self.per_sample = prod(len(axis.read) for axis in axes)

    def along(self, start: Sequence[int], stop: Sequence[int]) -> list[range]:
        """Return per axis which tiles touch a box."""
        # starts and stops never fall along an axis, so that the tiles between two of them are a range
        return [
            range(
                int(np.searchsorted(axis.stop, begin, side="right")), int(np.searchsorted(axis.start, end, side="left"))
            )
            for axis, begin, end in zip(self.axes, start, stop, strict=True)
        ]

    def touching(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> Placed:
        """Return the tiles that touch a box, ordered by index."""
        runs = self.along(start, stop)
        grid = np.meshgrid(*(np.arange(run.start, run.stop) for run in runs), indexing="ij")
        index: IntArray = np.full(grid[0].shape, self.first + sample_idx * self.per_sample, np.int64)
        step = self.per_sample
        for axis, numbers in zip(self.axes, grid, strict=True):
            step //= len(axis.read)
            index += numbers * step
        flat = [numbers.ravel() for numbers in grid]
        columns = [
            np.stack([getattr(axis, name)[numbers] for axis, numbers in zip(self.axes, flat, strict=True)], axis=1)
            for name in AXIS_COLUMNS
        ]
        return Placed.of(index.ravel(), index.ravel(), columns, grid[0].shape)


def place_grid(
    scaled: Sequence[ScaledAxis],
    axes: Sequence[GridAxis],
    margin: Sequence[int],
    *,
    kept: bool,
    only: bool,
    alone: bool,
) -> list[Places]:
    """Return the places of a grid along each axis.

    Parameters
    ----------
    kept : bool
        Whether the plan says what is kept.
    only : bool
        Whether nothing else is used.
    alone : bool
        Whether tiles hold nothing else.
    """
    found = []
    for axis, grid, lost in zip(scaled, axes, margin, strict=True):
        i = np.arange(grid.n)
        starts, cuts = grid.starts(i), grid.cuts(i)
        keep = Kept(cuts - starts, cuts, grid.cuts(i + 1), only, np.full(grid.n, alone)) if kept else None
        found.append(place(axis, starts, np.full(grid.n, grid.patch), lost, keep))
    return found


def place_rows(
    scaled: Sequence[ScaledAxis],
    margin: Sequence[int],
    rows: tuple[IntArray, IntArray, SpecTable],
    *,
    only: bool,
    alone: NDArray[np.bool_],
) -> Placed:
    """Return the places of rows of a table: their indices, positions and specs, all of one image."""
    index, position, specs = rows
    placed: list[Places] = []
    for axis, (one, lost) in enumerate(zip(scaled, margin, strict=True)):
        kept = None
        if specs.stitch_coords is not None and specs.crop_size is not None and specs.crop_coords is not None:
            begin = specs.stitch_coords[:, axis]
            kept = Kept(specs.crop_coords[:, axis], begin, begin + specs.crop_size[:, axis], only, alone)
        placed.append(place(one, specs.coords[:, axis], specs.patch_size[:, axis], lost, kept))
    columns = [np.stack([getattr(one, name) for one in placed], axis=1) for name in AXIS_COLUMNS]
    return Placed.of(index, position, columns)


Records = NDArray[np.int64]


class BinnedPlaces:
    """Tiles of any table, sorted into the blocks of the output that they touch.

    Two passes over the table, counting and then filling, put a record of every tile into the bin of each block
    it touches. Records lie in a file of `scratch` where there are more than a few, so that memory is bounded.

    Parameters
    ----------
    n_samples : int
    spatial, block : sequence of int
        Pixels of the output and of its blocks, (Z)YX.
    batches : callable
        Returns the pieces of the table; called twice.
    scratch : Path
        A folder for the file.
    """

    IN_MEMORY = 1 << 16

    def __init__(
        self, n_samples: int, spatial: Sequence[int], block: Sequence[int], tiles: "Pieces", scratch: Path
    ) -> None:
        self.block = tuple(block)
        self.grid = tuple(-(-n // size) for n, size in zip(spatial, block, strict=True))
        counts = np.zeros(n_samples * prod(self.grid), np.int64)
        for sample_idx, placed in tiles.pieces():
            for bins, _ in self._touched(sample_idx, placed):
                counts += np.bincount(bins, minlength=len(counts))
        self.bounds = np.concatenate([[0], np.cumsum(counts)])
        self.most = int(counts.max(initial=0))
        width = 2 + len(AXIS_COLUMNS) * len(self.block)
        shape = (int(self.bounds[-1]), width)
        if shape[0] <= self.IN_MEMORY:
            self.records: Records = np.empty(shape, np.int64)
        else:
            self.records = np.memmap(scratch / "tiles.bin", np.int64, "w+", shape=shape)
        self._fill(tiles)

    def _fill(self, tiles: "Pieces") -> None:
        filled = self.bounds[:-1].copy()
        for sample_idx, placed in tiles.pieces():
            columns = [placed.index[:, None], placed.position[:, None]]
            records = np.concatenate(columns + [getattr(placed, name) for name in AXIS_COLUMNS], axis=1)
            for bins, rows in self._touched(sample_idx, placed):
                order = np.argsort(bins, kind="stable")
                ordered = bins[order]
                first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
                starts = np.flatnonzero(first)
                within = np.arange(len(ordered)) - np.repeat(starts, np.diff([*starts, len(ordered)]))
                self.records[filled[ordered] + within] = records[rows[order]]
                np.add.at(filled, bins, 1)

    def _touched(self, sample_idx: IntArray, placed: Placed) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield pairs of bin and row: first the bins where tiles begin, then their neighbours, step by step."""
        block = np.array(self.block)
        first, last = placed.start // block, (placed.stop - 1) // block
        some = (placed.stop > placed.start).all(axis=1)
        reach = (last - first)[some].max(axis=0, initial=0)
        for step in product(*(range(int(n) + 1) for n in reach)):
            place = first + step
            rows = np.flatnonzero(some & (place <= last).all(axis=1))
            if len(rows):
                yield self._number(sample_idx[rows], place[rows]), rows

    def _number(self, sample_idx: IntArray, place: IntArray) -> IntArray:
        number = sample_idx
        for axis, n in enumerate(self.grid):
            number = number * n + place[:, axis]
        return number

    def touching(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> Placed:
        """Return the tiles that touch a box, ordered by index."""
        ranges = [range(a // n, -(-b // n)) for a, b, n in zip(start, stop, self.block, strict=True)]
        blocks = np.array(list(product(*ranges)), np.int64).reshape(-1, len(self.block))
        bins = self._number(np.full(len(blocks), sample_idx, np.int64), blocks)
        found = [np.asarray(self.records[self.bounds[one] : self.bounds[one + 1]]) for one in bins.tolist()]
        records = np.concatenate(found)
        _, chosen = np.unique(records[:, 0], return_index=True)
        records = records[chosen]
        ndim = len(self.block)
        columns = [records[:, 2 + i * ndim : 2 + (i + 1) * ndim] for i in range(len(AXIS_COLUMNS))]
        placed = Placed.of(records[:, 0], records[:, 1], columns)
        inside = (placed.start < np.array(stop)) & (placed.stop > np.array(start))
        return placed.where(np.all(inside, axis=1))


class Pieces(Protocol):
    """A table that can be read again."""

    def pieces(self) -> Iterator[tuple[IntArray, Placed]]:
        """Yield `sample_idx` and places of rows, in pieces."""

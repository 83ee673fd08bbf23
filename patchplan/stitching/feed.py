"""Tiles put together as they come, in any order: a block is written when its last tile is there."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import AuditError, TilesError
from patchplan.stitching.canvases import Canvas
from patchplan.stitching.engine import Buffer, ImageWork, Progress, Task, check_memory, do_box
from patchplan.stitching.findings import some
from patchplan.stitching.held import HeldTiles
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.lookup import Lookup
from patchplan.stitching.places import GridPlaces, TilePlaces
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import NUMBERS


class Blocks:
    """The blocks of one image, and how many tiles each still waits for."""

    def __init__(self, places: TilePlaces, n_samples: int, spatial: Sequence[int], block: Sequence[int]) -> None:
        self.spatial, self.block = tuple(spatial), tuple(block)
        self.grid = tuple(-(-n // size) for n, size in zip(spatial, block, strict=True))
        self.waiting = np.broadcast_to(self._planned(places), (n_samples, *self.grid)).copy()
        self.written = np.zeros((n_samples, *self.grid), np.bool_)

    def _planned(self, places: TilePlaces) -> IntArray:
        if not isinstance(places, GridPlaces):
            bounds: IntArray = places.bounds  # type: ignore[attr-defined]
            return np.diff(bounds).reshape(-1, *self.grid)
        counts = np.ones((1,) * len(self.grid), np.int64)
        for axis, (n, size, pixels) in enumerate(zip(self.grid, self.block, self.spatial, strict=True)):
            starts = np.arange(n) * size
            one = places.axes[axis]
            first = np.searchsorted(one.stop, starts, side="right")
            last = np.searchsorted(one.start, np.minimum(starts + size, pixels), side="left")
            counts = counts * (last - first).reshape([-1 if i == axis else 1 for i in range(len(self.grid))])
        return counts

    def touched(self, start: Sequence[int], stop: Sequence[int]) -> tuple[slice, ...]:
        """Return the blocks that a box touches; none if it is empty."""
        if any(b <= a for a, b in zip(start, stop, strict=True)):
            return (slice(0, 0),) * len(self.grid)
        return tuple(slice(a // n, -(-b // n)) for a, b, n in zip(start, stop, self.block, strict=True))

    def task(self, sample_idx: int, where: Sequence[int]) -> Task:
        """Return the box of a block."""
        start = tuple(i * n for i, n in zip(where, self.block, strict=True))
        stop = tuple(min(a + n, size) for a, n, size in zip(start, self.block, self.spatial, strict=True))
        return Task(0, sample_idx, start, stop)


class ImageFeed:
    """One image that is being filled."""

    def __init__(self, feed: "Feed", output: Output, canvas: Canvas) -> None:
        self.feed, self.output, self.canvas = feed, output, canvas
        job = feed.job
        self.work: ImageWork = job.assembly.work(output.data_idx, output.rules, canvas, feed.tiles, feed.scratch)
        check_memory([self.work], job.assembly.options.memory, 1, part=2)
        frame = canvas.frame
        self.blocks = Blocks(self.work.renderer.places, frame.n_samples, frame.spatial, canvas.block)
        self.filled = 0
        self.left = int(self.blocks.written.size)

    def add(self, sample_idx: int, position: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Count a tile that has come, and write the blocks that now have all of theirs."""
        ranges = self.blocks.touched(start, stop)
        here: tuple[int | slice, ...] = (sample_idx, *ranges)
        self.feed.needed[position] = prod(piece.stop - piece.start for piece in ranges)
        if not self.feed.needed[position]:
            self.feed.release(position)
            return
        self.blocks.waiting[here] -= 1
        for offset in np.argwhere(self.blocks.waiting[here] == 0).tolist():
            self.write(sample_idx, [piece.start + i for piece, i in zip(ranges, offset, strict=True)])

    def write(self, sample_idx: int, where: Sequence[int]) -> None:
        """Write a block with the tiles that are there."""
        task = self.blocks.task(sample_idx, where)
        self.filled += do_box(self.work, task, self.feed.buffer)
        self.blocks.written[(sample_idx, *where)] = True
        self.left -= 1
        self.feed.count(task.pixels)
        placed = self.work.renderer.places.touching(sample_idx, task.start, task.stop)
        for position in placed.position[self.feed.tiles.present[placed.position]].tolist():
            self.feed.needed[position] -= 1
            if not self.feed.needed[position]:
                self.feed.release(position)

    def write_rest(self) -> None:
        """Write the blocks that have not all of their tiles."""
        for sample_idx, *where in np.argwhere(~self.blocks.written).tolist():
            self.write(sample_idx, where)


class Feed:
    """All images of a plan, filled by tiles in any order.

    Parameters
    ----------
    job : StitchJob
        Its tiles are `HeldTiles`, all absent at first.
    place : Path or None
        Where outputs grow.
    """

    def __init__(self, job: StitchJob, place: Path | None, scratch: Path, progress: Progress | None) -> None:
        self.job, self.place, self.scratch = job, place, scratch
        tiles = job.auditor.tiles
        assert isinstance(tiles, HeldTiles)  # noqa: S101
        self.tiles: HeldTiles = tiles
        tiles.spill_to(scratch)
        self.buffer = Buffer()
        self.needed: dict[int, int] = {}
        self._images: dict[int, ImageFeed] = {}
        self._finished: dict[int, tuple[Output, int, Any]] = {}
        self._progress, self._done = progress, 0
        self._total = job.n_pixels
        self._lookup = Lookup(job.auditor, grid=job.assembly.audit.grid, scratch=scratch)

    def add(self, indices: Any, tiles: Any) -> None:
        """Take tiles (k C (Z) Y X), or one, by their indices.

        Raises
        ------
        TilesError
            If an index is unknown or was there before, or a tile does not fit; the tiles before it are taken.
        """
        numbers = [indices] if np.ndim(indices) == 0 else list(indices)
        arrays = [tiles] if np.ndim(indices) == 0 else list(tiles)
        if len(numbers) != len(arrays):
            raise TilesError(f"{len(numbers)} indices and {len(arrays)} tiles were given; allowed: as many of each")
        positions = self._lookup.positions(numbers)
        for (position, specs), tile in zip(self._lookup.specs(positions), arrays, strict=True):
            self._take(position, specs, np.asarray(tile))

    def _take(self, position: int, specs: SpecTable, tile: NDArray[Any]) -> None:
        index = int(self._lookup.index[position])
        if self.tiles.present[position]:
            raise TilesError(f"tile {index} was added already; allowed: each tile once")
        data_idx = int(specs.data_idx[0])
        form = TileForm(tuple(tile.shape), tile.dtype.newbyteorder("="))
        self._check(index, data_idx, specs, form)
        if data_idx in self._finished:  # a tile of which no pixel is used
            self.tiles.present[position] = True
            self.job.assembly.audit.images[data_idx].n_present += 1
            return
        image = self._image(data_idx)
        self.tiles.put(position, tile.astype(form.dtype, copy=False))
        audit = self.job.assembly.audit.images[data_idx]
        audit.n_present += 1
        placed = self.job.auditor.placed(data_idx, (np.array([index]), np.array([position]), specs))
        image.add(int(specs.sample_idx[0]), position, placed.start[0].tolist(), placed.stop[0].tolist())
        if not image.left:
            self._finish(data_idx)

    def _check(self, index: int, data_idx: int, specs: SpecTable, form: TileForm) -> None:
        """Refuse a tile that does not fit the plan or its image's first tile, which decides how all are."""
        auditor, audit = self.job.auditor, self.job.assembly.audit.images[data_idx]
        if form.dtype.kind not in NUMBERS:
            raise TilesError(f"tile {index} is of type {form.dtype}; allowed: numbers and bool")
        if len(form.shape) != specs.ndim + 1:
            raise TilesError(f"tile {index} has shape {form.shape}; allowed: {specs.ndim + 1} axes, C and space")
        full, kept = auditor.expected(data_idx, specs)
        whole = tuple(full[0].tolist()) == form.shape[1:]
        alone = not whole and kept is not None and tuple(kept[0].tolist()) == form.shape[1:]
        first = audit.form or form
        if form.dtype != first.dtype or form.shape[0] != first.shape[0] or not (whole or alone):
            sizes = " or ".join(str(tuple(one[0].tolist())) for one in (full, kept) if one is not None)
            raise TilesError(f"tile {index} is {form}; allowed: {first.shape[0]} channels of {sizes}, {first.dtype}")
        if audit.form is None:
            audit.form, audit.whole, audit.alone = form, whole, alone
            audit.largest = int(full[0].prod())
        elif audit.whole != whole:
            raise TilesError(f"tile {index} is {form}; the first of its image had another part of the patch")

    def _image(self, data_idx: int) -> ImageFeed:
        """Return an image, begun with its first tile."""
        if data_idx not in self._images:
            output = self.job.output(data_idx)
            canvas = self.job.open_canvas(output, self.place)
            self._images[data_idx] = ImageFeed(self, output, canvas)
        return self._images[data_idx]

    def _finish(self, data_idx: int) -> None:
        image = self._images.pop(data_idx)
        image.canvas.finish(self._progress)
        self._finished[data_idx] = image.output, image.filled, self.job.array_of(image.canvas)

    def release(self, position: int) -> None:
        """Forget a tile that is in all its blocks."""
        del self.needed[position]
        self.tiles.drop(position)

    def count(self, pixels: int) -> None:
        """Tell how far it is."""
        self._done += pixels
        if self._progress is not None:
            self._progress("pixels", self._done, self._total)

    def close(self) -> list[tuple[Output, int, Any]]:
        """Write what is left where tiles may be missing; return outputs, pixels not covered, and arrays.

        Raises
        ------
        AuditError
            If tiles are missing that must not be.
        """
        absent = np.asarray(self._lookup.index)[~self.tiles.present]
        audit = self.job.assembly.audit
        audit.missing = np.sort(absent)
        if len(absent) and not self.job.assembly.options.allow_missing:
            raise AuditError(
                f"{len(absent):,} of {self.tiles.n:,} tiles are missing: {some(audit.missing.tolist())}",
                audit.missing.tolist(),
            )
        for data_idx, image in enumerate(audit.images):
            if data_idx not in self._finished:
                image.form = self.job.assembly.form_of(data_idx)
                self._image(data_idx).write_rest()
                self._finish(data_idx)
        return [self._finished[data_idx] for data_idx in range(len(audit.images))]

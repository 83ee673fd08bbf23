"""Tiles put together as they come, in any order: a block is written when its last tile is there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import AuditError, TilesError
from patchplan.objects import Location
from patchplan.publish.names import run_folder
from patchplan.stitching.audit import ImageRows
from patchplan.stitching.blocks import Blocks
from patchplan.stitching.canvases import Canvas
from patchplan.stitching.engine import Buffer, Progress, do_box
from patchplan.stitching.findings import some
from patchplan.stitching.held import HeldTiles
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.ledger import ImageLedger, Ledger
from patchplan.stitching.lookup import Lookup
from patchplan.stitching.running import is_whole
from patchplan.stitching.told import Told
from patchplan.stitching.work import ImageWork, check_memory
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import NUMBERS


class ImageFeed:
    """One image that is being filled."""

    def __init__(self, feed: "Feed", output: Output, canvas: Canvas, ledger: ImageLedger) -> None:
        self.feed, self.output, self.canvas, self.ledger = feed, output, canvas, ledger
        job, frame = feed.job, canvas.frame
        ledger.open(frame.n_samples, frame.spatial, canvas.block, canvas.stamp)
        self.work: ImageWork = job.assembly.work(
            output.data_idx, output.rules, canvas, ledger, feed.tiles, feed.scratch
        )
        check_memory([self.work], job.assembly.options.memory, 1, part=2)
        self.blocks = Blocks(self.work.renderer.places, frame.spatial, canvas.block, ledger.done.copy())
        self.left = int(self.blocks.written.size - np.count_nonzero(self.blocks.written))
        feed.count(output.n_pixels - self.work.n_todo)

    def add(self, sample_idx: int, position: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Count a tile that has come, and write the blocks that now have all of theirs."""
        ranges = self.blocks.touched(start, stop)
        here: tuple[int | slice, ...] = (sample_idx, *ranges)
        self.feed.needed[position] = int(np.count_nonzero(~self.blocks.written[here]))
        if not self.feed.needed[position]:
            self.feed.release(position)
            return
        self.blocks.waiting[here] -= 1
        for offset in np.argwhere((self.blocks.waiting[here] == 0) & ~self.blocks.written[here]).tolist():
            self.write(sample_idx, [piece.start + i for piece, i in zip(ranges, offset, strict=True)])

    def write(self, sample_idx: int, where: Sequence[int]) -> None:
        """Write a block with the tiles that are there."""
        task = self.blocks.task(sample_idx, where)
        do_box(self.work, task, self.feed.buffer)
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
    place : Location or None
        Where outputs grow.
    ledger : Ledger
        What a stopped run has written.
    published : bool
        Whether that was all, and the outputs have their names.
    """

    def __init__(
        self,
        job: StitchJob,
        place: Location | None,
        ledger: Ledger,
        scratch: Path,
        progress: Progress | None,
        *,
        published: bool = False,
    ) -> None:
        self.job, self.place, self.ledger, self.scratch = job, place, ledger, scratch
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
        self._written: NDArray[np.bool_] = np.zeros(tiles.n, np.bool_)
        self._told = None if place is None else Told(run_folder(place))
        self._lacking = np.zeros(tiles.n, np.bool_)
        begun = [] if self._told is None else self._told.begun(job.assembly.audit.images)
        if self._told is not None:
            self._lacking[self._told.lacking()] = True
        for data_idx in begun if not published else ():
            self._go_on(data_idx)
        if published:
            self._take_all()

    @property
    def wanted(self) -> IntArray:
        """Indices of the tiles that have not come and are needed, ascending."""
        return np.sort(np.asarray(self._lookup.index)[~self.tiles.present & ~self._lacking])

    def _take_all(self) -> None:
        """Take all for done, as a stopped run has done it."""
        self._written[:] = self.tiles.present[:] = ~self._lacking
        for data_idx, image in enumerate(self.job.assembly.audit.images):
            image.n_present, ledger = image.n_planned, self.ledger.image(data_idx)
            ledger.take_finished()
            self._finished[data_idx] = self.job.output(data_idx), ledger.filled, None

    def _go_on(self, data_idx: int) -> None:
        """Take tiles for come that are in written blocks only."""
        output, ledger = self.job.output(data_idx), self.ledger.image(data_idx)
        audit = self.job.assembly.audit.images[data_idx]
        if is_whole(self.job, output, ledger, self.place):
            self._finished[data_idx] = output, ledger.filled, None
        image = None if data_idx in self._finished else self._image(data_idx)
        rows = ImageRows(self.job.auditor, data_idx, range(*audit.rows), alone=audit.alone and not audit.whole)
        for sample_idx, placed in rows.pieces():
            written = np.ones(len(sample_idx), np.bool_) if image is None else image.blocks.has(sample_idx, placed)
            written &= ~self._lacking[placed.position]
            self._written[placed.position[written]] = True
            audit.n_present += int(written.sum())
        self.tiles.present |= self._written
        if image is not None and not image.left:
            self._finish(data_idx)

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
        if self._written[position] or self._lacking[position]:  # by, or of, the run that was stopped
            return
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
            if self._told is not None:
                image = self.job.assembly.audit.images[data_idx]
                self._told.tell_image(data_idx, image, self.job.assembly.form_of(data_idx))
            self._images[data_idx] = ImageFeed(self, output, canvas, self.ledger.image(data_idx))
        return self._images[data_idx]

    def _finish(self, data_idx: int) -> None:
        image = self._images.pop(data_idx)
        image.canvas.finish(image.ledger, self._progress)
        self._finished[data_idx] = image.output, image.ledger.filled, self.job.array_of(image.canvas)

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
        if len(absent) and self._told is not None:
            self._told.tell_lacking(np.flatnonzero(~self.tiles.present))
        for data_idx, image in enumerate(audit.images):
            if data_idx not in self._finished:
                image.form = self.job.assembly.form_of(data_idx)
                self._image(data_idx).write_rest()
                self._finish(data_idx)
        return [self._finished[data_idx] for data_idx in range(len(audit.images))]

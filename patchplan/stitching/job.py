"""One stitch from the audited plan to published outputs."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.journal import Identity, Recording, Records, recorded
from patchplan.publish import Growth
from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Auditor
from patchplan.stitching.canvases import Canvas, CanvasOptions, check_options, open_canvas
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.canvases.memory import MemoryCanvas
from patchplan.stitching.canvases.npy import is_begun
from patchplan.stitching.canvases.ome_tiff import scratch_of
from patchplan.stitching.destination import Destination
from patchplan.stitching.engine import Counted, Progress, Run
from patchplan.stitching.frame import Frame
from patchplan.stitching.identity import check_tiles
from patchplan.stitching.ledger import ImageLedger, Ledger
from patchplan.stitching.render import PixelRules
from patchplan.stitching.result import BadTile, StitchedImage, StitchResult
from patchplan.stitching.target import Target

IMAGES_PER_WORKER = 8
"""Outputs that are open at a time, so that workers have something to do and files stay few."""


@dataclass(frozen=True)
class Output:
    """One image to write."""

    data_idx: int
    rules: PixelRules
    frame: Frame
    path: Path | None

    @property
    def n_pixels(self) -> int:
        """Pixels, channels counted once."""
        return self.frame.n_samples * prod(self.frame.spatial)


@dataclass(frozen=True)
class StitchJob:
    """What is to be stitched, how, and where to.

    Parameters
    ----------
    assembly : Assembly
        The plan, its tiles, what the audit found and what the user asked for.
    target : Target
    storage : CanvasOptions
    identity : Identity
        What only the same run goes on with.
    overwrite, resume : bool
        Whether to replace an output, and to go on with one that a stopped run left.
    """

    assembly: Assembly
    target: Target
    storage: CanvasOptions
    identity: Identity
    overwrite: bool = False
    resume: bool = False

    @property
    def auditor(self) -> Auditor:
        """The plan's rows and tiles."""
        return self.assembly.auditor

    @cached_property
    def destination(self) -> Destination:
        """Where the outputs go."""
        return Destination(self.target, tuple(self.auditor.plan.images), self.overwrite)

    def output(self, data_idx: int) -> Output:
        """Return one output, checked.

        Raises
        ------
        ConfigError, TilesError
            If tiles, options and format do not go together.
        """
        rules = self.assembly.rules_of(data_idx)
        name = PurePosixPath(self.destination.names[data_idx]).name.removesuffix(".npy")
        name = name.removesuffix(".tif").removesuffix(".zarr").removesuffix(".ome")
        frame = self.assembly.frame(self.target.kind, data_idx, rules, name)
        check_options(self.target.kind, frame, self.storage)
        return Output(data_idx, rules, frame, self.destination.path_of(data_idx))

    def outputs(self) -> list[Output]:
        """Return all outputs; nothing is written before."""
        return [self.output(data_idx) for data_idx in range(len(self.auditor.plan.images))]

    @property
    def n_pixels(self) -> int:
        """Pixels of all outputs, channels counted once."""
        return sum(
            shape[0] * prod(axis.n for axis in axes)
            for shape, axes in zip(self.auditor.plan.data_shapes, self.auditor.axes, strict=True)
        )

    def run(self, progress: Progress | None = None) -> StitchResult:
        """Write all outputs, and publish them together.

        Raises
        ------
        AuditError
            If a tile cannot be read after all.
        OutputError
            If an output cannot be written.
        """
        outputs = self.outputs()
        with self.destination.growing(resume=self.resume, shared=False) as growth:
            if growth is None:
                return self._fill(outputs, None, Ledger(), progress)
            with self.recorded(growth) as recording:
                ledger = Ledger(recording.journal, recording.records, resumed=growth.resumed)
                if recording.published:
                    return self.told(outputs, ledger)
                result = self._fill(outputs, growth.place, ledger, progress)
                ledger.complete()
            return result

    def recorded(self, growth: Growth) -> AbstractContextManager[Recording]:
        """Record what is done, or go on with what a stopped run recorded."""

        def usable(records: Records) -> Records:
            """Leave out .npy files that are not there any more: nothing else tells of it."""
            if self.target.kind != "npy":
                return records
            paths = {i: self.destination.path_of(i) for i in np.unique(records["image"]).tolist()}
            gone = [i for i, path in paths.items() if path is None or not is_begun(growth.place / path)]
            return records[~np.isin(records["image"], gone)]

        advice = f"what is done stays in {growth.partial}: use --resume to go on, or --overwrite to begin anew"
        return recorded(growth, self.identity, advice, check_tiles, usable=usable)

    def _fill(
        self, outputs: Sequence[Output], place: Path | None, ledger: Ledger, progress: Progress | None
    ) -> StitchResult:
        """Fill and finish all outputs, some at a time."""
        done = Counted(progress, self.n_pixels)
        filled: list[int] = []
        arrays: list[NDArray[Any]] = []
        size = self.assembly.options.workers * IMAGES_PER_WORKER
        for first in range(0, len(outputs), size):
            some = outputs[first : first + size]
            ledgers = [ledger.image(one.data_idx) for one in some]
            for canvas, mine in self._write(some, ledgers, place, done):
                canvas.finish(mine, progress)
                arrays += [array for array in [self.array_of(canvas)] if array is not None]
            filled += [mine.filled for mine in ledgers]
        return self.done(list(zip(outputs, filled, strict=True)), arrays)

    def told(self, outputs: Sequence[Output], ledger: Ledger) -> StitchResult:
        """Return what was written by a run that was stopped when all was done."""
        ledgers = [ledger.image(one.data_idx) for one in outputs]
        found = [(one, mine.filled if mine.take_finished() else 0) for one, mine in zip(outputs, ledgers, strict=True)]
        return self.done(found, [])

    def done(self, written: Sequence[tuple[Output, int]], arrays: Sequence[NDArray[Any]]) -> StitchResult:
        """Return what was written: outputs with their numbers of pixels that no tile covers."""
        images = [self.image(*one) for one in written]
        result = self.result(images, self._notes([output for output, _ in written]))
        result._arrays = tuple(arrays)
        return result

    def _write(
        self, outputs: Sequence[Output], ledgers: Sequence[ImageLedger], place: Path | None, progress: Counted
    ) -> list[tuple[Canvas, ImageLedger]]:
        """Fill some outputs; return the canvases that are to be finished, and what is known of their blocks."""
        options = self.assembly.options
        opened = [
            (one, self.open_canvas(one, place), mine)
            for one, mine in zip(outputs, ledgers, strict=True)
            if not self.is_finished(one, mine, place)
        ]
        progress.skip(sum(one.n_pixels for one in outputs) - sum(one.n_pixels for one, _, _ in opened))
        for _, canvas, mine in opened:
            mine.open(canvas.frame.n_samples, canvas.frame.spatial, canvas.block, canvas.stamp)
        with self.destination.scratch(place) as scratch:
            works = [
                self.assembly.work(one.data_idx, one.rules, canvas, mine, self.auditor.tiles, scratch)
                for one, canvas, mine in opened
            ]
            progress.skip(sum(work.n_pixels - work.n_todo for work in works))
            Run(works, options.memory, options.workers, progress).run()
            works.clear()
        return [(canvas, mine) for _, canvas, mine in opened]

    def is_finished(self, output: Output, ledger: ImageLedger, place: Path | None) -> bool:
        """Tell whether an earlier run finished an output that is one file: its blocks are not there any more."""
        if self.target.kind != "ome-tiff" or place is None or output.path is None:
            return False
        path = place / output.path
        if not ledger.take_finished([path]):
            return False
        shutil.rmtree(scratch_of(path), ignore_errors=True)  # it may have been stopped before
        return True

    def open_canvas(self, output: Output, place: Path | None) -> Canvas:
        """Begin an output."""
        threads = self.assembly.options.workers
        storage = replace(self.storage, token=f"{self.storage.token} {self.destination.names[output.data_idx]}")
        return open_canvas(self.target.kind, self.destination.grow(output.path, place), output.frame, storage, threads)

    def array_of(self, canvas: Canvas) -> NDArray[Any] | None:
        """Return the array that an output is, where no file is written."""
        return canvas.array if self.target.kind == "memory" and isinstance(canvas, MemoryCanvas) else None

    def image(self, output: Output, filled: int) -> StitchedImage:
        """Return what is told of one output."""
        path = None if self.target.path is None or output.path is None else self.target.path / output.path
        return StitchedImage(
            data_idx=output.data_idx,
            uri=None if path is None else str(path),
            shape=output.frame.shape,
            axes=output.frame.axes,
            dtype=output.frame.dtype.name,
            levels=self._n_levels(output.frame),
            n_tiles=self.assembly.audit.images[output.data_idx].n_present,
            filled=filled,
        )

    def _n_levels(self, frame: Frame) -> int:
        kind = self.target.kind
        if kind not in ("ome-zarr", "ome-tiff"):
            return 1
        return len(make_levels(frame, self.storage.levels, halve_z=kind == "ome-zarr"))

    def planned(self) -> StitchResult:
        """Return what `run` would do."""
        self.destination.check_free()
        outputs = self.outputs()
        return self.result([self.image(one, 0) for one in outputs], self._notes(outputs))

    def _notes(self, outputs: Sequence[Output]) -> list[str]:
        said = self.assembly.notes([one.rules for one in outputs])
        said += [note for one in outputs for note in one.frame.notes]
        return list(dict.fromkeys([*said, *self.auditor.tiles.notes]))

    def result(self, images: Sequence[StitchedImage], notes: Sequence[str]) -> StitchResult:
        """Return what was done or found."""
        audit = self.assembly.audit
        return StitchResult(
            plan=str(self.auditor.plan.path),
            blend=self.assembly.options.blend,
            n_tiles=audit.n_present,
            outputs=tuple(images),
            missing=tuple(audit.missing.tolist()),
            duplicate=tuple(audit.duplicate.tolist()),
            bad=tuple(BadTile(index=index, why=why) for index, why in audit.bad),
            missing_output=None,
            notes=tuple(notes),
        )

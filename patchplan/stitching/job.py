"""One stitch from the audited plan to published outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Auditor
from patchplan.stitching.canvases import Canvas, CanvasOptions, check_options, open_canvas
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.canvases.memory import MemoryCanvas
from patchplan.stitching.destination import Destination
from patchplan.stitching.engine import Counted, Progress, Run
from patchplan.stitching.frame import Frame
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


@dataclass(frozen=True)
class StitchJob:
    """What is to be stitched, how, and where to.

    Parameters
    ----------
    assembly : Assembly
        The plan, its tiles, what the audit found and what the user asked for.
    target : Target
    storage : CanvasOptions
    overwrite : bool
        Whether to replace an output.
    """

    assembly: Assembly
    target: Target
    storage: CanvasOptions
    overwrite: bool = False

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
        done = Counted(progress, self.n_pixels)
        filled: list[int] = []
        arrays: list[NDArray[Any]] = []
        size = self.assembly.options.workers * IMAGES_PER_WORKER
        with self.destination.published() as place:
            for first in range(0, len(outputs), size):
                for canvas, missed in self._write(outputs[first : first + size], place, done):
                    canvas.finish(progress)
                    filled.append(missed)
                    arrays += [array for array in [self.array_of(canvas)] if array is not None]
        return self.done(list(zip(outputs, filled, strict=True)), arrays)

    def done(self, written: Sequence[tuple[Output, int]], arrays: Sequence[NDArray[Any]]) -> StitchResult:
        """Return what was written: outputs with their numbers of pixels that no tile covers."""
        images = [self.image(*one) for one in written]
        result = self.result(images, self._notes([output for output, _ in written]))
        result._arrays = tuple(arrays)
        return result

    def _write(self, outputs: Sequence[Output], place: Path | None, progress: Progress) -> Iterator[tuple[Canvas, int]]:
        """Fill some outputs and yield their canvases and numbers of pixels that no tile covers."""
        options = self.assembly.options
        canvases = [self.open_canvas(one, place) for one in outputs]
        with self.destination.scratch(place) as scratch:
            works = [
                self.assembly.work(one.data_idx, one.rules, canvas, self.auditor.tiles, scratch)
                for one, canvas in zip(outputs, canvases, strict=True)
            ]
            filled = Run(works, options.memory, options.workers, progress).run()
            works.clear()
        yield from zip(canvases, filled, strict=True)

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

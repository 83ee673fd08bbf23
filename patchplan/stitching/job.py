"""One stitch from the audited plan to published outputs."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from patchplan.journal import Identity
from patchplan.objects import Location
from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Auditor
from patchplan.stitching.canvases import Canvas, CanvasOptions, check_options, open_canvas
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.canvases.memory import MemoryCanvas
from patchplan.stitching.destination import Destination
from patchplan.stitching.findings import some
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import Ledger
from patchplan.stitching.render import PixelRules
from patchplan.stitching.result import BadTile, ShareResult, StitchedImage, StitchResult
from patchplan.stitching.shares import Share
from patchplan.stitching.target import Target


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

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel, all its channels."""
        return self.rules.out_channels * self.rules.dtype.itemsize

    @property
    def n_bytes(self) -> int:
        """Bytes of full resolution, before compression."""
        return self.n_pixels * self.pixel_bytes


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
    checksums : bool
        Whether to write checksums of the files.
    """

    assembly: Assembly
    target: Target
    storage: CanvasOptions
    identity: Identity
    overwrite: bool = False
    resume: bool = False
    checksums: bool = False

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

    def told(self, outputs: Sequence[Output], ledger: Ledger) -> StitchResult:
        """Return what was written by a run that was stopped when all was done."""
        ledgers = [ledger.image(one.data_idx) for one in outputs]
        found = [(one, mine.filled if mine.take_finished() else 0) for one, mine in zip(outputs, ledgers, strict=True)]
        return self.done(found, [])

    def there(self, outputs: Sequence[Output]) -> StitchResult:
        """Return what was there already."""
        images = [self.image(one, None) for one in outputs]
        note = (
            f"{self.target.path} is there already, of this plan and these options, and no tile is newer: nothing is "
            "left to do"
        )
        return self.result(images, [*self._notes(outputs), note])

    def share_done(self, share: Share, left: Sequence[int]) -> ShareResult:
        """Return what one share did; `left` are the numbers of those that are not done."""
        note = f"{len(left):,} of {share.parts:,} shares left to write: {some(left)}"
        if not left:
            command = shlex.join(
                ["patchplan", "stitch", str(self.auditor.plan.path), "--finish", str(self.target.path)]
            )
            note = f"all shares are done ({share.parts}); now: {command}"
        notes = [note]
        if self.target.path is not None and self.target.path.exists():
            notes.append(f"{self.target.path} exists: --finish will need --overwrite to replace it")
        found = self.result([], notes).model_dump()
        return ShareResult(**found, share=str(share), shares_left=tuple(left))

    def done(self, written: Sequence[tuple[Output, int]], arrays: Sequence[NDArray[Any]]) -> StitchResult:
        """Return what was written: outputs with their numbers of pixels that no tile covers."""
        images = [self.image(*one) for one in written]
        result = self.result(images, self._notes([output for output, _ in written]))
        result._arrays = tuple(arrays)
        return result

    def open_canvas(self, output: Output, place: Location | None) -> Canvas:
        """Begin an output."""
        threads, place = self.assembly.options.workers, self.destination.grow(output.path, place)
        return open_canvas(self.target.kind, place, output.frame, self.storage_of(output.data_idx), threads)

    def storage_of(self, data_idx: int) -> CanvasOptions:
        """Return how an output is stored."""
        return replace(self.storage, token=f"{self.storage.token} {self.destination.names[data_idx]}")

    def array_of(self, canvas: Canvas) -> NDArray[Any] | None:
        """Return the array that an output is, where no file is written."""
        return canvas.array if self.target.kind == "memory" and isinstance(canvas, MemoryCanvas) else None

    def image(self, output: Output, filled: int | None) -> StitchedImage:
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

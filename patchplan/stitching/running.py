"""Running a stitch, and going on where it was stopped."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.cluster import Session
from patchplan.errors import OutputError
from patchplan.journal import Recording, Records, recorded
from patchplan.objects import Location, ObjectPath
from patchplan.publish import Growth, clear, is_stopped
from patchplan.publish.checksums import manifest_of
from patchplan.stitching.canvases import Canvas
from patchplan.stitching.canvases.finished import is_finished, is_image
from patchplan.stitching.canvases.npy import is_begun
from patchplan.stitching.canvases.ome_tiff import scratch_of
from patchplan.stitching.engine import Counted, Progress, Run
from patchplan.stitching.identity import TILES, check_tiles
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.ledger import ImageLedger, Ledger
from patchplan.stitching.on_cluster import Elsewhere, compute, computing, pyramid_on
from patchplan.stitching.result import StitchResult
from patchplan.stitching.shares import Share
from patchplan.tiles.identity import newer

IMAGES_PER_WORKER = 8
"""Outputs that are open at a time, so that workers have something to do and files stay few."""

Pair = tuple[Output, ImageLedger]
Opened = tuple[Output, Canvas, ImageLedger]


def run(job: StitchJob, progress: Progress | None = None, elsewhere: Elsewhere | None = None) -> StitchResult:
    """Write all outputs, and publish them together; blocks are computed here, or `elsewhere`.

    Raises
    ------
    AuditError
        If a tile cannot be read after all.
    OutputError
        If an output cannot be written.
    """
    outputs = job.outputs()
    if job.resume and not job.overwrite and is_there(job):
        check_not_stale(job)
        return job.there(outputs)
    with job.destination.growing(resume=job.resume, shared=False) as growth:
        if growth is None:
            return fill(job, outputs, None, Ledger(), progress)
        with recorded_run(job, growth) as recording:
            ledger = Ledger(recording.journal, recording.records, resumed=growth.resumed)
            if recording.published:
                result = job.told(outputs, ledger)
            else:
                result = fill(job, outputs, growth.place, ledger, progress, elsewhere)
            seal(job, growth, recording, progress)
        return result.noted(recording.notes)


def seal(job: StitchJob, growth: Growth, recording: Recording, progress: Progress | None) -> None:
    """Write checksums where they were asked for, and note that all is done."""
    growth.has_checksums |= job.checksums
    growth.seal(job.assembly.options.workers, progress)
    recording.complete()


def recorded_run(job: StitchJob, growth: Growth, share: Share | None = None) -> AbstractContextManager[Recording]:
    """Record what is done, or go on with what a stopped run recorded."""

    def usable(records: Records) -> Records:
        """Leave out .npy files that are not there any more: nothing else tells of it."""
        if job.target.kind != "npy":
            return records
        paths = {i: job.destination.path_of(i) for i in np.unique(records["image"]).tolist()}
        gone = [i for i, path in paths.items() if path is None or not is_begun(growth.place / path)]
        return records[~np.isin(records["image"], gone)]

    stays, part = f"what is done stays in {growth.partial}", None if share is None else share.number
    advice = f"{stays}: use --resume to go on, or --overwrite to begin anew"
    if share is not None:
        advice = f"{stays}: use --share {share} --resume to go on"
    if growth.resumed and not job.overwrite:
        check_own(job, growth)
    return recorded(growth, job.identity, advice, check_tiles, usable=usable, part=part)


def check_own(job: StitchJob, growth: Growth) -> None:
    """Raise OutputError if what grows in its place has been replaced since the run was stopped."""
    if not isinstance(growth.place, ObjectPath):
        return  # nothing stands where it grows
    for data_idx in range(len(job.auditor.plan.images)):
        below, storage = job.destination.path_of(data_idx), job.storage_of(data_idx)
        if below is None:
            continue
        place = growth.place / below
        if is_image(place) and not is_finished(job.target.kind, place, storage):
            raise OutputError(
                f"{place}: another image has got this name since the run was stopped; use --overwrite to replace it, "
                "or another name"
            )


def is_there(job: StitchJob) -> bool:
    """Tell whether the outputs have their names already, and no run was stopped.

    Their UUID tells of plan and options. Tiles are not compared: see `check_not_stale`.
    """
    path = job.target.path
    if path is None:
        return False
    clear(path)  # a run may have been killed at its very last step
    if is_stopped(path) or not path.exists():
        return False
    for data_idx in range(len(job.auditor.plan.images)):
        below = job.destination.path_of(data_idx)
        if below is None or not is_finished(job.target.kind, path / below, job.storage_of(data_idx)):
            return False
    return True


def check_not_stale(job: StitchJob) -> None:
    """Raise OutputError if tiles are newer than outputs that are there, or these lack checksums that are asked for."""
    path = job.target.path
    if path is None:
        return
    tiles = newer(job.identity.more[TILES], path)
    if tiles is not None:
        raise OutputError(f"{path}: is there already, and {tiles} is newer; use --overwrite to write it anew")
    if job.checksums and not manifest_of(path).exists():
        raise OutputError(f"{path}: is there already, without checksums; use --overwrite to write it anew with them")


def fill(
    job: StitchJob,
    outputs: Sequence[Output],
    place: Location | None,
    ledger: Ledger,
    progress: Progress | None,
    elsewhere: Elsewhere | None = None,
) -> StitchResult:
    """Fill and finish all outputs, some at a time."""
    done = Counted(progress, job.n_pixels)
    filled: list[int] = []
    arrays: list[NDArray[Any]] = []
    memory = job.assembly.options.memory
    with computing(job, elsewhere, outputs, place) as session:
        for batch in batched(job, ((one, ledger.image(one.data_idx)) for one in outputs)):
            opened = open_outputs(job, batch, place, done)
            write(job, opened, place, done, session=session)
            for one, canvas, mine in opened:
                make = None if session is None else pyramid_on(session, one.data_idx, canvas, memory)
                canvas.finish(mine, progress, make)
                arrays += [array for array in [job.array_of(canvas)] if array is not None]
            filled += [mine.filled for _, mine in batch]
    return job.done(list(zip(outputs, filled, strict=True)), arrays)


def open_outputs(job: StitchJob, outputs: Sequence[Pair], place: Location | None, progress: Counted) -> list[Opened]:
    """Open outputs, but for those that an earlier run has finished."""
    opened = []
    for one, mine in outputs:
        if is_whole(job, one, mine, place):
            progress.skip(one.n_pixels)
            continue
        canvas = job.open_canvas(one, place)
        mine.open(canvas.frame.n_samples, canvas.frame.spatial, canvas.block, canvas.stamp)
        opened.append((one, canvas, mine))
    return opened


def write(
    job: StitchJob,
    opened: Sequence[Opened],
    place: Location | None,
    progress: Counted,
    part: int | None = None,
    session: Session | None = None,
) -> None:
    """Write the blocks that are not written; `part` tells the scratch data from those of others."""
    options = job.assembly.options
    threads = options.workers if session is None else session.threads
    with job.destination.scratch(place, part) as scratch:
        works = [
            job.assembly.work(one.data_idx, one.rules, canvas, mine, job.auditor.tiles, scratch, threads)
            for one, canvas, mine in opened
        ]
        for work in works:
            progress.skip(work.blocks.sum(work.ledger.already))
        if session is None:
            Run(works, options.memory, options.workers, progress).run()
        else:
            compute(session, works, [one.data_idx for one, _, _ in opened], options.memory, progress)
        works.clear()


def is_whole(job: StitchJob, output: Output, ledger: ImageLedger, place: Location | None) -> bool:
    """Tell whether an earlier run finished an output that is one file: its blocks are not there any more."""
    if job.target.kind != "ome-tiff" or not isinstance(place, Path) or output.path is None:
        return False
    path = place / output.path
    if not ledger.take_finished([path]):
        return False
    shutil.rmtree(scratch_of(path), ignore_errors=True)  # it may have been stopped before
    return True


def batched(job: StitchJob, outputs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Yield some outputs at a time."""
    rest = iter(outputs)
    while batch := list(islice(rest, job.assembly.options.workers * IMAGES_PER_WORKER)):
        yield batch

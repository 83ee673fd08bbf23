"""Running a stitch: in one go, as the shares of a job array, and going on where it was stopped."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import AuditError, ConfigError, OutputError
from patchplan.journal import RECORD, Kind, Recording, Records, read_journal, recorded
from patchplan.publish import Growth, partial_of
from patchplan.publish.checksums import write_checksums
from patchplan.publish.growth import JOURNAL
from patchplan.stitching.canvases import Canvas
from patchplan.stitching.canvases.finished import is_finished
from patchplan.stitching.canvases.npy import is_begun
from patchplan.stitching.canvases.ome_tiff import scratch_of
from patchplan.stitching.canvases.opening import block_of
from patchplan.stitching.engine import Counted, Progress, Run
from patchplan.stitching.findings import some
from patchplan.stitching.identity import CHECKSUMS, check_tiles
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.ledger import ImageLedger, Ledger
from patchplan.stitching.result import StitchResult
from patchplan.stitching.shares import Share, block_pixels

IMAGES_PER_WORKER = 8
"""Outputs that are open at a time, so that workers have something to do and files stay few."""

Pair = tuple[Output, ImageLedger]
Opened = tuple[Output, Canvas, ImageLedger]


def run(job: StitchJob, progress: Progress | None = None) -> StitchResult:
    """Write all outputs, and publish them together.

    Raises
    ------
    AuditError
        If a tile cannot be read after all.
    OutputError
        If an output cannot be written.
    """
    outputs = job.outputs()
    if job.resume and not job.overwrite and _is_there(job, outputs):
        return job.there(outputs)
    with job.destination.growing(resume=job.resume, shared=False) as growth:
        if growth is None:
            return _fill(job, outputs, None, Ledger(), progress)
        with recorded_run(job, growth) as recording:
            ledger = Ledger(recording.journal, recording.records, resumed=growth.resumed)
            if recording.published:
                return job.told(outputs, ledger)
            result = _fill(job, outputs, growth.place, ledger, progress)
            seal(job, growth, recording, ledger, progress)
        return result


def run_share(job: StitchJob, share: Share, progress: Progress | None = None) -> StitchResult:
    """Write the blocks of one share; others may write theirs at the same time.

    Raises
    ------
    ConfigError
        If what is written has no pieces that processes may write apart.
    OutputError
        If the share was begun, or the output was begun otherwise.
    AuditError
        If a tile cannot be read after all.
    """
    if job.target.kind not in ("ome-zarr", "ome-tiff"):
        raise ConfigError("--share: allowed for .zarr and .tif; a .npy file has no chunks that jobs may write apart")
    outputs = job.outputs()
    if job.resume and _is_there(job, outputs):
        return job.there(outputs)
    with job.destination.growing(resume=job.resume, shared=True) as growth:
        assert growth is not None  # noqa: S101 - there is a path, by the kind
        with recorded_run(job, growth, share) as recording:
            if len(recording.records) and not job.resume:
                raise OutputError(f"{growth.partial}: share {share} was begun before; use --resume to go on with it")
            ledger = Ledger(recording.journal, recording.records, resumed=growth.resumed)
            done = Counted(progress, sum(int(size[mine].sum()) for _, size, mine in _shared(job, outputs, share)))
            for batch in _batched(job, _share_ledgers(job, outputs, share, ledger)):
                _write(job, batch, growth.place, done, share=share)
            ledger.complete()
        return job.share_done(share, shares_left(job, growth, share.parts))


def finish(job: StitchJob, parts: int, progress: Progress | None = None) -> StitchResult:
    """Complete outputs of which all shares are written, and publish them.

    Raises
    ------
    AuditError
        If shares are not written, or what they wrote has changed since; naming them.
    """
    outputs = job.outputs()
    with job.destination.growing(resume=True, shared=False) as growth:
        assert growth is not None  # noqa: S101 - there is a path, or nobody could have read what was begun
        with recorded_run(job, growth) as recording:
            growth.advice = f"what is done stays in {growth.partial}: use --finish again to go on"
            if recording.published:
                return job.told(outputs, Ledger(recording.journal, recording.records))
            left = shares_left(job, growth, parts)
            if left:
                raise AuditError(_lacking(growth, left, parts))
            found = [_share_records(job, growth, number) for number in range(1, parts + 1)]
            ledger = Ledger(recording.journal, np.concatenate([*found, recording.records]), resumed=True)
            result = _fill(job, outputs, growth.place, ledger, progress, parts=parts)
            seal(job, growth, recording, ledger, progress)
        return result


def seal(job: StitchJob, growth: Growth, recording: Recording, ledger: Ledger, progress: Progress | None) -> None:
    """Write checksums where they were asked for, and note that all is done."""
    if job.checksums or recording.more.get(CHECKSUMS):
        threads, name = job.assembly.options.workers, growth.path.name

        def told(done: int, total: int) -> None:
            if progress is not None:
                progress("bytes of checksums", done, total)

        write_checksums(growth.place, name, growth.checksums, threads=threads, progress=told)
    ledger.complete()


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
    return recorded(growth, job.identity, advice, check_tiles, usable=usable, part=part)


def shares_left(job: StitchJob, growth: Growth, parts: int) -> list[int]:
    """Return the numbers of the shares that are not written."""
    return [k for k in range(1, parts + 1) if not (_share_records(job, growth, k)["kind"] == Kind.COMPLETE).any()]


def _share_records(job: StitchJob, growth: Growth, number: int) -> Records:
    path = growth.partial / f"{JOURNAL}-{number}"
    if not path.exists():
        return np.zeros(0, RECORD)
    return read_journal(path, job.identity.number).entries


def _lacking(growth: Growth, numbers: Sequence[int], parts: int) -> str:
    what = f"share {numbers[0]}/{parts} is" if len(numbers) == 1 else f"shares {some(numbers)} of {parts} are"
    return f"{growth.path}: {what} not written: run --share K/{parts} for each, with --resume where it was stopped"


def _is_there(job: StitchJob, outputs: Sequence[Output]) -> bool:
    """Tell whether the outputs have their names already, and no run was stopped."""
    path = job.target.path
    if path is None or partial_of(path).exists() or not path.exists():
        return False
    return all(
        one.path is not None and is_finished(job.target.kind, path / one.path, one.frame, job.storage_of(one))
        for one in outputs
    )


def _fill(
    job: StitchJob,
    outputs: Sequence[Output],
    place: Path | None,
    ledger: Ledger,
    progress: Progress | None,
    *,
    parts: int | None = None,
) -> StitchResult:
    """Fill and finish all outputs, some at a time; with `parts`, they were filled by so many shares."""
    done = Counted(progress, job.n_pixels)
    filled: list[int] = []
    arrays: list[NDArray[Any]] = []
    for batch in _batched(job, ((one, ledger.image(one.data_idx)) for one in outputs)):
        for _, canvas, mine in _write(job, batch, place, done, parts=parts):
            canvas.finish(mine, progress)
            arrays += [array for array in [job.array_of(canvas)] if array is not None]
        filled += [mine.filled for _, mine in batch]
    return job.done(list(zip(outputs, filled, strict=True)), arrays)


def _write(
    job: StitchJob,
    outputs: Sequence[Pair],
    place: Path | None,
    progress: Counted,
    *,
    share: Share | None = None,
    parts: int | None = None,
) -> list[Opened]:
    """Fill some outputs, or what of one is a share's; return those that are to be finished."""
    opened = []
    for one, mine in outputs:
        if is_whole(job, one, mine, place):
            progress.skip(one.n_pixels)
            continue
        canvas = job.open_canvas(one, place)
        mine.open(canvas.frame.n_samples, canvas.frame.spatial, canvas.block, canvas.stamp)
        opened.append((one, canvas, mine))
    if parts is not None:
        _check_shares(job, opened, parts)
        return opened
    options = job.assembly.options
    with job.destination.scratch(place, None if share is None else share.number) as scratch:
        works = [
            job.assembly.work(one.data_idx, one.rules, canvas, mine, job.auditor.tiles, scratch)
            for one, canvas, mine in opened
        ]
        for work in works:
            progress.skip(int(work.block_pixels[work.ledger.already].sum()))
        Run(works, options.memory, options.workers, progress).run()
        works.clear()
    return opened


def is_whole(job: StitchJob, output: Output, ledger: ImageLedger, place: Path | None) -> bool:
    """Tell whether an earlier run finished an output that is one file: its blocks are not there any more."""
    if job.target.kind != "ome-tiff" or place is None or output.path is None:
        return False
    path = place / output.path
    if not ledger.take_finished([path]):
        return False
    shutil.rmtree(scratch_of(path), ignore_errors=True)  # it may have been stopped before
    return True


def _batched(job: StitchJob, outputs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Yield some outputs at a time."""
    rest = iter(outputs)
    while batch := list(islice(rest, job.assembly.options.workers * IMAGES_PER_WORKER)):
        yield batch


def _share_ledgers(job: StitchJob, outputs: Sequence[Output], share: Share, ledger: Ledger) -> Iterator[Pair]:
    """Yield the outputs that a share has blocks of."""
    for output, _, mine in _shared(job, outputs, share):
        if mine.any():
            image = ledger.image(output.data_idx)
            image.share = mine
            yield output, image


def _shared(
    job: StitchJob, outputs: Sequence[Output], share: Share
) -> Iterator[tuple[Output, NDArray[np.int64], NDArray[np.bool_]]]:
    """Yield outputs, the pixels of their blocks, and which of them are the share's."""
    total, before = sum(one.n_bytes for one in outputs), 0
    for one in outputs:
        block = block_of(job.target.kind, one.frame, job.storage)
        pixels = block_pixels(one.frame.n_samples, one.frame.spatial, block)
        yield one, pixels, share.blocks(pixels * one.pixel_bytes, before, total)
        before += one.n_bytes


def _check_shares(job: StitchJob, opened: Sequence[Opened], parts: int) -> None:
    """Raise AuditError if blocks are not as their shares wrote them."""
    lacking = {one.data_idx: ~mine.done for one, _, mine in opened if not mine.complete}
    if not lacking:
        return
    outputs = job.outputs()
    wrong = []
    for number in range(1, parts + 1):
        share = Share(number, parts)
        pieces = ((one.data_idx, mine) for one, _, mine in _shared(job, outputs, share))
        if any((mine & lacking[data_idx]).any() for data_idx, mine in pieces if data_idx in lacking):
            wrong.append(share)
    names = ", ".join(f"--share {share} --resume" for share in wrong[:10])
    raise AuditError(f"{job.target.path}: blocks are not as they were written; run again with {names}")

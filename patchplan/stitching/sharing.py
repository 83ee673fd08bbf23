"""A stitch as the jobs of an array: shares that are written apart, and what completes them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import AuditError, ConfigError, OutputError
from patchplan.journal import RECORD, Records, is_complete, read_journal
from patchplan.publish import Growth
from patchplan.publish.names import JOURNAL
from patchplan.stitching.canvases.opening import block_of
from patchplan.stitching.engine import Counted, Progress
from patchplan.stitching.findings import some
from patchplan.stitching.identity import TILES
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.ledger import Ledger
from patchplan.stitching.on_cluster import Elsewhere
from patchplan.stitching.result import StitchResult
from patchplan.stitching.running import Pair, batched, fill, is_there, open_outputs, recorded_run, seal, write
from patchplan.stitching.shares import BlockSizes, Share, owners
from patchplan.tiles.identity import newer


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
    # with newer tiles the output is to be written anew, which --finish must be told to do
    if is_there(job) and newer(job.identity.more[TILES], job.target.path or Path()) is None:
        if job.resume:
            return job.there(outputs)
        raise OutputError(f"{job.target.path}: is there already, of this plan and these options; its shares are done")
    job.destination.check_possible()
    with job.destination.growing(resume=job.resume, shared=True) as growth:
        assert growth is not None  # noqa: S101 - there is a path, by the kind
        with recorded_run(job, growth, share) as recording:
            if recording.published:
                return job.there(outputs)
            if len(recording.records) and not job.resume:
                raise OutputError(f"{growth.partial}: share {share} was begun before; use --resume to go on with it")
            ledger = Ledger(recording.journal, recording.records, resumed=growth.resumed)
            parts = _owned(job, outputs, share.parts)
            done = Counted(progress, sum(sizes.sum(owner == share.number) for _, sizes, owner in parts))
            for batch in batched(job, _share_ledgers(job, outputs, share, ledger)):
                write(job, open_outputs(job, batch, growth.place, done), growth.place, done, share.number)
            recording.complete()
        return job.share_done(share, shares_left(job, growth, share.parts)).noted(recording.notes)


def finish(
    job: StitchJob, parts: int, progress: Progress | None = None, elsewhere: Elsewhere | None = None
) -> StitchResult:
    """Complete outputs of which all shares are written, and publish them; pyramids are made here, or `elsewhere`.

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
                ledger = Ledger(recording.journal, recording.records)
                seal(job, growth, recording, progress)
                return job.told(outputs, ledger)
            left = shares_left(job, growth, parts)
            if left:
                raise AuditError(_lacking(growth, left, parts))
            records = np.concatenate(
                [*(_share_records(job, growth, k) for k in range(1, parts + 1)), recording.records]
            )
            ledger = Ledger(recording.journal, records, resumed=True)
            _check_blocks(job, outputs, growth, ledger, parts)
            result = fill(job, outputs, growth.place, ledger, progress, elsewhere)
            seal(job, growth, recording, progress)
        return result.noted(recording.notes)


def shares_left(job: StitchJob, growth: Growth, parts: int) -> list[int]:
    """Return the numbers of the shares that are not written."""
    run = job.identity.number
    return [k for k in range(1, parts + 1) if not is_complete(growth.partial / f"{JOURNAL}-{k}", run)]


def _share_records(job: StitchJob, growth: Growth, number: int) -> Records:
    path = growth.partial / f"{JOURNAL}-{number}"
    return read_journal(path, job.identity.number).entries if path.exists() else np.zeros(0, RECORD)


def _lacking(growth: Growth, numbers: Sequence[int], parts: int) -> str:
    what = f"share {numbers[0]}/{parts} is" if len(numbers) == 1 else f"shares {some(numbers)} of {parts} are"
    return f"{growth.path}: {what} not written: run --share K/{parts} for each, with --resume where it was stopped"


def _share_ledgers(job: StitchJob, outputs: Sequence[Output], share: Share, ledger: Ledger) -> Iterator[Pair]:
    """Yield the outputs that a share has blocks of."""
    for output, _, owner in _owned(job, outputs, share.parts):
        mine = owner == share.number
        if mine.any():
            image = ledger.image(output.data_idx)
            image.share = mine
            yield output, image


def _owned(
    job: StitchJob, outputs: Sequence[Output], parts: int
) -> Iterator[tuple[Output, BlockSizes, NDArray[np.int32]]]:
    """Yield outputs, the pixels of their blocks, and the numbers of their shares."""
    total, before = sum(one.n_bytes for one in outputs), 0
    for one in outputs:
        block = block_of(job.target.kind, one.frame, job.storage)
        sizes = BlockSizes(one.frame.n_samples, one.frame.spatial, block)
        yield one, sizes, owners(sizes, one.pixel_bytes, before, total, parts)
        before += one.n_bytes


def _check_blocks(job: StitchJob, outputs: Sequence[Output], growth: Growth, ledger: Ledger, parts: int) -> None:
    """Raise AuditError, naming shares, if blocks are not as their shares wrote them."""
    wrong: set[int] = set()
    for output, _, owner in _owned(job, outputs, parts):
        pair = output, ledger.image(output.data_idx)
        for _, _, mine in open_outputs(job, [pair], growth.place, Counted(None, 0)):
            wrong.update(np.unique(owner[~mine.done]).tolist())
    if wrong:
        names = ", ".join(f"--share {number}/{parts} --resume" for number in sorted(wrong)[:10])
        raise AuditError(f"{growth.path}: blocks are not as they were written; run again with {names}")

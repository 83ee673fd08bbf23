"""`stitch`: predicted tiles back into images."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from patchplan.api.clusters import check_scheduled, connected
from patchplan.api.common import PathLike, Progress, counting
from patchplan.api.preparing import (
    Prepared,
    check_early,
    check_places,
    check_shared,
    overlapping,
    prepare,
    prove,
)
from patchplan.api.tiles import open_any_tiles, tile_paths, tiles_identity
from patchplan.cluster import Cluster
from patchplan.core.specs import IntArray
from patchplan.errors import AuditError
from patchplan.objects import Location, location
from patchplan.plans.plan import Plan
from patchplan.plans.subset import write_subset
from patchplan.publish import left_by_others
from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Audit, Auditor
from patchplan.stitching.findings import check_audit
from patchplan.stitching.job import StitchJob
from patchplan.stitching.on_cluster import Elsewhere
from patchplan.stitching.result import BadTile, StitchResult
from patchplan.stitching.running import run
from patchplan.stitching.shares import parse_share
from patchplan.stitching.sharing import run_share
from patchplan.tiles.check import check_tiles


def stitch(
    plan: PathLike | Plan,
    tiles: Any,
    output: PathLike | None = None,
    *,
    format: str | None = None,  # noqa: A002 - the option's name
    epoch: int = 0,
    ngff: str = "0.5",
    blend: str | None = None,
    reduce: str | None = None,
    dtype: Any = None,
    scale: Any = None,
    margin: Any = None,
    chunks: Any = None,
    shards: Any = None,
    compression: str | None = None,
    fill_value: float = 0,
    levels: int | str | None = None,
    labels: bool = False,
    allow_missing: bool = False,
    absent_chunks: str = "missing",
    later_wins: bool = False,
    force: bool = False,
    check: bool = False,
    check_nan: bool = False,
    missing_output: PathLike | None = None,
    root: PathLike | None = None,
    memory: str | int = "2GB",
    workers: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    share: str | None = None,
    scheduler: Any = None,
    checksums: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> StitchResult:
    """Put predicted tiles together, each pixel of the output written once.

    Parameters
    ----------
    plan : path or Plan
        What the tiles are tiles of. Its images need not be there.
    tiles : path, sequence of paths, array or object
        Stacks (Zarr, .npy) or folders; an array (N C (Z) Y X) whose row k is the k-th of the plan; or any
        object with `tile(index)` that returns C (Z) Y X.
    output : path, optional
        `.zarr` (OME-Zarr), `.tif` (OME-TIFF), `.npy`, or with `format` a folder; also at a URL, `s3://` or `gs://`.
        Without it the images are arrays in memory: `result.arrays`, each in its source's axis order.
    format : {"ome-zarr", "ome-tiff", "npy"}, optional
        What to write into a folder.
    epoch : int
        Which epoch of the plan the tiles are of.
    ngff : {"0.5", "0.4"}
        Version of OME-Zarr.
    blend : {"crop", "average", "gaussian", "hann", "linear", "cosine", "max", "min"}, optional
        How overlapping tiles become one; `crop` where the plan says what of each tile is kept, else `average`.
    reduce : str, optional
        `argmax`, `channel:K`, `threshold:T`, `softmax` or `sigmoid`, after blending.
    dtype : dtype, optional
        Of the output; whole numbers are rounded half to even and clipped.
    scale : number, fraction or one per axis, optional
        Pixels of the output per pixel of the image, (Z)YX.
    margin : int or one per axis, optional
        Pixels per side by which tiles are smaller than what was read.
    chunks, shards : int or one per axis, optional
        Pixels in (Z)YX; shards may be "none".
    compression : str, optional
        "zstd[:LEVEL]", "blosc", "gzip", "zlib", "lzw" or "none".
    fill_value : number
        Of pixels that no tile covers.
    levels : int or "auto", optional
        Levels of the pyramid, full resolution counted; auto for OME outputs.
    labels : bool
        Whether pixels are labels, of which a pyramid takes the nearest instead of the mean.
    allow_missing : bool
        Whether tiles may be missing.
    absent_chunks : {"missing", "zeros"}
        What chunks mean that a bare Zarr array of tiles has not stored.
    later_wins : bool
        Whether of a tile that is in several TILES the last is taken, instead of being a duplicate.
    force : bool
        Whether whole numbers may be averaged.
    check, check_nan : bool
        Read every tile and write nothing; with `check_nan`, tiles holding NaN count as bad.
    missing_output : path, optional
        A plan to write of the tiles that are missing or bad: what to run again.
    root : path, optional
        Folder that the plan's image paths start from; only to see that no output lies in an image.
    memory : str or int
        Bound of the memory beyond the program's own, such as "2GB".
    workers : int, optional
        Threads; by default one per processor, up to 8.
    overwrite, dry_run : bool
        Replace an existing output; write nothing.
    resume : bool
        Go on with what a run of the same plan, options and tiles left that was stopped, if there is something.
        Of arrays and objects only the form is compared.
    share : str, optional
        "K/N": write the K-th of N shares of the blocks only, while others write theirs; `finish` does the rest.
    scheduler : str or distributed.Client, optional
        Address of a Dask scheduler, or "local" for `workers` processes on this machine: its workers compute the
        blocks, each process within `memory`. They need to see the plan, the tiles and the output.
    checksums : bool
        Write the SHA-256 of every file of the output into a file beside it, for `verify`.
    progress : callable, optional
        Called with what is counted, how many are done, and how many there are.

    Returns
    -------
    StitchResult
        The outputs, and what the audit found.

    Raises
    ------
    AuditError
        If tiles are missing, there twice, or do not fit. With `check` the result says so instead.
    ConfigError, PlanError, TilesError, OutputError
        All `PatchplanError`; nothing is written then.
    """
    prepared = prepare(
        plan,
        output,
        format=format,
        epoch=epoch,
        root=root,
        ngff=ngff,
        chunks=chunks,
        shards=shards,
        compression=compression,
        levels=levels,
        blend=blend,
        reduce=reduce,
        dtype=dtype,
        scale=scale,
        margin=margin,
        fill_value=fill_value,
        allow_missing=allow_missing,
        force=force,
        labels=labels,
        memory=memory,
        workers=workers,
    )
    part = parse_share(share)
    shares = None if part is None else part.parts
    if part is not None:
        check_shared(prepared.target, overwrite=overwrite, checksums=checksums)
    paths = tile_paths(tiles)
    check_places(prepared, paths, missing_output, overwrite=overwrite)
    only_check = check or check_nan
    writes = prepared.target.path is not None and not (only_check or dry_run)
    if not only_check and part is None:
        check_early(prepared.target, overwrite=overwrite, resume=resume)
    if scheduler is not None:
        check_scheduled(prepared.target, paths, shared=part is not None)
    with left_by_others(prepared.target.path), ExitStack() as stack:
        writing = writes and scheduler is not None
        cluster = stack.enter_context(_connected(scheduler, prepared, paths)) if writing else None
        source = open_any_tiles(tiles, paths, prepared, absent_chunks=absent_chunks, later_wins=later_wins)
        try:
            auditor = Auditor(prepared.rows, source, prepared.options)
            audit = auditor.audit()
            if only_check:
                _check_all(audit, auditor, nan=check_nan, progress=progress)
            written = None if dry_run else _write_missing(missing_output, auditor, audit, overwrite=overwrite)
            assembly = Assembly(auditor, audit, overlapping(prepared.rows))
            identity = prepared.identity(
                tiles_identity(source, paths) if writes else [],
                overwrite=overwrite,
                checksums=checksums,
                absent_chunks=absent_chunks,
                shares=shares,
                audit=audit,
            )
            job = StitchJob(assembly, prepared.target, prepared.storage, identity, overwrite, resume, checksums)
            elsewhere = None if cluster is None else Elsewhere(cluster, paths, absent_chunks, later_wins)
            work = partial(run, job, progress, elsewhere) if part is None else partial(run_share, job, part, progress)
            result = _run(job, work, written, only_check=only_check, dry_run=dry_run)
            if missing_output is not None and written is None and not dry_run:
                nothing = f"nothing is to be run again: {missing_output} is not written"
                result = result.model_copy(update={"notes": (*result.notes, nothing)})
            return result
        finally:
            source.close()


def _connected(scheduler: Any, prepared: Prepared, tiles: Sequence[Location]) -> AbstractContextManager[Cluster | None]:
    """Return a cluster whose workers see the plan, the tiles and the folder of the output."""
    target = prepared.target
    seen = [prepared.plan.path, *tiles, (target.path or Path()).parent]
    return connected(scheduler, prepared.options.workers, seen, whole=target.kind == "npy")


def _run(
    job: StitchJob, work: Callable[[], StitchResult], written: str | None, *, only_check: bool, dry_run: bool
) -> StitchResult:
    """Write unless the audit, or the user, is against it."""
    found = job.result([], job.auditor.tiles.notes).model_copy(update={"missing_output": written})
    try:
        prove(job.auditor, job.assembly.audit)
        if only_check:
            return found
        check_audit(job.assembly.audit, allow_missing=job.assembly.options.allow_missing)
        result = job.planned() if dry_run else work()
    except AuditError as error:
        broken = tuple(BadTile(index=index, why=why) for index, why in error.bad)
        error.result = found.model_copy(update={"bad": broken or found.bad})
        raise
    return result.model_copy(update={"missing_output": written})


def _check_all(audit: Audit, auditor: Auditor, *, nan: bool, progress: Progress | None) -> None:
    """Read every tile that is there, and add to the audit those that are bad."""
    index = np.asarray(auditor.rows.index)
    known = np.isin(index, audit.bad_index)
    positions: IntArray = np.flatnonzero(auditor.tiles.present & ~known)
    found = check_tiles(auditor.tiles, positions, nan=nan, progress=counting(progress, "tiles"))
    auditor.note_bad(audit, found)


def _write_missing(path: PathLike | None, auditor: Auditor, audit: Audit, *, overwrite: bool) -> str | None:
    """Write a plan of the tiles that are missing or bad, if there are any; return its name."""
    again = np.union1d(audit.missing, audit.bad_index)
    if path is None or not len(again):
        return None
    index = np.asarray(auditor.rows.index)
    write_subset(auditor.rows, np.flatnonzero(np.isin(index, again)), location(path), overwrite=overwrite)
    return str(path)

"""`extract` and `read_patches`: patches out of images, into files or into a loop."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from patchplan.api.clusters import connected
from patchplan.api.common import PATHS, PathLike, Progress, counting
from patchplan.core.amounts import parse_dtype, parse_memory, parse_workers, whole_number
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError, OutputError
from patchplan.extracting.batches import batches
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.result import ExtractResult
from patchplan.extracting.run import extract_empty, extract_rows
from patchplan.extracting.sources import Sources
from patchplan.extracting.target import Target
from patchplan.extracting.words import FileFormat
from patchplan.extracting.writing import Running
from patchplan.images import ImageSource, open_all
from patchplan.images.padding import PadMode
from patchplan.objects import Location, location
from patchplan.plans.plan import Plan, open_plan
from patchplan.plans.write import files_of
from patchplan.publish import left_by_others
from patchplan.publish.checksums import check_checksummed

Images = PathLike | ImageSource | Sequence[PathLike | ImageSource]
"""One image or several: files, folders, patterns, or images that are open."""


def extract(
    plan: PathLike | Plan,
    output: PathLike | None = None,
    *,
    images: Images | None = None,
    axes: str | None = None,
    series: int | None = None,
    level: int | None = None,
    array: str | None = None,
    channels: Sequence[int] | None = None,
    pad_mode: PadMode = "constant",
    epoch: int = 0,
    split: str | None = None,
    fold: int | None = None,
    format: FileFormat | None = None,  # noqa: A002 - the name of the option
    empty: bool = False,
    channels_out: int | None = None,
    dtype: Any = None,
    root: PathLike | None = None,
    memory: str | int = "2GB",
    workers: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    scheduler: Any = None,
    checksums: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ExtractResult:
    """Cut the patches of a plan out of its images, or out of others, and write them.

    The same plan and images give the same bytes, whatever `memory` and `workers`.

    Parameters
    ----------
    plan : path or Plan
        A plan, or its file.
    output : path, optional
        By its suffix: `.zarr` a stack (a Zarr v3 group of `tiles` (N C (Z) Y X), one patch per chunk, and `index`
        (N)), `.npy` an array (N C (Z) Y X), anything else a folder with a file per patch (C (Z) Y X), named by
        its index; also at a URL, `s3://` or `gs://`. Row k of a stack or array is the k-th row of the plan's epoch.
        Needed unless `dry_run`.
    images : path, ImageSource, or several, optional
        Other images, in the order of the plan's: as many, with the same samples and spatial sizes; channels and
        dtype may differ.
    axes, series, level, array
        How to read `images`, as for `plan`.
    channels : sequence of int, optional
        Channels to take, in this order; all by default.
    pad_mode : {"constant", "reflect", "edge"}
        What is outside an image: zeros, its mirror image, or its edge.
    epoch : int
        Which epoch of the plan.
    split : str, optional
        Which split, such as "train", of a plan with a column `split`; all by default.
    fold : int, optional
        Which fold, of a plan with a column `fold`. Needed where a patch is in several.
    format : {"npy", "tif"}, optional
        What is in a folder; .npy by default.
    empty : bool
        Make a stack that predictions go into, of `channels_out` channels and of `dtype`: no row is written,
        every entry of `index` is -1, and every tile and every entry of `index` is a file of its own, so that
        parallel writers may each set `tiles[k]` and then `index[k]`. No image is read.
    root : path, optional
        Folder that the paths of the plan's images start from.
    memory : str or int
        Memory to use beyond the program's own, in bytes or as in "2GB".
    workers : int, optional
        Threads; by default as many as there are processors, up to 8.
    overwrite, dry_run : bool
        Replace an existing output; check everything and write nothing.
    resume : bool
        Go on with what a run of the same plan, options and images left that was stopped, if there is something.
    scheduler : str or distributed.Client, optional
        Address of a Dask scheduler, or "local" for `workers` processes on this machine: its workers cut and write
        the patches, each process within `memory`. They need to see the plan, the images and the output.
    checksums : bool
        Write the SHA-256 of every file into `OUT.sha256` beside the output, for `verify`.
    progress : callable, optional
        Called with what is counted (images, patches), how many are done, and how many there are.

    Raises
    ------
    ConfigError, ImageError, ShapeError, PlanError, OutputError
        All `PatchplanError`; nothing stands under the name of the output then that did not before.
    """
    rows = _opened(plan, root).epoch(epoch, split=split, fold=fold)
    running = Running(
        memory=parse_memory(memory),
        workers=parse_workers(workers),
        overwrite=overwrite,
        resume=resume,
        checksums=checksums,
        dry_run=dry_run,
        progress=progress,
    )
    target = _target(output, format, dry_run=dry_run)
    reading = {"axes": axes, "series": series, "level": level, "array": array}
    given = {"--from": images, "--channels": channels, **{f"--{name}": value for name, value in reading.items()}}
    if empty:
        form = _empty_form(target, channels_out, dtype, [name for name, value in given.items() if value is not None])
        if resume or checksums:
            name = "--resume" if resume else "--checksums"
            raise ConfigError(f"{name}: not allowed with --empty, which writes no patch")
        _check_target(target, rows.plan, [], running)
        return extract_empty(rows, *form, target, running)
    if channels_out is not None or dtype is not None:
        raise ConfigError("--channels-out and --dtype: allowed with --empty only; patches keep the image's dtype")
    sources = _sources(rows.plan, images, channels, reading, progress)
    _check_pad_mode(pad_mode)
    _check_target(target, rows.plan, sources.paths, running)
    if target is None or dry_run:
        return extract_rows(rows, sources, target, running, pad_mode)
    seen, whole = [rows.plan.path, target.path.parent], target.kind == "array"
    with left_by_others(target.path), connected(scheduler, running.workers, seen, whole=whole) as cluster:
        return extract_rows(rows, sources, target, replace(running, cluster=cluster), pad_mode)


def read_patches(
    plan: PathLike | Plan,
    batch_size: int = 64,
    *,
    epoch: int = 0,
    split: str | None = None,
    fold: int | None = None,
    channels: Sequence[int] | None = None,
    pad_mode: PadMode = "constant",
    images: Images | None = None,
    root: PathLike | None = None,
) -> Iterator[tuple[IntArray, NDArray[Any], SpecTable]]:
    """Yield the patches of a plan in batches, in the plan's order.

    Parameters
    ----------
    plan : path or Plan
        A plan, or its file.
    batch_size : int
        Patches of a batch, at most: a batch ends where the next patch has another size, number of channels
        or dtype.
    epoch, split, fold, channels, pad_mode, images, root
        As for `extract`. Images that need `axes` or the like are given open: `patchplan.open_image(...)`.

    Yields
    ------
    indices : IntArray
        Index of each patch, (k,).
    data : NDArray
        k C (Z) Y X, in the image's dtype, native byte order.
    specs : SpecTable
        Where each patch is, and for tiles what of it is kept.

    Raises
    ------
    ConfigError, ImageError, PlanError
        What concerns the plan and the options at once, what concerns an image when it is read.
    """
    batch_size = whole_number("batch_size", batch_size, 1)
    _check_pad_mode(pad_mode)
    rows = _opened(plan, root).epoch(epoch, split=split, fold=fold)
    cutter = Cutter(_sources(rows.plan, images, channels, {}, None), pad_mode)
    parts = batches(rows, batch_size, cutter.sources.kind_of)
    return ((batch.index, cutter.cut(batch.specs), batch.specs) for batch in parts)


def _opened(plan: PathLike | Plan, root: PathLike | None) -> Plan:
    path = plan.path if isinstance(plan, Plan) else plan
    return plan if isinstance(plan, Plan) and root is None else open_plan(path, root)


def _target(output: PathLike | None, file_format: FileFormat | None, *, dry_run: bool) -> Target | None:
    if file_format is not None and file_format not in get_args(FileFormat):
        raise ConfigError(f"--format: found {file_format!r}; allowed: {', '.join(get_args(FileFormat))}")
    if output is None:
        if dry_run:
            return None
        raise OutputError(
            "no output given: name it with -o OUT (.zarr, .npy, or a folder), such as -o patches.zarr, or use --dry-run"
        )
    return Target.of(location(output), file_format)


def _check_target(target: Target | None, plan: Plan, images: Sequence[Location], running: Running) -> None:
    if target is not None:
        if running.checksums:
            check_checksummed(target.path)
        if not running.goes_on_with(target.path):  # which knows whether it may replace something
            target.check_free(overwrite=running.overwrite)
        target.check_harmless([*files_of(plan.path), *images])


def _check_pad_mode(pad_mode: str) -> None:
    if pad_mode not in get_args(PadMode):
        raise ConfigError(f"--pad-mode: found {pad_mode!r}; allowed: {', '.join(get_args(PadMode))}")


def _empty_form(
    target: Target | None, n_channels: int | None, dtype: Any, given: Sequence[str]
) -> tuple[int, np.dtype[Any]]:
    if given:
        raise ConfigError(f"{given[0]}: not allowed with --empty, which reads no image")
    if target is not None and target.kind != "stack":
        raise ConfigError(f"--empty: makes a stack, so the output must end in .zarr; found {target.path}")
    if n_channels is None or dtype is None:
        raise ConfigError("--empty: needs --channels-out C and --dtype DTYPE, those of the predictions")
    return whole_number("--channels-out", n_channels, 1), parse_dtype(dtype)


def _sources(
    plan: Plan,
    images: Images | None,
    channels: Sequence[int] | None,
    reading: dict[str, Any],
    progress: Progress | None,
) -> Sources:
    if channels is not None:
        entries = list(channels) if isinstance(channels, Iterable) and not isinstance(channels, str) else [channels]
        channels = [whole_number("--channels", channel) for channel in entries]
        if not channels:
            raise ConfigError("--channels: found none; allowed: numbers of channels from 0, at least one")
    if isinstance(images, np.ndarray):
        raise ConfigError("--from: found an array; allowed: paths, or images that patchplan.open_image opened")
    if images is None:
        said = [f"--{name}" for name, value in reading.items() if value is not None]
        if said:
            raise ConfigError(f"{said[0]}: allowed with --from only; the plan says how its own images are read")
        return Sources(plan, None, channels)
    inputs = [images] if isinstance(images, (*PATHS, ImageSource)) else list(images)
    opened = [image for image in inputs if isinstance(image, ImageSource)]
    if len(opened) < len(inputs):
        paths = [image for image in inputs if not isinstance(image, ImageSource)]
        if opened:
            raise ConfigError("images: found paths and open images; allowed: one or the other")
        z_as_samples = bool(plan.header.config.get("z_as_samples"))
        found = open_all(paths, z_as_samples=z_as_samples, progress=counting(progress, "images"), **reading)
        opened = found.sources
    return Sources(plan, opened, channels)

"""Writing a plan: rows streamed from a strategy into a file."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from patchplan.errors import OutputError, PlanError
from patchplan.images.paths import is_zarr_folder
from patchplan.objects import Location, ObjectPath, Uri, location
from patchplan.plans.header import Header
from patchplan.plans.parts import Parts, Patches
from patchplan.plans.plan import BATCH_ROWS
from patchplan.plans.tables import csv, json, parquet
from patchplan.plans.tables.columns import EXTRA_TYPES, split_rows, table_schema, to_batch
from patchplan.plans.tables.rows import check_suffix
from patchplan.plans.uploading import uploaded
from patchplan.publish import check_free, published, resolved

MAX_ROWS = {".parquet": 10**11, ".csv": 10**9, ".json": json.MAX_ROWS}
"""More rows than these fill a disk rather than a plan: a small broken file may claim any size."""

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


def write_plan(
    path: Location,
    header: Header,
    passes: Iterable[Patches],
    *,
    columns: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a plan; where its header says so, with the rows of each pass.

    Parameters
    ----------
    path : Location
        Suffix .parquet, .csv or .json.
    passes : iterable of Patches
        A strategy, or `Parts` with columns beside them; one for each epoch.
    columns : sequence of str
        Columns that the parts have beside `index`: `split`, `fold`, `epoch`, `weight`.
    overwrite : bool
        Whether to replace a plan.

    Raises
    ------
    OutputError
        If the file cannot be written; nothing stands under its name then that did not before.
    PlanError
        If the format cannot hold that many rows.
    """
    extra = [name for name in EXTRA_TYPES if name in columns or (name == "epoch" and header.epochs is not None)]
    schema = table_schema(header.ndim, tiles=header.tiles, extra=extra)
    rows = _batches(header, passes, extra, progress) if header.rows else ()
    write_rows(path, header, schema, rows, overwrite=overwrite)


def write_rows(
    path: Location, header: Header, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, overwrite: bool = False
) -> None:
    """Write a plan whose rows are there as flat columns; OutputError and PlanError as from `write_plan`."""
    suffix = check_suffix(path)
    if header.rows and header.n_rows > MAX_ROWS[suffix]:
        raise PlanError(
            f"{path}: {header.n_rows:,} rows are too many for {suffix}; allowed are {MAX_ROWS[suffix]:,}. "
            "Use .parquet, a larger patch, or (sequential, tiled, whole) --no-rows"
        )
    with _whole(files_of(path), overwrite=overwrite) as partials:
        write: Any = {".parquet": parquet.write, ".csv": csv.write, ".json": json.write}[suffix]
        write(*partials, header, schema, batches)


def _whole(paths: Sequence[Location], *, overwrite: bool) -> AbstractContextManager[list[Path]]:
    """Return what gives names to write to, and then puts the files where they belong."""
    here = [path for path in paths if isinstance(path, Path)]
    there = [path for path in paths if isinstance(path, ObjectPath)]
    return published(here, overwrite=overwrite) if here else uploaded(there, overwrite=overwrite)


def plan_target(
    output: Uri | None,
    read: Sequence[Uri],
    *,
    overwrite: bool,
    dry_run: bool,
) -> Location | None:
    """Decide early where a plan goes, so that nothing long runs for nothing; `read` is what it is made from."""
    if output is None:
        if dry_run:
            return None
        raise OutputError("no output given: name a plan with -o PLAN (.parquet, .csv or .json), or use --dry-run")
    path = location(output)
    check_suffix(path)
    if csv.is_header(path):
        raise OutputError(f"{path}: is a name for the header of a CSV plan; give another one")
    if dry_run:
        return path
    for file in files_of(path):
        check_free(file, overwrite=overwrite)
    refuse_read(files_of(path), read)
    return path


def refuse_read(files: Iterable[Location], read: Iterable[str | os.PathLike[str] | ObjectPath]) -> None:
    """Raise OutputError if a file that is to be written is one of those that are read, or in a store of them."""
    there = {resolved(path) for path in map(location, read) if isinstance(path, ObjectPath) or path.exists()}
    for file in files:
        place = resolved(file)
        if place in there or any(folder in there and is_zarr_folder(folder) for folder in place.parents):
            raise OutputError(f"{file}: is read for this plan; give what is written another name")


def files_of(path: Location) -> list[Location]:
    """Return the files that make up a plan: a CSV plan has its header beside it."""
    return [path, csv.header_path(path)] if check_suffix(path) == ".csv" else [path]


def _batches(
    header: Header, passes: Iterable[Patches], extra: Sequence[str], progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    done = 0
    for epoch, patches in enumerate(passes):
        for start, stop in split_rows(0, header.n_patches, BATCH_ROWS):
            specs = patches.get_patch_specs(start, stop)
            found: dict[str, Any] = {"index": np.arange(start, stop)}
            if isinstance(patches, Parts):
                found |= patches.columns(start, stop)
            if header.epochs is not None:
                found["epoch"] = np.full(stop - start, epoch)
            yield to_batch(specs, found["index"], {name: found[name] for name in extra})
            done += stop - start
            if progress is not None:
                progress(done, header.n_rows)

"""Writing a plan: rows streamed from a strategy into a file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from patchplan.errors import PlanError
from patchplan.patching.protocol import Patching
from patchplan.plans.header import Header
from patchplan.plans.plan import BATCH_ROWS, check_suffix
from patchplan.plans.publish import published
from patchplan.plans.tables import csv, json, parquet
from patchplan.plans.tables.columns import split_rows, table_schema, to_batch

MAX_ROWS = {".parquet": 10**11, ".csv": 10**9, ".json": json.MAX_ROWS}
"""More rows than these fill a disk rather than a plan: a small broken file may claim any size."""

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


def write_plan(path: Path, header: Header, passes: Iterable[Patching], progress: Progress | None = None) -> None:
    """Write a plan; where it says so, with the rows of one pass over each strategy given.

    Parameters
    ----------
    path : Path
        Suffix .parquet, .csv or .json.
    passes : iterable of Patching
        One strategy, or one per epoch.

    Raises
    ------
    OutputError
        If the file cannot be written; nothing stands under its name then that did not before.
    PlanError
        If the format cannot hold that many rows.
    """
    schema = table_schema(header.ndim, tiles=header.tiles, extra=[] if header.epochs is None else ["epoch"])
    batches = _batches(header, passes, progress) if header.rows else iter(())
    suffix = check_suffix(path)
    if header.rows and header.n_rows > MAX_ROWS[suffix]:
        raise PlanError(
            f"{path}: {header.n_rows:,} rows are too many for {suffix}; allowed are {MAX_ROWS[suffix]:,}. "
            "Use .parquet, a larger patch, or (sequential, tiled, whole) --no-rows"
        )
    with published(*files_of(path)) as partials:
        write: Any = {".parquet": parquet.write, ".csv": csv.write, ".json": json.write}[suffix]
        write(*partials, header, schema, batches)


def files_of(path: Path) -> list[Path]:
    """Return the files that make up a plan: a CSV plan has its header beside it."""
    return [path, csv.header_path(path)] if check_suffix(path) == ".csv" else [path]


def _batches(header: Header, passes: Iterable[Patching], progress: Progress | None) -> Iterator[pa.RecordBatch]:
    done = 0
    for number, patching in enumerate(passes):
        epoch = None if header.epochs is None else number
        for start, stop in split_rows(0, header.n_patches, BATCH_ROWS):
            yield to_batch(patching.get_patch_specs(start, stop), np.arange(start, stop), epoch)
            done += stop - start
            if progress is not None:
                progress(done, header.n_rows)

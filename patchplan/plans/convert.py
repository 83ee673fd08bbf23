"""A plan in another format or folder."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from patchplan.objects import Location
from patchplan.plans.convert_paths import led
from patchplan.plans.header import Header
from patchplan.plans.plan import BATCH_ROWS, Plan
from patchplan.plans.subset_whole import moved_plan
from patchplan.plans.tables.columns import regrouped
from patchplan.plans.write import Progress, write_rows


def write_converted(plan: Plan, path: Location, *, overwrite: bool = False, progress: Progress | None = None) -> None:
    """Write a plan as another file; one that stores no rows stays so.

    What was planned with this version of patchplan has the same bytes as if it had been planned as that file.

    Raises
    ------
    OutputError, PlanError
        If the file cannot be written, or its format cannot hold that many rows.
    """
    header = moved_plan(plan, led(plan.root, path.parent))
    write_tables(path, header, plan.schema, plan.batches() if header.rows else (), overwrite, progress)


def write_tables(
    path: Location,
    header: Header,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    overwrite: bool,
    progress: Progress | None,
) -> None:
    """Write a plan from tables of any length, in the pieces in which `write_plan` does."""

    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for table in regrouped(tables, BATCH_ROWS, header.n_patches or 1):
            yield from table.combine_chunks().to_batches()
            done += len(table)
            if progress is not None:
                progress(done, header.n_rows)

    write_rows(path, header, schema, batches(), overwrite=overwrite)

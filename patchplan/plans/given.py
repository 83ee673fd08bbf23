"""Tables that somebody gives: made by hand, or plans, as the patches of a new plan."""

from typing import NamedTuple

import pyarrow as pa

from patchplan.core.checks import check_values
from patchplan.core.specs import SpecTable
from patchplan.errors import PlanError, ShapeError
from patchplan.objects import Location
from patchplan.plans.plan import open_plan
from patchplan.plans.tables.columns import CARRIED, check_filled, schema_of, to_specs
from patchplan.plans.tables.rows import open_rows

MAX_ROWS = 1 << 25
"""Rows of a table that is given, which take 2 to 4 GB; a plan without rows may have any number."""


class Given(NamedTuple):
    """Patches in the order of a table, and the columns that go with them: `index`, `split`, `weight`, ..."""

    specs: SpecTable
    carried: dict[str, pa.ChunkedArray]


def read_given(path: Location) -> Given:
    """Return the patches of a table.

    Raises
    ------
    PlanError
        If it is missing, damaged, or lacks a column; a missing `index` is no harm.
    """
    rows = open_rows(path)
    plan = None if rows.header is None else open_plan(path)
    n_rows = rows.n_rows if plan is None else plan.n_rows
    if n_rows > MAX_ROWS:
        raise PlanError(f"{path}: {n_rows:,} rows are too many to be held in memory; allowed are {MAX_ROWS:,}")
    if plan is not None:
        table = plan.table()
    elif not rows.n_rows:
        raise PlanError(f"{path}: the table has no rows")
    else:
        schema = schema_of(["index", *(name for name in rows.names if name != "index")], str(path))
        if "index" not in rows.names:
            schema = schema.remove(schema.get_field_index("index"))
        table = check_filled(rows.read(0, rows.n_rows, schema), str(path))
    try:
        specs = check_values(to_specs(table))
    except ShapeError as error:
        raise PlanError(f"{path}: {error}") from None
    return Given(specs, carried(table))


def carried(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return the columns that say more of a patch than where it is."""
    return {name: table.column(name) for name in CARRIED if name in table.schema.names}

"""Between spec tables and the flat columns of a file: `coords` (n, ndim) is `coords_y`, `coords_x`, ..."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from patchplan.core.axes import spatial_axes
from patchplan.core.checks import check_inside, check_values
from patchplan.core.shapes import MAX_SIZE, Shape
from patchplan.core.specs import AXIS_FIELDS, PATCH_FIELDS, TILE_FIELDS, IntArray, SpecTable
from patchplan.errors import PlanError, ShapeError
from patchplan.images.boundary import one_line

EXTRA_TYPES = {
    "split": pa.string(),
    "fold": pa.int64(),
    "epoch": pa.int64(),
    "weight": pa.float64(),
    "source_index": pa.int64(),
}
"""Columns that only some plans have, after the specs."""

COUNTED = ("index", "fold", "epoch", "source_index")
"""Columns of numbers from 0."""

CARRIED = ("index", *EXTRA_TYPES)
"""Columns that say more of a patch than where it is."""


def flat_names(field: str, ndim: int) -> list[str]:
    """Return the column names of a spec field.

    Examples
    --------
    >>> flat_names("coords", 2), flat_names("data_idx", 2)
    (['coords_y', 'coords_x'], ['data_idx'])
    """
    if field not in AXIS_FIELDS:
        return [field]
    return [f"{field}_{letter.lower()}" for letter in spatial_axes(ndim)]


def table_schema(ndim: int, *, tiles: bool, extra: Sequence[str] = ()) -> pa.Schema:
    """Return the columns of a plan's rows, all int64 but `split` and `weight`."""
    fields = (*PATCH_FIELDS, *TILE_FIELDS) if tiles else PATCH_FIELDS
    names = ["index", *(name for field in fields for name in flat_names(field, ndim))]
    return pa.schema([(name, pa.int64()) for name in names] + [(name, EXTRA_TYPES[name]) for name in extra])


def schema_of(names: Sequence[str], source: str) -> pa.Schema:
    """Return the schema that a table with these column names must have.

    Raises
    ------
    PlanError
        If a column is missing, given twice or unknown.
    """
    ndim = 3 if "coords_z" in names else 2
    tiles = any(name.startswith(("crop_", "stitch_")) or name == "total_tiles" for name in names)
    schema = table_schema(ndim, tiles=tiles, extra=[name for name in EXTRA_TYPES if name in names])
    missing = [name for name in schema.names if name not in names]
    unknown = [name for name in names if name not in schema.names]
    if missing or unknown or len(names) > len(schema.names):
        named = {"missing": missing, "unknown": unknown}
        wrong = [f"{word} {one_line(', '.join(some), 400)}" for word, some in named.items() if some]
        raise PlanError(
            f"{source}: columns do not make a table of specs: {'; '.join(wrong) or 'some are given twice'}. "
            f"Allowed: {', '.join(schema.names)}"
        )
    return schema


def to_batch(specs: SpecTable, index: object, beside: Mapping[str, object] | None = None) -> pa.RecordBatch:
    """Return specs as flat columns, without copying where an axis is contiguous; `index` first, `beside` last."""
    columns: dict[str, Any] = {}
    for field, column in specs.columns().items():
        axes = column.T if field in AXIS_FIELDS else [column]
        columns |= zip(flat_names(field, specs.ndim), axes, strict=True)
    arrays = {name: pa.array(np.ascontiguousarray(column)) for name, column in columns.items()}
    return pa.RecordBatch.from_pydict({"index": index, **arrays, **(beside or {})})


def to_specs(table: pa.Table | pa.RecordBatch) -> SpecTable:
    """Return flat columns as specs."""
    ndim = 3 if "coords_z" in table.schema.names else 2
    fields = (*PATCH_FIELDS, *TILE_FIELDS) if "total_tiles" in table.schema.names else PATCH_FIELDS
    columns: dict[str, IntArray] = {}
    for field in fields:
        arrays = [table.column(name).to_numpy() for name in flat_names(field, ndim)]
        columns[field] = np.stack(arrays).T if field in AXIS_FIELDS else arrays[0]
    return SpecTable(**columns)


def check_rows(table: pa.Table, data_shapes: Sequence[Shape], source: str) -> pa.Table:
    """Return the table if its rows are whole numbers that fit the images, shapes S C (Z) Y X.

    Raises
    ------
    PlanError
        Naming file, row, column, found and allowed.
    """
    check_filled(table, source)
    try:
        check_inside(check_values(to_specs(table)), data_shapes)
    except ShapeError as error:
        raise PlanError(f"{source}: {error}") from None
    return table


def check_filled(table: pa.Table, source: str) -> pa.Table:
    """Return the table unless a field is empty, or a number that counts is negative (PlanError)."""
    for name in table.schema.names:
        if table.column(name).null_count:
            raise PlanError(f"{source}: column {name} has {table.column(name).null_count} empty (or NaN) fields")
        if name in COUNTED and len(table) and (lowest := table.column(name).to_numpy().min()) < 0:
            raise PlanError(f"{source}: column {name} has {lowest}; allowed are 0 and more")
    return table


def check_types(found: pa.Schema, wanted: pa.Schema, source: str) -> None:
    """Raise PlanError unless columns of whole numbers hold integers of some width."""
    for field in wanted:
        kind = found.field(field.name).type
        if pa.types.is_integer(field.type) and not pa.types.is_integer(kind):
            raise PlanError(f"{source}: column {field.name} is of type {str(kind)[:80]}; allowed: whole numbers")


def split_rows(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut [start, stop) into pieces of `size`."""
    for begin in range(start, stop, size):
        yield begin, min(begin + size, stop)


def regrouped(tables: Iterable[pa.Table], size: int, every: int = MAX_SIZE) -> Iterator[pa.Table]:
    """Yield the rows of tables in pieces of exactly `size`, but for the last of all and of each `every` rows.

    Examples
    --------
    >>> tables = [pa.table({"index": range(n)}) for n in (1, 4, 2)]
    >>> [len(piece) for piece in regrouped(tables, 3)], [len(piece) for piece in regrouped(tables, 3, every=4)]
    ([3, 3, 1], [3, 1, 3])
    """
    held: list[pa.Table] = []
    n_held, done = 0, 0
    for table in tables:
        begin = 0
        while n_held + len(table) - begin >= (wanted := min(size, every - done % every)):
            end = begin + wanted - n_held
            yield pa.concat_tables([*held, table.slice(begin, end - begin)])
            held, n_held, begin, done = [], 0, end, done + wanted
        if begin < len(table):
            held.append(table.slice(begin))
            n_held += len(table) - begin
    if held:
        yield pa.concat_tables(held)

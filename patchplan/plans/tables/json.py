"""Plans as JSON: one object with `header` and `specs`, each spec nested like PatchSpecs or TileSpecs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from patchplan.core.specs import AXIS_FIELDS, PATCH_FIELDS, TILE_FIELDS
from patchplan.errors import PlanError
from patchplan.objects import Location
from patchplan.plans.header import Header, parse_header
from patchplan.plans.tables.columns import EXTRA_TYPES, check_types, flat_names, split_rows
from patchplan.plans.tables.files import size_of

MAX_ROWS = 1_000_000
MAX_BYTES = 1 << 30
MAX_NESTED = 10 * MAX_ROWS
"""Lists and objects: a tile in 3-D has 6. Three bytes `[],` become 64 in memory."""

MAX_VALUES = 40 * MAX_ROWS
"""Values, of which such a tile has 25."""


def write(path: Path, header: Header, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a plan, one spec per line."""
    names = [
        "index",
        *(name for name in (*PATCH_FIELDS, *TILE_FIELDS, *EXTRA_TYPES) if _columns(name, schema)),
    ]
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"header": {header.to_json()},\n"specs": [')
        separator = "\n"
        for batch in batches:
            columns = [_nested(name, batch) for name in names]
            for row in zip(*columns, strict=True):
                file.write(separator + json.dumps(dict(zip(names, row, strict=True))))
                separator = ",\n"
        file.write("\n]}\n")


def _columns(field: str, schema: pa.Schema) -> list[str]:
    ndim = 3 if "coords_z" in schema.names else 2
    return [name for name in flat_names(field, ndim) if name in schema.names]


def _nested(field: str, batch: pa.RecordBatch) -> Iterable[Any]:
    columns = [batch.column(name).to_pylist() for name in _columns(field, batch.schema)]
    return zip(*columns, strict=True) if field in AXIS_FIELDS else columns[0]


def load(path: Location) -> Any:
    """Return a JSON document, unless it is larger than any plan, or would be when it is read."""
    if not path.is_file():  # a named pipe would be waited for
        raise PlanError(f"{path}: is no file")
    if size_of(path) > MAX_BYTES:
        raise PlanError(f"{path}: larger than {MAX_BYTES} bytes, too large for JSON. Use .parquet")
    text = path.read_bytes()
    if text.count(b"[") + text.count(b"{") > MAX_NESTED or text.count(b",") > MAX_VALUES:
        raise PlanError(
            f"{path}: holds more than any plan of {MAX_ROWS} rows; allowed are {MAX_NESTED} lists and objects, and "
            f"{MAX_VALUES} values. Use .parquet"
        )
    return json.loads(text)


class JsonRows:
    """Rows of a JSON file, read whole."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        document = self._load(path)
        rows = document.get("specs") if isinstance(document, Mapping) else document
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise PlanError(f"{path}: no table of specs: allowed are a list of specs, or an object with a list 'specs'")
        if len(rows) > MAX_ROWS:
            raise PlanError(f"{path}: {len(rows)} rows are too many for JSON; allowed are {MAX_ROWS}. Use .parquet")
        header = document.get("header") if isinstance(document, Mapping) else None
        self.header: Header | None = None if header is None else parse_header(json.dumps(header), self.source)
        self._table = self._flatten(rows)
        self.names: list[str] = self._table.schema.names
        self.n_rows: int = len(rows)

    def _load(self, path: Location) -> Any:
        try:
            return load(path)
        except PlanError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise PlanError(f"{path}: no readable JSON: {' '.join(str(error).split())[:200]}") from None

    def _flatten(self, rows: list[Mapping[str, Any]]) -> pa.Table:
        """Turn nested specs into columns; the first row says how many axes there are."""
        if not rows:
            return pa.table({})
        columns: dict[str, list[Any]] = {}
        for field in {"index": None} | dict.fromkeys(rows[0]):
            if field == "index" and field not in rows[0]:
                columns[field] = list(range(len(rows)))
                continue
            values = [row.get(field) for row in rows]
            columns |= self._axes(field, values) if field in AXIS_FIELDS else {field: values}
        try:
            return pa.table(columns)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise PlanError(f"{self.source}: no table of specs: {' '.join(str(error).split())[:200]}") from None

    def _axes(self, field: str, values: list[Any]) -> dict[str, list[Any]]:
        ndim = len(values[0]) if isinstance(values[0], list) else 0
        for row, value in enumerate(values):
            if ndim not in (2, 3) or not isinstance(value, list) or len(value) != ndim:
                allowed = f"a list of {ndim if ndim in (2, 3) else '2 or 3'} numbers"
                raise PlanError(f"{self.source}: {field} of spec {row} is {value!r:.100}; allowed: {allowed}")
        return dict(zip(flat_names(field, ndim), map(list, zip(*values, strict=True)), strict=True))

    def pieces(self, size: int, schema: pa.Schema, start: int, stop: int) -> Iterator[pa.Table]:
        """Return the rows [start, stop) in order, in pieces of at most `size`."""
        return (self.read(begin, end, schema) for begin, end in split_rows(start, stop, size))

    def read(self, start: int, stop: int, schema: pa.Schema) -> pa.Table:
        """Return the rows [start, stop)."""
        if start >= stop:
            return schema.empty_table()
        check_types(self._table.schema, schema, self.source)
        try:
            return self._table.slice(start, stop - start).select(schema.names).cast(schema)
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise PlanError(f"{self.source}: no table of specs: {' '.join(str(error).split())[:200]}") from None

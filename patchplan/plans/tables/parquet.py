"""Plans as Parquet: one row group per batch, the header in the file's metadata."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from patchplan.errors import PlanError
from patchplan.objects import Location, ObjectPath
from patchplan.plans.header import Header, parse_header
from patchplan.plans.tables.columns import check_types
from patchplan.plans.tables.files import size_of

KEY = b"patchplan"
FREE_ROWS = 10**6
ROWS_PER_BYTE = 1000
"""Rows that a file may hold per byte, beyond those that are free: grids, which are the densest, have about 100.
Equal values can be written in so few bytes that a file of kilobytes would fill any memory."""


def write(path: Path, header: Header, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a plan; every batch becomes a row group."""
    with pq.ParquetWriter(path, schema, **settings(schema)) as writer:
        writer.add_key_value_metadata({KEY: header.to_json().encode()})
        for batch in batches:
            writer.write_batch(batch)


def settings(schema: pa.Schema) -> dict[str, object]:
    """Return how columns are encoded: neighbouring rows of a grid differ by little."""
    numbers = [field.name for field in schema if pa.types.is_int64(field.type)]
    return {
        "compression": "zstd",
        "use_dictionary": [field.name for field in schema if field.name not in numbers],
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        "store_schema": False,
        "write_page_checksum": True,
    }


class ParquetRows:
    """Rows of a Parquet file, read by row group."""

    def __init__(self, path: Location) -> None:
        self.source = str(path)
        try:
            is_object = isinstance(path, ObjectPath)  # of which columns that lie together are fetched together
            file = path.open() if isinstance(path, ObjectPath) else path
            self._file = pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=is_object)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise PlanError(f"{path}: no readable Parquet file: {' '.join(str(error).split())[:200]}") from None
        counts = (self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups))
        self._bounds = [0]
        for count in counts:
            self._bounds.append(self._bounds[-1] + count)
        size = size_of(path)
        if self.n_rows > FREE_ROWS + ROWS_PER_BYTE * size:
            raise PlanError(f"{path}: is broken: it claims {self.n_rows:,} rows in {size:,} bytes")

    @property
    def header(self) -> Header | None:
        """The plan's header; None in a table made by hand."""
        text = (self._file.metadata.metadata or {}).get(KEY)
        return None if text is None else parse_header(text, self.source)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._file.schema_arrow.names
        return names

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._bounds[-1]

    def pieces(self, size: int, schema: pa.Schema, start: int, stop: int) -> Iterator[pa.Table]:
        """Return the rows [start, stop) in order, in pieces of at most `size`; never a whole row group at once."""
        groups = self._groups(start, stop)
        if not groups:
            return
        check_types(self._file.schema_arrow, schema, self.source)
        at = self._bounds[groups[0]]
        try:
            for batch in self._file.iter_batches(size, row_groups=groups, columns=schema.names):
                first, last = max(start - at, 0), min(stop - at, len(batch))
                at += len(batch)
                if first < last:
                    table = pa.Table.from_batches([batch]).slice(first, last - first)
                    yield table.replace_schema_metadata(None).select(schema.names).cast(schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise PlanError(
                f"{self.source}: rows from {at} on cannot be read: {' '.join(str(error).split())[:200]}"
            ) from None

    def _groups(self, start: int, stop: int) -> list[int]:
        """Return the row groups that hold the rows [start, stop)."""
        return [i for i in range(self._file.num_row_groups) if self._bounds[i] < stop and self._bounds[i + 1] > start]

    def read(self, start: int, stop: int, schema: pa.Schema) -> pa.Table:
        """Return the rows [start, stop), reading only the row groups that hold them."""
        groups = self._groups(start, stop)
        if not groups:
            return schema.empty_table()
        check_types(self._file.schema_arrow, schema, self.source)
        try:
            table = self._file.read_row_groups(groups, columns=schema.names)
            first = start - self._bounds[groups[0]]
            return table.slice(first, stop - start).replace_schema_metadata(None).select(schema.names).cast(schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise PlanError(
                f"{self.source}: rows {start} to {stop} cannot be read: {' '.join(str(error).split())[:200]}"
            ) from None

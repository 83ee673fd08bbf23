"""Plans as CSV: the same columns, and the header beside it in `NAME.csv.json` with the table's hash."""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
from pyarrow import csv

from patchplan.errors import PlanError
from patchplan.objects import Location, ObjectPath
from patchplan.plans.header import Header, parse_header
from patchplan.plans.tables.columns import split_rows
from patchplan.plans.tables.files import source_of
from patchplan.plans.tables.json import load

AnyPath = TypeVar("AnyPath", Path, ObjectPath, Location)

READ_BLOCK = 8 << 20


def is_header(path: Location) -> bool:
    """Tell whether a name is that of a CSV plan's header."""
    return path.name.lower().endswith(".csv.json")


def header_path(path: AnyPath) -> AnyPath:
    """Return where the header of a CSV plan stands."""
    return path.with_name(path.name + ".json")


def write(path: Path, beside: Path, header: Header, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write the table, and the header beside it."""
    digest = hashlib.sha256()
    with path.open("wb") as file, csv.CSVWriter(_Hashed(file, digest), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    document = {"table_sha256": digest.hexdigest(), "header": json.loads(header.to_json())}
    beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


class _Hashed(io.RawIOBase):
    """A sink that hashes what passes through it."""

    def __init__(self, file: BinaryIO, digest: Any) -> None:
        self._file = file
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return self._file.write(data)


class CsvRows:
    """Rows of a CSV file, streamed from its beginning."""

    def __init__(self, path: Location) -> None:
        self.path = path
        self.source = str(path)
        self._count: int | None = None
        self.header = self._read_header()
        try:
            with csv.open_csv(source_of(path), csv.ReadOptions(block_size=READ_BLOCK)) as reader:
                self.names: list[str] = reader.schema.names
        except (pa.ArrowException, OSError, ValueError) as error:
            raise PlanError(f"{path}: no readable CSV table: {_short(error)}") from None

    def _read_header(self) -> Header | None:
        beside = header_path(self.path)
        if not beside.exists():
            return None
        try:
            text = load(beside)
            expected, header = text["table_sha256"], json.dumps(text["header"])
        except PlanError:
            raise
        except (ValueError, TypeError, KeyError, RecursionError):
            raise PlanError(f"{beside}: the header is damaged; plan again") from None
        digest, lines = hashlib.sha256(), 0
        with self.path.open("rb") as file:
            while block := file.read(READ_BLOCK):
                digest.update(block)
                lines += block.count(b"\n")
        self._count = lines - 1
        if digest.hexdigest() != expected:
            raise PlanError(
                f"{self.path}: not the table that {beside.name} describes (another hash): it was edited, or writing "
                "it was interrupted. To plan an edited table, remove that header and use --strategy fixed --table"
            )
        return parse_header(header, str(beside))

    @property
    def n_rows(self) -> int:
        """Number of rows; without a header, counting them reads the file."""
        if self._count is None:
            schema = pa.schema([(name, pa.string()) for name in self.names])
            self._count = sum(len(batch) for batch in self._batches(schema))
        return self._count

    def pieces(self, size: int, schema: pa.Schema, start: int, stop: int) -> Iterator[pa.Table]:
        """Return the rows [start, stop) in order, in pieces of at most `size`: the file is parsed once."""
        at = 0
        for batch in self._batches(schema):
            if at >= stop:
                break
            first, last = max(start - at, 0), min(stop - at, len(batch))
            at += len(batch)
            for begin, end in split_rows(first, last, size):
                yield pa.Table.from_batches([batch.slice(begin, end - begin)], schema)

    def read(self, start: int, stop: int, schema: pa.Schema) -> pa.Table:
        """Return the rows [start, stop)."""
        kept: list[pa.RecordBatch] = []
        at = 0
        for batch in self._batches(schema):
            if at >= stop:
                break
            first, last = max(start - at, 0), min(stop - at, len(batch))
            if first < last:
                kept.append(batch.slice(first, last - first))
            at += len(batch)
        return pa.Table.from_batches(kept, schema)

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        types = {field.name: field.type for field in schema}
        convert = csv.ConvertOptions(column_types=types, include_columns=schema.names)
        try:
            with csv.open_csv(
                source_of(self.path), csv.ReadOptions(block_size=READ_BLOCK), convert_options=convert
            ) as reader:
                yield from reader
        except (pa.ArrowException, OSError, ValueError) as error:
            raise PlanError(f"{self.source}: no table of specs: {_short(error)}") from None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

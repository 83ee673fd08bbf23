"""Rows of a table file, whatever its format."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol

import pyarrow as pa

from patchplan.errors import PlanError
from patchplan.images.paths import SUFFIXES as IMAGES
from patchplan.objects import Location, ObjectPath
from patchplan.plans.header import Header
from patchplan.plans.tables import csv, json, parquet

SUFFIXES: dict[str, ModuleType] = {".parquet": parquet, ".csv": csv, ".json": json}


class Rows(Protocol):
    """Rows of a table file."""

    header: Header | None
    names: list[str]
    n_rows: int

    def read(self, start: int, stop: int, schema: pa.Schema) -> pa.Table:
        """Return the rows [start, stop)."""

    def pieces(self, size: int, schema: pa.Schema, start: int, stop: int) -> Iterator[pa.Table]:
        """Return the rows [start, stop) in order, in pieces of at most `size`."""


def check_suffix(path: Location) -> str:
    """Return the suffix of a plan or table; raise PlanError for a format that we do not know."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        hint = f"; patchplan plan {path.name} ... makes a plan of images" if suffix in IMAGES else ""
        raise PlanError(f"{path}: found suffix {path.suffix or 'none'!r}; allowed: {', '.join(SUFFIXES)}{hint}")
    return suffix


def open_rows(path: Location) -> Rows:
    """Open a table, with or without a header.

    Raises
    ------
    PlanError
        If it is missing, of another format, or damaged.
    """
    suffix = check_suffix(path)
    readers: dict[str, Any] = {".parquet": parquet.ParquetRows, ".csv": csv.CsvRows, ".json": json.JsonRows}
    try:
        if isinstance(path, ObjectPath):
            _check_object(path)
        elif path.is_dir():
            raise PlanError(f"{path}: is a folder, not a plan")
        elif not path.exists():
            raise PlanError(f"{path}: there is no such file; patchplan plan makes plans")
        elif not path.is_file():  # a named pipe would be waited for
            raise PlanError(f"{path}: is no file, but a pipe, a socket or a device; a plan is read more than once")
        rows: Rows = readers[suffix](path)
    except OSError as error:
        raise PlanError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from None
    return rows


def _check_object(path: ObjectPath) -> None:
    try:
        path.stat()
    except FileNotFoundError as error:
        if path.is_dir():
            raise PlanError(f"{path}: is a folder, not a plan") from None
        raise PlanError(f"{path}: {error.strerror}") from None

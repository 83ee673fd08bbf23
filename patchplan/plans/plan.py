"""A plan: a header and rows, on disk in one of three formats."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from patchplan.core.checks import check_values
from patchplan.core.offsets import check_range
from patchplan.core.specs import SpecTable
from patchplan.errors import PlanError, ShapeError
from patchplan.images import ImageInfo, ImageSource, reopen
from patchplan.patching.factory import create_patching
from patchplan.patching.protocol import Patching
from patchplan.plans.header import Header, ImageRecord
from patchplan.plans.tables import csv, json, parquet
from patchplan.plans.tables.columns import check_rows, schema_of, split_rows, table_schema, to_batch, to_specs

SUFFIXES: dict[str, ModuleType] = {".parquet": parquet, ".csv": csv, ".json": json}
BATCH_ROWS = 1 << 18


class Rows(Protocol):
    """Rows of a table file."""

    header: Header | None
    names: list[str]
    n_rows: int

    def read(self, start: int, stop: int, schema: pa.Schema) -> pa.Table:
        """Return the rows [start, stop)."""

    def extremes(self, schema: pa.Schema) -> pa.Table:
        """Return rows with the smallest and largest entries of each column, as far as they cost nothing to find."""


def check_suffix(path: Path) -> str:
    """Return the suffix of a plan or table; raise PlanError for a format that we do not know."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise PlanError(f"{path}: found suffix {path.suffix or 'none'!r}; allowed: {', '.join(SUFFIXES)}")
    return suffix


def open_rows(path: Path) -> Rows:
    """Open a table, with or without a header.

    Raises
    ------
    PlanError
        If it is missing, of another format, or damaged.
    """
    suffix = check_suffix(path)
    readers: dict[str, Any] = {".parquet": parquet.ParquetRows, ".csv": csv.CsvRows, ".json": json.JsonRows}
    try:
        if path.is_dir():
            raise PlanError(f"{path}: is a folder, not a plan")
        if not path.exists():
            raise PlanError(f"{path}: there is no such file")
        rows: Rows = readers[suffix](path)
    except OSError as error:
        raise PlanError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from None
    return rows


class Plan:
    """Patches or tiles to read, and the images they are of.

    Open one with `open_plan`. Rows are read from the file as they are asked for; a plan saved without rows
    computes them.
    """

    def __init__(self, path: Path, header: Header, rows: Rows, root: Path | None = None) -> None:
        self.path = path
        self.header = header
        self.root = path.parent if root is None else root
        self._rows = rows
        tiles, extra = header.tiles, [] if header.epochs is None else ["epoch"]
        self.schema = (
            schema_of(rows.names, str(path))
            if header.rows and rows.names
            else table_schema(header.ndim, tiles=tiles, extra=extra)
        )

    def check_extremes(self) -> None:
        """Refuse early what no image can hold; every row is checked against its own image when it is read."""
        patch_columns = self.schema.names[: 3 + 2 * self.header.ndim]
        largest = tuple(max(sizes) for sizes in zip(*self.data_shapes, strict=True))
        if not self.header.rows:
            return
        edges = self._rows.extremes(self.schema).select(patch_columns)
        try:
            check_rows(edges, [largest] * len(self.images), str(self.path))
        except PlanError:
            for _ in self.batches():
                pass  # reading them names the row
            raise

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The images, in the order of `data_idx`."""
        return self.header.images

    @property
    def n_patches(self) -> int:
        """Number of patches of one epoch."""
        return self.header.n_patches

    @property
    def n_rows(self) -> int:
        """Number of rows over all epochs."""
        return self.header.n_rows

    @cached_property
    def data_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the images, S C (Z) Y X."""
        return tuple(image.data_shape for image in self.images)

    @cached_property
    def patching(self) -> Patching:
        """The strategy: rebuilt from the header, or for a fixed plan from the rows."""
        config = dict(self.header.config["patching"])
        if config["name"] == "fixed":
            config = {"name": "fixed", "fixed_patch_specs": self.specs()}
        try:
            patching = create_patching(self.data_shapes, config)
        except ValueError as error:
            raise PlanError(f"{self.path}: the strategy cannot be rebuilt: {error}") from None
        if not self.header.rows:
            found = patching.n_patches, patching.get_patch_specs(0, 0).is_tiles
            if found != (self.header.n_patches, self.header.tiles):
                raise PlanError(
                    f"{self.path}: the strategy gives {found[0]} patches, but the header says {self.n_patches}"
                )
        return patching

    def image_path(self, data_idx: int) -> Path:
        """Return where an image should be: its uri below the plan's folder, or below `root`."""
        return self.root / self.images[data_idx].uri

    def open_image(self, data_idx: int) -> ImageSource:
        """Open an image as it was planned.

        Raises
        ------
        ImageError
            If it is not there, or has other axes, another shape or dtype than when it was planned.
        """
        record = self.images[data_idx].model_dump(exclude={"data_idx", "data_shape", "n_patches"})
        info = ImageInfo(**record, levels=(), notes=())
        z_as_samples = bool(self.header.config.get("z_as_samples"))
        return reopen(info, self.image_path(data_idx), z_as_samples=z_as_samples, ndim=self.header.ndim)

    def table(self, start: int = 0, stop: int | None = None) -> pa.Table:
        """Return the rows [start, stop) as flat columns.

        Raises
        ------
        IndexError
            Unless 0 <= start <= stop <= n_rows.
        PlanError
            If a row is damaged or does not fit its image.
        """
        start, stop = check_range(start, stop, self.n_rows)
        if self.header.rows:
            return check_rows(self._rows.read(start, stop, self.schema), self.data_shapes, str(self.path))
        batch = to_batch(self.patching.get_patch_specs(start, stop), np.arange(start, stop))
        return pa.Table.from_batches([batch], self.schema)

    def specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the rows [start, stop) as specs."""
        return to_specs(self.table(start, stop))

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.Table]:
        """Return all rows in pieces."""
        return (self.table(start, stop) for start, stop in split_rows(0, self.n_rows, size))

    def __len__(self) -> int:
        return self.n_rows


def open_plan(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> Plan:
    """Open a plan.

    Parameters
    ----------
    path : path
        A .parquet, .csv or .json file that `patchplan plan` wrote.
    root : path, optional
        Folder that the images' relative paths start from; the plan's folder by default.

    Raises
    ------
    PlanError
        If the file is missing, no plan, of another schema version or damaged.
    """
    path = Path(path)
    rows = open_rows(path)
    if rows.header is None:
        raise PlanError(
            f"{path}: a table without a header, so no plan; make it one with "
            "patchplan plan INPUT... --strategy fixed --table"
        )
    if rows.n_rows != (rows.header.n_rows if rows.header.rows else 0):
        raise PlanError(f"{path}: found {rows.n_rows} rows, but the header says {rows.header.n_rows}")
    plan = Plan(path, rows.header, rows, None if root is None else Path(root))
    plan.check_extremes()
    return plan


def read_table(path: Path) -> SpecTable:
    """Return the specs of a plan or of a table made by hand, in the order of its rows.

    Raises
    ------
    PlanError
        If it is missing, damaged, or lacks a column; a missing `index` is no harm.
    """
    rows = open_rows(path)
    if rows.header is not None:
        return open_plan(path).specs()
    if not rows.n_rows:
        raise PlanError(f"{path}: the table has no rows")
    schema = schema_of(["index", *(name for name in rows.names if name != "index")], str(path))
    if "index" not in rows.names:
        schema = schema.remove(schema.get_field_index("index"))
    table = rows.read(0, rows.n_rows, schema)
    for name in schema.names:
        if table.column(name).null_count:
            raise PlanError(f"{path}: column {name} has {table.column(name).null_count} empty fields")
    try:
        return check_values(to_specs(table))
    except ShapeError as error:
        raise PlanError(f"{path}: {error}") from None

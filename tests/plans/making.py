"""Images without content, plans of them, and plan files taken apart and put together again."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as pacsv

from patchplan import api
from patchplan.core.specs import AXIS_FIELDS, SpecTable
from patchplan.plans.plan import open_plan

SUFFIXES = (".parquet", ".csv", ".json")
TILED = {"name": "tiled", "patch_size": 64, "overlaps": 16}
LETTERS = {2: "TCYX", 3: "TCZYX"}

Row = dict[str, Any]


def make_image(path: Path, shape: Sequence[int] = (100, 80)) -> Path:
    """Write a sparse .npy of any size: planning never looks at pixels."""
    np.lib.format.open_memmap(path, "w+", np.uint8, tuple(shape))
    return path


def make_plan(folder: Path, suffix: str, config: Mapping[str, Any] = TILED, **options: Any) -> Path:
    """Plan an image of 100 x 80 pixels (unless `a.npy` is there already)."""
    image = folder / "a.npy"
    if not image.exists():
        make_image(image)
    plan = folder / f"plan{suffix}"
    api.plan(image, plan, config=config, **options)
    return plan


def rows_of(specs: SpecTable) -> list[Any]:
    """Specs as plain dicts."""
    return list(specs)


def use(path: Path) -> None:
    """Open a plan and use all of it: what is damaged must be found by one of these."""
    plan = open_plan(path)
    assert plan.table().num_rows == plan.n_rows == len(plan)
    assert plan.patching.n_patches >= 0


def take_apart(path: Path) -> tuple[list[Row], Any]:
    """Return rows (nested as in JSON) and header of a plan file."""
    if path.suffix == ".json":
        document = json.loads(path.read_text())
        return document["specs"], document["header"]
    if path.suffix == ".csv":
        return nest(pacsv.read_csv(path)), json.loads(beside(path).read_text())["header"]
    table = pq.read_table(path)
    return nest(table), json.loads(table.schema.metadata[b"patchplan"])


def put_together(path: Path, rows: list[Row], header: Any) -> None:
    """Write a plan file as we would, but with any rows and header: hashes are right, contents may be wrong."""
    if path.suffix == ".json":
        path.write_text(json.dumps({"header": header, "specs": rows}))
    elif path.suffix == ".csv":
        sink = io.BytesIO()
        pacsv.write_csv(flatten(rows), sink)
        path.write_bytes(sink.getvalue())
        digest = hashlib.sha256(sink.getvalue()).hexdigest()
        beside(path).write_text(json.dumps({"table_sha256": digest, "header": header}))
    else:
        pq.write_table(flatten(rows).replace_schema_metadata({"patchplan": json.dumps(header)}), path)


def edit(
    path: Path, rows: Callable[[list[Row]], Any] | None = None, header: Callable[[Any], Any] | None = None
) -> None:
    """Change rows or header of a plan file in place."""
    found, head = take_apart(path)
    if rows is not None:
        rows(found)
    if header is not None:
        header(head)
    put_together(path, found, head)


def beside(path: Path) -> Path:
    """Where a CSV plan has its header."""
    return path.with_name(path.name + ".json")


def nest(table: pa.Table) -> list[Row]:
    """Flat columns as nested rows: `coords_y`, `coords_x` become `coords: [y, x]`."""
    rows: list[Row] = []
    for flat in table.to_pylist():
        row: Row = {}
        for name, value in flat.items():
            field = name[:-2]
            if field in AXIS_FIELDS:
                row.setdefault(field, []).append(value)
            else:
                row[name] = value
        rows.append(row)
    return rows


def flatten(rows: list[Row]) -> pa.Table:
    """Nested rows as flat columns."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for field, value in row.items():
            if isinstance(value, list):
                for letter, entry in zip("zyx"[-len(value) :], value, strict=True):
                    columns.setdefault(f"{field}_{letter}", []).append(entry)
            else:
                columns.setdefault(field, []).append(value)
    return pa.table(columns)


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder and what is in them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

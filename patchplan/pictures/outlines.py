"""Outlines of patches for the page: rows packed as columns."""

import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.coverage.result import InspectResult
from patchplan.plans.plan import Plan

MAX_OUTLINES = 20_000
"""Outlines of one image."""

MAX_ROWS = 500_000
"""Rows held at once for outlines: 10 to 20 columns of 8 bytes each."""

LEFT_OUT = frozenset({"data_idx", "total_tiles", "fold", "weight"})
"""Columns that the page does not show; nor does it crop coordinates, which follow from the others."""


class Outlines(NamedTuple):
    """Rows of one image: how many, the names of its columns and how each is stored, and their bytes.

    A column is `{name, value}` where it is the same all along; else its bytes are in `data`, one column after
    the other: `i4` differences of neighbours, first bytes of all, then second bytes and so on; or plain `f8`.
    """

    n: int
    columns: list[dict[str, Any]]
    data: bytes


def outlines(plan: Plan, result: InspectResult, max_bytes: int) -> tuple[dict[int, Outlines], list[str]]:
    """Return the outlines of each image that has few enough, and the names of the splits.

    Images come in order; those that would make more than `max_bytes` in all are left out.
    """
    chosen, n_rows = [], 0
    for image in result.images:
        if image.n_patches <= MAX_OUTLINES and n_rows + image.n_patches <= MAX_ROWS:
            chosen.append(image.data_idx)
            n_rows += image.n_patches
    splits: dict[str, int] = {}
    found: dict[int, Outlines] = {}
    for data_idx, columns in _by_image(plan, chosen, splits):
        packed = pack(columns)
        max_bytes -= len(packed.data)
        if max_bytes < 0:
            break
        found[data_idx] = packed
    return found, list(splits)


def pack(columns: dict[str, IntArray]) -> Outlines:
    """Store columns of equal length in few bytes."""
    n = len(next(iter(columns.values())))
    named: list[dict[str, Any]] = []
    parts = []
    for name, values in columns.items():
        if not n or (values == values[0]).all():
            named.append({"name": name, "value": int(values[0]) if n else 0})
        elif abs(int(values.max())) < 2**31 and int(values.min()) >= 0:
            named.append({"name": name, "kind": "i4"})
            differences = np.diff(values, prepend=0).astype("<i4")
            parts.append(differences.view(np.uint8).reshape(-1, 4).T.tobytes())
        else:
            named.append({"name": name, "kind": "f8"})
            parts.append(values.astype("<f8").tobytes())
    return Outlines(n, named, zlib.compress(b"".join(parts), 9))


def _by_image(plan: Plan, chosen: Sequence[int], splits: dict[str, int]) -> Iterator[tuple[int, dict[str, IntArray]]]:
    """Yield the columns of the rows of each image chosen, in order."""
    if not plan.header.rows:
        first_row = [0, *accumulate(image.n_patches for image in plan.images)]
        for data_idx in chosen:
            start = first_row[data_idx]
            yield data_idx, _columns(plan.table(start, start + plan.images[data_idx].n_patches), slice(None), splits)
        return
    wanted = np.zeros(len(plan.images), bool)
    wanted[list(chosen)] = True
    owners, parts = [], []
    for table in plan.batches():
        owner = table.column("data_idx").to_numpy()
        here = np.flatnonzero(wanted[owner])
        owners.append(owner[here])
        parts.append(_columns(table, here, splits))
    if not parts:
        return
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    joined = {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}
    bounds = np.searchsorted(owner[order], [*chosen, len(plan.images)])
    for i, data_idx in enumerate(chosen):
        yield data_idx, {name: column[bounds[i] : bounds[i + 1]] for name, column in joined.items()}


def _columns(table: Any, rows: Any, splits: dict[str, int]) -> dict[str, IntArray]:
    """Return columns of some rows of a pyarrow table; splits as numbers."""
    found: dict[str, IntArray] = {}
    for name in table.schema.names:
        if name == "split":
            names = np.array(table.column(name).to_pylist(), object)[rows]
            found[name] = np.array([splits.setdefault(str(one), len(splits)) for one in names], np.int64)
        elif name not in LEFT_OUT and not name.startswith("crop_coords"):
            found[name] = table.column(name).to_numpy()[rows]
    return found

"""A part of a plan as a plan of its own: the same rows under the same indices."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from patchplan.core.specs import IntArray
from patchplan.patching.fixed import FixedPatching
from patchplan.plans.draft import relative
from patchplan.plans.epoch import EpochRows
from patchplan.plans.given import carried
from patchplan.plans.header import Header
from patchplan.plans.parts import Part, Parts
from patchplan.plans.tables.columns import to_specs
from patchplan.plans.words import SUBSET_OF
from patchplan.plans.write import write_plan


def write_subset(rows: EpochRows, positions: IntArray, path: Path, *, overwrite: bool = False) -> None:
    """Write the rows at these positions, ascending, as a plan whose tiles belong to the whole plan.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    at, tables = 0, [rows.table(0, 0)]
    for piece in rows.tables():
        here = positions[(positions >= at) & (positions < at + len(piece))] - at
        at += len(piece)
        tables.append(piece.take(pa.array(here)))
    table = pa.concat_tables(tables)
    specs = to_specs(table)
    part = Part(FixedPatching(specs), beside=carried(table))
    write_plan(path, _header(rows, specs.data_idx, path), [Parts([part])], columns=[*part.beside], overwrite=overwrite)


def _header(rows: EpochRows, data_idx: IntArray, path: Path) -> Header:
    plan = rows.plan
    counts = np.bincount(data_idx, minlength=len(plan.images)).tolist()
    images = tuple(
        image.model_copy(update={"n_patches": n, "uri": relative(str(plan.image_path(i)), path.parent)})
        for i, (image, n) in enumerate(zip(plan.images, counts, strict=True))
    )
    config = plan.header.config | {"patching": {"name": "fixed"}, SUBSET_OF: plan.digest}
    changed = {"config": config, "images": images, "n_patches": len(data_idx), "n_rows": len(data_idx)}
    return plan.header.model_copy(update=changed | {"rows": True, "epochs": None})

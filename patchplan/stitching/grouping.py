"""Rows of a table by image, and whether they are those of a complete grid."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from patchplan.core.specs import SpecTable
from patchplan.patching.protocol import Patching
from patchplan.patching.sequential import SequentialPatching
from patchplan.patching.tiled import TiledPatching
from patchplan.patching.whole import WholeSamplePatching
from patchplan.plans.epoch import EpochRows


def grid_strategy(rows: EpochRows) -> SequentialPatching | TiledPatching | WholeSamplePatching | None:
    """Return the strategy if the plan should be a complete grid."""
    if not rows.plan.header.is_strategy:
        return None
    strategy = rows.plan.patching
    if (
        not isinstance(strategy, SequentialPatching | TiledPatching | WholeSamplePatching)
        or strategy.n_patches != rows.n
    ):
        return None
    return strategy


def by_image(specs: SpecTable) -> Iterator[tuple[int, Any]]:
    """Yield each image of a table and its rows, in their order: slices where images follow each other."""
    if not len(specs):
        return
    owners = specs.data_idx
    order = None if (np.diff(owners) >= 0).all() else np.argsort(owners, kind="stable")
    if order is not None:
        owners = owners[order]
    bounds = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(owners)]
    for begin, end in pairwise(bounds):
        yield int(owners[begin]), slice(begin, end) if order is None else order[begin:end]


def same_rows(specs: SpecTable, strategy: Patching, start: int) -> bool:
    """Tell whether rows are those that a strategy has from `start` on."""
    wanted = strategy.get_patch_specs(start, start + len(specs)).columns()
    found = specs.columns()
    return found.keys() == wanted.keys() and all(np.array_equal(found[name], wanted[name]) for name in wanted)

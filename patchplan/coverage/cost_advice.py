"""One line on what would make a plan much cheaper to read: another order, or larger tiles."""

from collections.abc import Iterator
from functools import cache
from math import prod
from typing import NamedTuple

from patchplan.core.grid import GridAxis
from patchplan.coverage.cost import Loaded, Reading
from patchplan.coverage.cost_result import TotalCost
from patchplan.coverage.cost_rows import CostRows
from patchplan.coverage.cost_runs import N_RUNS, grid_runs, spans, whole
from patchplan.coverage.cost_touches import grid_touches
from patchplan.coverage.grids import read_histogram, solved
from patchplan.coverage.rows import PlanRows
from patchplan.patching.sequential import SequentialPatching
from patchplan.patching.tiled import TiledPatching

MORTON = "a loader that reads the same patches in Morton order"

WORTH = 2
"""Times cheaper from which it is told."""

TRIED_ROWS = 1 << 17
"""Rows of another grid that are followed."""

STRIDES = (2, 4)
"""Times longer strides that are tried, with the same overlap."""

MAX_TILE = 1 << 22
"""Pixels of a tile up to which larger ones are advised."""


class Try(NamedTuple):
    """A way to read the plan's images: times the images' own bytes that are loaded, and pixels that are read."""

    what: str
    loaded: float
    read: float


def advise(rows: PlanRows, reading: Reading, total: TotalCost) -> str | None:
    """Return what would load half as many bytes or read half as many pixels, if anything is known to.

    Of what is read no more may be loaded for it.
    """
    order, morton = total.plan_order, total.morton_order
    if order is None or morton is None or not order.amplification or not morton.amplification or order.at_most:
        return None
    own = total.bytes_read / total.bytes
    now = Try("", order.amplification * own, total.pixels_read / total.pixels)
    tries = [Try(MORTON, morton.amplification * own, now.read), *_larger(rows, reading, total)]
    better = [
        one
        for one in tries
        if one.loaded <= now.loaded and (one.loaded * WORTH <= now.loaded or one.read * WORTH <= now.read)
    ]
    if not better:
        return None
    best = min(better, key=lambda one: one.loaded * one.read)
    said = []
    if best.loaded < 0.95 * now.loaded:
        said.append(f"load {best.loaded:.3g} x the images' bytes instead of {now.loaded:.3g} x")
    if best.read < 0.95 * now.read:
        said.append(f"read {best.read:.3g} x the images' pixels instead of {now.read:.3g} x")
    return f"{best.what} would {' and '.join(said)}"


def _larger(rows: PlanRows, reading: Reading, total: TotalCost) -> Iterator[Try]:
    """Yield larger tiles of the same overlap, where the plan is one whole grid."""
    plan = rows.plan
    if plan.header.config["patching"]["name"] not in ("tiled", "sequential"):
        return
    patching = plan.patching
    if not isinstance(patching, TiledPatching | SequentialPatching) or patching.n_patches != plan.n_rows:
        return
    smallest = rows.sizes.min(axis=0).tolist()
    for times in STRIDES:
        size = [times * (a - b) + b for a, b in zip(patching.patch_size, patching.overlaps, strict=True)]
        if any(a > b for a, b in zip(size, smallest, strict=True)) or prod(size) > MAX_TILE:
            return
        larger = type(patching)(plan.data_shapes, size, patching.overlaps, multiple_of=patching.multiple_of)
        yield _tried(rows, reading, total, larger)


def _tried(rows: PlanRows, reading: Reading, total: TotalCost, patching: TiledPatching | SequentialPatching) -> Try:
    """Return what another grid costs: in closed form where that is known, else by a sample where it is large."""
    along = cache(_reads)
    grids = solved(patching) or []
    pixels = [shape[0] * prod(map(along, axes)) for shape, axes in grids]
    wanted = [n * size for n, size in zip(pixels, reading.pixel_bytes, strict=True)]
    if reading.holds_all or reading.holds_none:
        touches = grid_touches(grids, reading.places)
        loaded = Loaded(reading.places.kinds if reading.holds_all else touches.kinds, wanted, at_most=False)
    elif patching.n_patches <= TRIED_ROWS:
        loaded = reading.loaded([whole(CostRows.of(patching.get_patch_specs(), rows.sizes))])
    else:
        parts = spans(patching.n_patches, TRIED_ROWS // N_RUNS)
        loaded = reading.loaded(grid_runs(patching, rows.sizes, reading.places, reading.cache, parts))
    n_bytes = sum(reading.bytes_of(loaded, data_idx) for data_idx in range(len(wanted)))
    size = " x ".join(map(str, patching.patch_size))
    what = f"tiles of {size} with the same overlap"
    return Try(what, n_bytes / sum(loaded.wanted) * sum(wanted) / total.bytes, sum(pixels) / total.pixels)


def _reads(axis: GridAxis) -> int:
    """Return how many pixels of an axis its patches read together."""
    return sum(visits * n for visits, n in read_histogram(axis).items())

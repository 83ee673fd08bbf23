"""Maps of how often pixels are visited, exact for any plan and any size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.coverage.rows import PlanRows, Progress
from patchplan.pictures.extremes import extremes
from patchplan.pictures.grids import GridMaps
from patchplan.pictures.panels import Panel, in_step
from patchplan.pictures.sums import Sums
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import Plan

Map = NDArray[np.float64]


def visit_maps(
    plan: Plan, panels: Sequence[Panel], value: MapValue = "mean", progress: Progress | None = None
) -> list[Map]:
    """Return a map of visits for each panel: mean, fewest or most of the pixels that a picture pixel covers."""
    if not plan.header.rows:
        grid = GridMaps(plan)
        if value == "mean":
            return [_mean(grid.map(panel, "sum"), panel) for panel in panels]
        return [grid.map(panel, value).astype(np.float64) for panel in panels]
    rows = PlanRows(plan, progress)
    if value != "mean":
        return [found.astype(np.float64) for found in extremes(rows, panels, value)]
    sums = Sums(rows, panels)
    for piece in rows.pieces():
        sums.add(piece.specs)
    return [_mean(found, panel) for found, panel in zip(sums.finish(), panels, strict=True)]


def _mean(sums: NDArray[Any], panel: Panel) -> Map:
    mean: Map = (sums / panel.areas()).astype(np.float64)
    return mean


def coarser(panel: Panel, values: Map, side: int, strides: tuple[int, int]) -> tuple[Panel, Map]:
    """Return means of whole picture pixels of another map of means: `side` or fewer, in step with a grid's strides."""
    least = max(1, -(-max(panel.shape) // side))
    times = [in_step(least, max(1, stride // each)) for each, stride in zip(panel.block, strides, strict=True)]
    coarse = panel._replace(block=(panel.block[0] * times[0], panel.block[1] * times[1]))
    sums = values * panel.areas().astype(np.float64)
    for axis in (0, 1):
        sums = np.add.reduceat(sums, np.arange(0, panel.shape[axis], times[axis]), axis=axis)
    return coarse, sums / coarse.areas().astype(np.float64)

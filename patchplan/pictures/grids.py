"""Maps of grids: what each axis has, and the product of the axes, without a row or a canvas."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.grid import GridAxis
from patchplan.core.specs import IntArray
from patchplan.patching.config import OverlapConfig
from patchplan.patching.factory import STRATEGIES, create_patching
from patchplan.patching.sequential import SequentialPatching
from patchplan.patching.tiled import TiledPatching
from patchplan.pictures.panels import Panel
from patchplan.plans.plan import Plan

MAX_PATCHES = 1 << 20
"""Patches of an axis that are looked at at once."""


@dataclass(frozen=True)
class AxisPicture:
    """Picture pixels of one axis: sum, fewest and most visits of their pixels."""

    sum: IntArray
    min: IntArray
    max: IntArray


def grid_axes(plan: Plan, data_idx: int) -> tuple[GridAxis, ...]:
    """Return the axes of an image of a plan that is saved without rows, and so is a grid."""
    patching = plan.patching
    if isinstance(patching, SequentialPatching | TiledPatching):
        return patching.grid_axes(data_idx)
    return tuple(GridAxis(size, size) for size in plan.data_shapes[data_idx][2:])


def grid_strides(plan: Plan) -> tuple[int, int]:
    """Return the strides YX of the grid that a plan's patches are taken from; 1 where there is none."""
    config = plan.header.config["patching"]
    is_grid = issubclass(STRATEGIES[config["name"]], OverlapConfig)
    patching = create_patching([(1, 1, *[1] * plan.header.ndim)], config) if is_grid else None
    if not isinstance(patching, SequentialPatching | TiledPatching):
        return 1, 1
    y, x = (axis.stride for axis in patching.grid_axes(0)[-2:])
    return y, x


class GridMaps:
    """Maps of any number of panels of one grid; equal axes are solved once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._solve: Callable[[GridAxis, int], AxisPicture] = cache(axis_picture)

    def map(self, panel: Panel, what: str) -> NDArray[Any]:
        """Return the sum, min or max of visits per picture pixel."""
        axes = grid_axes(self._plan, panel.data_idx)
        solved = [self._solve(axis, factor) for axis, factor in zip(axes, panel.factors, strict=True)]
        values = [getattr(one, what) for one in solved]
        most = reduce(lambda product, axis: product * int(axis.max()), values, 1)
        exact = [axis.astype(object if most >= 2**63 else np.int64) for axis in values]
        product: NDArray[Any] = reduce(np.multiply.outer, exact)
        return product.reshape(panel.shape)


def axis_picture(axis: GridAxis, factor: int) -> AxisPicture:
    """Return what the patches of an axis come to, per `factor` pixels."""
    n = -(-axis.size // factor)
    group = max(1, MAX_PATCHES // (factor // axis.stride + axis.patch // axis.stride + 2))
    parts = [_part(axis, factor, low, min(n, low + group)) for low in range(0, n, group)]
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    return AxisPicture(*joined)


def _part(axis: GridAxis, factor: int, first: int, last: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return the same of the picture pixels [first, last)."""
    low, high = first * factor, min(axis.size, last * factor)
    begin, end = max(0, (low - axis.patch) // axis.stride), min(axis.n - 1, high // axis.stride + 1)
    starts = axis.starts(np.append(np.arange(begin, end), axis.n - 1))  # the last may be shifted back
    stops = np.minimum(starts + axis.patch, axis.size)
    here = (starts < high) & (stops > low)
    starts, stops = starts[here].clip(min=low), stops[here].clip(max=high)
    edges: IntArray = np.unique(np.concatenate([starts, stops, np.arange(low, high, factor), [high]]))
    steps: IntArray = np.zeros(len(edges), np.int64)
    np.add.at(steps, np.searchsorted(edges, starts), 1)
    np.add.at(steps, np.searchsorted(edges, stops), -1)
    visits = np.cumsum(steps)[:-1]
    begins = np.flatnonzero(np.diff(edges[:-1] // factor, prepend=-1))
    sums = np.add.reduceat(visits * np.diff(edges), begins)
    return sums, np.minimum.reduceat(visits, begins), np.maximum.reduceat(visits, begins)

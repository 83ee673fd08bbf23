"""How many visits the pixels of each picture pixel have in all, from rows as they come.

Along an axis, a box [a, b) covers of picture pixel i, which begins at i * factor,

    cover(a, i) - cover(b, i),   cover(t, i) = 0, factor - t % factor, factor   for i <, =, > t // factor

so its differences are four numbers per axis. They are scattered into an array of the picture's size and
summed along both axes in the end: memory is that of the pictures, whatever the images and the rows.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.coverage.rows import PlanRows, boxes_of
from patchplan.pictures.panels import Panel

EXACT = 2**63
"""Sums from here on are Python's whole numbers: slow, but exact."""


class Sums:
    """Sums of visits per picture pixel, of any number of panels at once."""

    def __init__(self, rows: PlanRows, panels: Sequence[Panel], exact: int = EXACT) -> None:
        self._rows, self._panels = rows, panels
        most = max((max(1, rows.plan.n_rows) * panel.covers for panel in panels), default=0)
        self._wide = most >= exact
        samples = [rows.first_sample[panel.data_idx] + panel.sample_idx for panel in panels]
        self._samples: IntArray = np.array(samples, np.int64)
        self._block: IntArray = np.array([panel.block for panel in panels], np.int64).reshape(-1, 2)
        self._stride: IntArray = np.array([panel.shape[1] + 2 for panel in panels], np.int64)
        lengths = [(panel.shape[0] + 2) * (panel.shape[1] + 2) for panel in panels]
        self._offset: IntArray = np.cumsum([0, *lengths])
        self._flat: NDArray[Any] = np.zeros(self._offset[-1], object if self._wide else np.int64)

    def add(self, specs: SpecTable) -> None:
        """Add what rows read."""
        boxes = boxes_of(self._rows, specs, kept=False)
        panel = np.minimum(np.searchsorted(self._samples, boxes.sample), len(self._samples) - 1)
        mine = np.flatnonzero(self._samples[panel] == boxes.sample)
        panel = panel[mine]
        block, stride, offset = self._block[panel].T, self._stride[panel], self._offset[panel]
        starts, stops = ([side[mine].astype(np.int64) for side in sides] for sides in boxes[1:])
        depth = stops[0] - starts[0] if len(starts) == 3 else np.ones(len(mine), np.int64)
        steps = [self._steps(*axis) for axis in zip(starts[-2:], stops[-2:], block, strict=True)]
        for (row, high), (column, wide) in product(*steps):
            np.add.at(self._flat, offset + row * stride + column, self._number(depth) * high * wide)

    def _steps(self, start: IntArray, stop: IntArray, factor: IntArray) -> list[tuple[IntArray, NDArray[Any]]]:
        """Return where on an axis the differences of boxes lie, and what they are."""
        found = []
        for at, sign in ((start, 1), (stop, -1)):
            pixel, rest = np.divmod(at, factor)
            found.append((pixel, self._number(sign * (factor - rest))))
            if rest.any():
                found.append((pixel + 1, self._number(sign * rest)))
        return found

    def _number(self, values: IntArray) -> NDArray[Any]:
        return values.astype(object) if self._wide else values

    def finish(self) -> list[NDArray[Any]]:
        """Return the sums of all panels."""
        return [self._plane(i, panel) for i, panel in enumerate(self._panels)]

    def _plane(self, i: int, panel: Panel) -> NDArray[Any]:
        height, width = panel.shape
        plane = self._flat[self._offset[i] : self._offset[i + 1]].reshape(height + 2, width + 2)
        return np.cumsum(np.cumsum(plane, axis=0), axis=1)[:height, :width]

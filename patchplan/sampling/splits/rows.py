"""Splits of listed patches: boxes of any place and size, overlapping or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patchplan.core.cells import BoolArray
from patchplan.core.seeds import seed_sequence
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.plans.settings.splits import SplitConfig
from patchplan.sampling.splits.arranging import dense
from patchplan.sampling.splits.choosing import LEFT_OUT, Asked, Labels, choose
from patchplan.sampling.splits.touching import Boxes, touching

MAX_PAIRS = 1 << 25
"""Pairs of rows that are looked at to find the row with the fewest neighbours, which is best left to training."""


@dataclass(frozen=True, eq=False)
class RowSplit:
    """Labels of rows, shape (n_folds, n): 0 train, 1 validation, 2 test, -1 left out, too near to another split."""

    labels: Labels

    @property
    def lost(self) -> tuple[int, ...]:
        """Return how many rows are left out in each fold."""
        return tuple(np.count_nonzero(self.labels == LEFT_OUT, axis=1).tolist())


def split_rows(specs: SpecTable, data_shapes: Sequence[Sequence[int]], config: SplitConfig) -> RowSplit:
    """Split listed patches; no two splits of a fold share a pixel, context counted in.

    Rows for validation and test are taken in blocks of cells as large as the median patch, in random order,
    of each sample in proportion. Rows too near to those of another split are left out.

    Parameters
    ----------
    specs : SpecTable
        The patches; they may hang over their image.
    data_shapes : sequence of sequence of int
        Shapes of the images, S C (Z) Y X.
    config : SplitConfig
        What is asked; `by` is not looked at.

    Raises
    ------
    ConfigError
        If more are asked than there is room for, naming the largest possible number (the largest found, with
        more than 5,000 rows of irregular places).
    """
    context, block = config.per_axis(specs.ndim)
    units = RowUnits(specs, data_shapes, context)
    rng = np.random.default_rng(seed_sequence(config.seed))
    return RowSplit(choose(units, Asked.of_config(config, len(specs)), block, rng))


class RowUnits:
    """Rows of a table as units; see `Units`."""

    def __init__(self, specs: SpecTable, data_shapes: Sequence[Sequence[int]], context: Shape) -> None:
        shapes = np.array([list(shape) for shape in data_shapes], np.int64)
        sizes = shapes[specs.data_idx, 2:].T
        self._sample = (np.cumsum(shapes[:, 0]) - shapes[:, 0])[specs.data_idx] + specs.sample_idx
        start = specs.coords.T
        stop = np.minimum(start + specs.patch_size.T, sizes)
        self._cell = np.maximum(np.median(specs.patch_size, axis=0).astype(np.int64), 1) if len(specs) else 1
        # Both boxes grow, so one alone grows by twice the context; more than the image is no more.
        twice = np.array([[min(2 * pixels, int(shapes[:, axis + 2].max()))] for axis, pixels in enumerate(context)])
        self._boxes = self._with_sample(start, stop)
        self._grown = self._with_sample(np.maximum(start - twice, 0), sizes - np.maximum(sizes - stop - twice, 0))
        self.eligible = self.trainable = np.ones(len(specs), bool)

    def _with_sample(self, start: IntArray, stop: IntArray) -> Boxes:
        return Boxes(np.vstack([self._sample, start]), np.vstack([self._sample + 1, stop]))

    def places(self, units: IntArray) -> tuple[IntArray, IntArray]:
        """Return samples, and places in a grid of cells as large as the median patch."""
        return self._sample[units], self._boxes.start[1:, units] // np.reshape(self._cell, (-1, 1))

    def near(self, chosen: BoolArray) -> BoolArray:
        """Tell which rows share a pixel with a chosen one."""
        return touching(self._boxes, self._grown.take(np.flatnonzero(chosen)))

    def reserve(self, free: BoolArray, closed: BoolArray) -> BoolArray:
        """Return the neighbours of the row that has the fewest."""
        candidates = self._lonely(np.flatnonzero(~closed))
        best = free
        for row in candidates.tolist():
            taken = free & self._boxes.within(self._grown.take(np.array([row])))
            if np.count_nonzero(taken) < np.count_nonzero(best):
                best = taken
        return best

    def _lonely(self, rows: IntArray) -> IntArray:
        """Return the rows in the places that the fewest share, if there are too many to look at each."""
        most = max(1, MAX_PAIRS // max(len(self._sample), 1))
        if len(rows) <= most:
            return rows
        sample, place = self.places(rows)
        number = dense(sample)
        for along in map(dense, place):
            number = dense(number * (int(along.max()) + 1) + along)
        return rows[np.argsort(np.bincount(number)[number], kind="stable")[:most]]

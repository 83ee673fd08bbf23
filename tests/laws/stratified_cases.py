"""Samples and scenes for the laws of stratified patching, and the slow obvious way to weigh their coordinates."""

from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from patchplan.core.cells import CellGrid
from patchplan.core.regions import Regions
from patchplan.patching.stratified import StratifiedPatching

BELOW_ONE = np.nextafter(1.0, 0.0)


class Sample(NamedTuple):
    """One sample: its size and patch, the cells to exclude, and p by cell."""

    size: tuple[int, ...]
    patch: tuple[int, ...]
    excluded: tuple[tuple[int, ...], ...] = ()
    probs: tuple[tuple[tuple[int, ...], float], ...] = ()

    @property
    def grid(self):
        return tuple((size + 1) // patch for size, patch in zip(self.size, self.patch, strict=True))

    def patching(self, seed=0):
        patching = StratifiedPatching([(1, 1, *self.size)], self.patch, seed)
        patching.exclude_patches(0, 0, self.excluded)
        patching.set_region_probs(0, 0, dict(self.probs))
        return patching

    def regions(self):
        regions = Regions(CellGrid(self.size, self.patch))
        regions.exclude(self.excluded)
        regions.set_probs(dict(self.probs))
        return regions

    def cell(self, coords):
        return tuple(c // patch for c, patch in zip(coords, self.patch, strict=True))

    def touches(self, coords, cell):
        """Tell whether a patch shares a pixel with a cell."""
        return all(c < (g + 1) * p and g * p < c + p for c, g, p in zip(coords, cell, self.patch, strict=True))

    def weights(self):
        """Return p of every coordinate a patch can have; 0 where the patch touches an excluded cell."""
        probs = dict(self.probs)
        last = (size - patch for size, patch in zip(self.size, self.patch, strict=True))
        return {
            coords: 0.0
            if any(self.touches(coords, cell) for cell in self.excluded)
            else probs.get(self.cell(coords), 1.0)
            for coords in product(*(range(n + 1) for n in last))
        }

    def region_weights(self):
        """Return the summed p of every region that can be drawn."""
        total: dict[tuple[int, ...], Fraction] = {}
        for coords, weight in self.weights().items():
            if weight:
                cell = self.cell(coords)
                total[cell] = total.get(cell, Fraction(0)) + Fraction(weight)
        return total


QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
"""Probabilities whose sums are exact."""


@st.composite
def samples(draw, probs=QUARTERS, max_patch=4):
    ndim = draw(st.sampled_from([2, 2, 3]))
    patch = tuple(draw(st.integers(1, max_patch)) for _ in range(ndim))
    most = 13 if ndim == 2 else 8
    size = tuple(draw(st.integers(p, max(p, most))) for p in patch)
    cells = st.tuples(*(st.integers(0, (s + 1) // p - 1) for s, p in zip(size, patch, strict=True)))
    excluded = draw(st.lists(cells, max_size=8))
    chosen = draw(st.dictionaries(cells, probs, max_size=8))
    return Sample(size, patch, tuple(excluded), tuple(chosen.items()))


@st.composite
def scenes(draw):
    """Images of one patch size, and changes to some of their samples."""
    ndim = draw(st.sampled_from([2, 3]))
    patch = tuple(draw(st.integers(1, 4)) for _ in range(ndim))
    size = st.tuples(*(st.integers(p, 2 * p + 2) for p in patch))
    sizes = draw(st.lists(size, min_size=1, max_size=3))
    shapes = [(draw(st.integers(1, 3)), 1, *draw(st.sampled_from(sizes))) for _ in range(draw(st.integers(1, 5)))]
    changes = []
    for _ in range(draw(st.integers(0, 6))):
        data_idx = draw(st.integers(0, len(shapes) - 1))
        sample_idx = draw(st.integers(0, shapes[data_idx][0] - 1))
        axes = zip(shapes[data_idx][2:], patch, strict=True)
        cells = st.tuples(*(st.integers(0, (s + 1) // p - 1) for s, p in axes))
        changes.append((data_idx, sample_idx, draw(st.lists(cells, max_size=4))))
    return shapes, patch, changes


def patching_of(scene, seed=0):
    shapes, patch, changes = scene
    patching = StratifiedPatching(shapes, patch, seed)
    for change in changes:
        patching.exclude_patches(*change)
    return patching


def epochs(patching, n):
    """Return the coordinates of n epochs, shape (n, n_patches, ndim)."""
    return np.stack([patching.get_patch_specs().coords for _ in range(n)])


def all_rows(*axes):
    return np.stack([column.ravel() for column in np.meshgrid(*axes, indexing="ij")], axis=1)


def midpoints(n):
    return (np.arange(n) + 0.5) / n

"""Which patches are in the region of their image."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from math import ceil, prod
from pathlib import Path
from typing import Literal

import numpy as np

from patchplan.core.cells import BoolArray
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ShapeError
from patchplan.images import ImageSource
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.sampling.regions.coordinates import Coordinates, find_coordinates
from patchplan.sampling.regions.opening import regions_of
from patchplan.sampling.regions.region import Region

Keep = Literal["inside", "touching", "covered"]

MAX_PIXELS = 2**62
"""Pixels of an image, so that what is counted fits in int64."""


def open_regions(sources: Sequence[ImageSource], config: RegionsConfig, *, base: Path) -> "RegionTest":
    """Return the test that patches of these images must pass.

    Parameters
    ----------
    sources : sequence of ImageSource
    config : RegionsConfig
    base : Path
        What relative paths start from.

    Raises
    ------
    ConfigError
        If the config does not fit the images.
    ImageError
        If a file of regions is missing or broken, does not fit its image, or no image has a region.
    """
    notes: list[str] = []
    regions = regions_of(sources, config, base, notes)
    return RegionTest(regions, [source.data_shape for source in sources], config.keep, config.coverage, notes)


class RegionTest:
    """Tells which patches are in the region of their image: inside it, touching it, or covered by a share of it.

    Parameters
    ----------
    regions : sequence of Region
        One per image.
    data_shapes : sequence of Shape
        S C (Z) Y X.
    keep : {"inside", "touching", "covered"}
    coverage : float
        For covered: least share of a patch in the region, 0 < coverage <= 1. Of a patch that hangs over its image
        only the pixels inside count, here and elsewhere.
    notes : sequence of str
        What a user should know of the regions, one line each.
    """

    def __init__(
        self,
        regions: Sequence[Region],
        data_shapes: Sequence[Shape],
        keep: Keep = "covered",
        coverage: float = 0.5,
        notes: Sequence[str] = (),
    ) -> None:
        self.regions = regions
        self.data_shapes = data_shapes
        self.notes = tuple(notes)
        for data_idx, shape in enumerate(data_shapes):
            if prod(shape[2:]) > MAX_PIXELS:
                raise ShapeError("has more than 2**62 pixels; with regions that is too many", data_idx)
        self._coordinates: dict[tuple[object, ...], Coordinates] = {}
        self._pixels: dict[tuple[object, ...], int] = {}
        # The number as it is written: 0.1 of 30 pixels are 3, not a little more.
        self._share = Fraction(repr(float(coverage))) if keep == "covered" else Fraction(keep == "inside")

    def keeps(self, specs: SpecTable) -> BoolArray:
        """Return which patches are in the region by the rule, shape (n,)."""
        kept = np.zeros(len(specs), bool)
        for rows, start, stop, counts in self._counted(specs):
            kept[rows] = counts >= self.needed((stop - start).prod(axis=1))
        return kept

    def touches(self, specs: SpecTable) -> BoolArray:
        """Return which patches have a pixel in the region, shape (n,)."""
        touched = np.zeros(len(specs), bool)
        for rows, _, _, counts in self._counted(specs):
            touched[rows] = counts > 0
        return touched

    def fraction(self, data_idx: int, sample_idx: int) -> float:
        """Return the share of a sample's pixels that are in the region."""
        return self.n_pixels(data_idx, sample_idx) / prod(self.data_shapes[data_idx][2:])

    def n_pixels(self, data_idx: int, sample_idx: int) -> int:
        """Return how many of a sample's pixels are in the region."""
        region, stop = self.regions[data_idx], np.array([self.data_shapes[data_idx][2:]])
        key = (data_idx, region.plane(sample_idx))
        if key not in self._pixels:
            self._pixels[key] = int(region.counts(sample_idx, np.zeros_like(stop), stop)[0])
        return self._pixels[key]

    def coordinates(self, data_idx: int, sample_idx: int, patch_size: Shape) -> Coordinates:
        """Return where patches of this size pass in a sample: worked out once."""
        region, image = self.regions[data_idx], self.data_shapes[data_idx][2:]
        key = (data_idx, region.plane(sample_idx), patch_size)
        if key not in self._coordinates:
            area = np.minimum(patch_size, image).prod()
            needed = int(self.needed(np.array([area]))[0])
            count = partial(region.counts, sample_idx)
            self._coordinates[key] = find_coordinates(count, needed, image, patch_size)
        return self._coordinates[key]

    def needed(self, pixels: IntArray) -> IntArray:
        """Return how many pixels of patches with so many must be in the region: at least one."""
        sizes, which = np.unique(pixels, return_inverse=True)
        needed = np.array([max(1, ceil(self._share * size)) for size in sizes.tolist()], np.int64)
        return needed[which.reshape(pixels.shape)]

    def _counted(self, specs: SpecTable) -> Iterator[tuple[IntArray, IntArray, IntArray, IntArray]]:
        """Yield rows of a sample, or of samples with the same region; where they start and stop; and their counts."""
        order = np.argsort(specs.data_idx, kind="stable")
        for of_image in np.split(order, np.flatnonzero(np.diff(specs.data_idx[order])) + 1) if len(order) else []:
            data_idx = int(specs.data_idx[of_image[0]])
            size, region = self.data_shapes[data_idx][2:], self.regions[data_idx]
            for sample_idx, rows in _by_plane(region, specs.sample_idx, of_image):
                start = specs.coords[rows]
                stop = np.minimum(start + specs.patch_size[rows], size)
                yield rows, start, stop, region.counts(sample_idx, start, stop)


def _by_plane(region: Region, sample_idx: IntArray, rows: IntArray) -> Iterator[tuple[int, IntArray]]:
    """Yield rows that have the same region, with one of their samples."""
    samples, which = np.unique(sample_idx[rows], return_inverse=True)
    planes: dict[object, int] = {}
    group = np.array([planes.setdefault(region.plane(sample), len(planes)) for sample in samples.tolist()])
    if len(planes) == 1:
        yield int(samples[0]), rows
        return
    of_row = group[which.reshape(-1)]
    for number in range(len(planes)):
        yield int(samples[np.argmax(group == number)]), rows[of_row == number]

"""Which patches are in the region of their image."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from math import ceil, prod
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from patchplan.core.cells import BoolArray
from patchplan.core.lottery import Lottery
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ShapeError
from patchplan.images import ImageSource
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.sampling.regions.chances import Chances
from patchplan.sampling.regions.coordinates import Coordinates, Rule, find_coordinates
from patchplan.sampling.regions.drawable import find_drawable
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
    shapes, uris = [source.data_shape for source in sources], [source.uri for source in sources]
    return RegionTest(regions, shapes, config.keep, config.coverage, notes, uris)


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
    uris : sequence of str
        Where the images are, for messages.
    """

    def __init__(
        self,
        regions: Sequence[Region],
        data_shapes: Sequence[Shape],
        keep: Keep = "covered",
        coverage: float = 0.5,
        notes: Sequence[str] = (),
        uris: Sequence[str] = (),
    ) -> None:
        self.regions = regions
        self.data_shapes = data_shapes
        self.notes = tuple(notes)
        self._uris = uris
        for data_idx, shape in enumerate(data_shapes):
            if prod(shape[2:]) > MAX_PIXELS:
                raise ShapeError("has more than 2**62 pixels; with regions that is too many", data_idx)
        self._coordinates: dict[tuple[object, ...], Coordinates] = {}
        self._drawable: WeakKeyDictionary[Lottery, dict[tuple[object, ...], Coordinates]] = WeakKeyDictionary()
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
        key = (data_idx, self.regions[data_idx].plane(sample_idx), patch_size)
        if key not in self._coordinates:
            self._coordinates[key] = find_coordinates(self.rule(data_idx, sample_idx, patch_size))
        return self._coordinates[key]

    def drawable(
        self, data_idx: int, sample_idx: int, patch_size: Shape, lottery: Lottery, chances: Chances
    ) -> Coordinates:
        """Return those of them at which a lottery with these chances draws: worked out once for each lottery."""
        known = self._drawable.setdefault(lottery, {})
        key = (data_idx, self.regions[data_idx].plane(sample_idx), patch_size)
        if key not in known:
            found = self.coordinates(data_idx, sample_idx, patch_size)
            known[key] = find_drawable(found, self.rule(data_idx, sample_idx, patch_size), chances)
        return known[key]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_drawable"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _drawable=WeakKeyDictionary())

    def rule(self, data_idx: int, sample_idx: int, patch_size: Shape) -> Rule:
        """Return when patches of this size pass in a sample."""
        image = self.data_shapes[data_idx][2:]
        needed = int(self.needed(np.minimum(patch_size, image).prod(keepdims=True))[0])
        return Rule(partial(self.regions[data_idx].counts, sample_idx), needed, image, patch_size)

    def named(self, data_idx: int, sample_idx: int) -> str:
        """Return what to call a sample in messages."""
        uri = f" ({self._uris[data_idx]})" if self._uris else ""
        return f"image {data_idx}{uri}, sample {sample_idx}"

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

"""What a viewer draws of a patch: a box in the image, clipped to it, on one plane.

patch   16 x 64 x 64 at Z 8     sample 5 of T Z C Y X with T 3, Z as samples 4
box     Y, X of the patch       the same
plane   Z 16, its middle        Z 1, T 1
"""

from collections.abc import Sequence
from colorsys import hsv_to_rgb
from typing import NamedTuple
from zlib import crc32

import numpy as np

from patchplan.core.specs import IntArray, SpecTable
from patchplan.images.layout import resolve
from patchplan.plans.header import ImageRecord
from patchplan.plans.plan import Plan

SPLIT_COLOURS = {"train": (86, 180, 233), "validation": (230, 159, 0), "test": (204, 121, 167)}
"""Colours of splits, apart also for the colour-blind; those of Okabe and Ito."""

PATCH_COLOUR = (86, 180, 233)
"""Colour of patches that are not split."""


class Boxes(NamedTuple):
    """Boxes [start, stop) in pixels of the image, each (n, ndim) in (Z)YX order."""

    start: IntArray
    stop: IntArray


def drawn_boxes(specs: SpecTable, size: Sequence[int], *, kept: bool) -> Boxes:
    """Return what of each patch lies in its image, all of one image of this size, or the part that is kept of it.

    Examples
    --------
    >>> one, two = np.zeros(1, np.int64), np.array([[0, 60]])
    >>> specs = SpecTable(data_idx=one, sample_idx=one, coords=two, patch_size=np.full((1, 2), 8))
    >>> drawn_boxes(specs, (64, 64), kept=False).stop.tolist()
    [[8, 64]]
    """
    if kept:
        assert specs.stitch_coords is not None and specs.crop_size is not None  # noqa: S101, PT018 - the caller looked
        return Boxes(specs.stitch_coords, specs.stitch_coords + specs.crop_size)
    return Boxes(specs.coords, np.minimum(specs.coords + specs.patch_size, np.array(size, np.int64)))


def sample_axes(plan: Plan, data_idx: int) -> list[tuple[str, int]]:
    """Return letter and size of each axis of an image that its samples were flattened from, in C order."""
    record: ImageRecord = plan.images[data_idx]
    z_as_samples = bool(plan.header.config.get("z_as_samples"))
    layout = resolve(record.axes, record.shape, ndim=plan.header.ndim, z_as_samples=z_as_samples)
    return [(record.axes[axis], layout.shape[axis]) for axis in layout.samples]


def on_axes(sample_idx: IntArray, axes: Sequence[tuple[str, int]]) -> list[IntArray]:
    """Return the index on each of the axes that samples were flattened from, (n,) each."""
    sizes = [size for _, size in axes]
    return list(np.unravel_index(sample_idx, sizes)) if sizes else []


def middle(boxes: Boxes) -> IntArray:
    """Return the slice in the middle of each box of a volume, (n,)."""
    first, last = boxes.start[:, 0], boxes.stop[:, 0] - 1
    return (first + last + 1) // 2


def split_colour(name: str) -> tuple[int, int, int]:
    """Return the colour (red, green, blue) of a split; a name of its own always gets the same, by its hash.

    Examples
    --------
    >>> split_colour("train"), split_colour("mine")
    ((86, 180, 233), (46, 230, 133))
    """
    if name in SPLIT_COLOURS:
        return SPLIT_COLOURS[name]
    red, green, blue = hsv_to_rgb(crc32(name.encode("utf-8", "surrogatepass")) / 2**32, 0.8, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)

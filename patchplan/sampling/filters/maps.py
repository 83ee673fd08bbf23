"""What a filter finds as images: one pixel per patch of a grid, or per cell that patches lie in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError
from patchplan.sampling.filters.values import FilterValues

MAX_PIXELS = 1 << 28


@dataclass(frozen=True, eq=False)
class FilterMap:
    """The values of one image's patches.

    A pixel of the map is `step` pixels of the image wide, (Z)YX; the first begins at `offset`, so that it has
    the middle of its patch. `values` is S C (Z) Y X, C as the columns of the values, NaN where there is no
    patch; `kept` is S (Z) Y X. Where several patches share a pixel, it has the largest of their values.
    """

    data_idx: int
    step: Shape
    offset: tuple[float, ...]
    values: NDArray[np.float32]
    kept: BoolArray


def filter_maps(
    specs: SpecTable, found: FilterValues, data_shapes: Sequence[Sequence[int]], step: Shape | None
) -> Iterator[FilterMap]:
    """Yield a map of each image that has patches.

    Parameters
    ----------
    specs : SpecTable
        The patches, or `region_specs`.
    found : FilterValues
        Theirs.
    data_shapes : sequence of sequence of int
        Of all images, S C (Z) Y X.
    step : tuple of int, optional
        Pixels between patches, (Z)YX; by default each image's patches lie side by side.

    Raises
    ------
    ConfigError
        If a map would be very large.
    """
    for data_idx in np.unique(specs.data_idx).tolist():
        rows = np.flatnonzero(specs.data_idx == data_idx)
        shape = tuple(data_shapes[data_idx])
        start, patch = specs.coords[rows], specs.patch_size[rows]
        pixel = tuple(patch[0].tolist()) if step is None else step
        at = np.stack(
            [_pixel(start[:, i], patch[:, i], n, pixel[i]) for i, n in enumerate(shape[2:])],
            axis=1,
        )
        size = (at.max(axis=0) + 1).tolist()
        n_values = found.values.shape[1]
        if shape[0] * n_values * prod(size) > MAX_PIXELS:
            wanted = " x ".join(f"{n:,}" for n in (shape[0], *size))
            raise ConfigError(
                f"--filter-map: image {data_idx} would have a map of {wanted} pixels; allowed are {MAX_PIXELS:,} in all"
            )
        place = (specs.sample_idx[rows], *at.T)
        values = np.full((n_values, shape[0], *size), np.nan, np.float32)
        for channel, column in zip(values, found.values[rows].T, strict=True):
            with np.errstate(over="ignore"):
                np.fmax.at(channel, place, column.astype(np.float32))
        kept = np.zeros(values.shape[1:], bool)
        kept[tuple(axis[~found.background[rows]] for axis in place)] = True
        offset = tuple(((patch[0] - pixel) / 2).tolist())
        yield FilterMap(data_idx, tuple(pixel), offset, values.swapaxes(0, 1), kept)


def _pixel(start: IntArray, patch: IntArray, size: int, step: int) -> IntArray:
    """Return the pixels of patches on one axis: by their number in a grid, whose last may be shifted back."""
    number, beyond = np.divmod(start, step)
    last = start == np.maximum(size - patch, 0)
    nearest = (start + step // 2) // step
    pixel: IntArray = np.where(beyond == 0, number, np.where(last, number + 1, nearest))
    return pixel

"""`.tif` files with one tile each."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.images.boundary import RefusedError
from patchplan.images.limits import check_region
from patchplan.images.paths import look
from patchplan.images.tiff.claims import open_tiff
from patchplan.images.tiff.reader import TiffReader
from patchplan.objects import location
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import NUMBERS, tile_axes

if TYPE_CHECKING:
    from tifffile import TiffPageSeries


def tile_form(path: str, ndim: int) -> TileForm:
    """Return the form of the tile in the first series of a file, decoding nothing."""
    with open_tiff(look(location(path))) as tif:
        return _form(_series(tif, ndim), ndim)


def read_tile(path: str, ndim: int) -> NDArray[Any]:
    """Return the tile in the first series of a file as C (Z) Y X."""
    seen = look(location(path))
    with open_tiff(seen) as tif:
        series = _series(tif, ndim)
        form = _form(series, ndim)
        check_region(form.shape, form.dtype)
        reader = TiffReader(tif, series, seen)
        pixels = np.array(reader.read(tuple(slice(0, int(n)) for n in series.shape)), form.dtype)
        reader.close()
    order = [axis for axis in tile_order(series.axes, pixels.shape, ndim) if axis is not None]
    single = [axis for axis in range(pixels.ndim) if axis not in order]
    return pixels.transpose(single + order).reshape(form.shape)


def _series(tif: Any, ndim: int) -> "TiffPageSeries":
    """Return the one image of a file."""
    shapes = [tuple(series.shape) for series in tif.series]
    if len(shapes) != 1:
        raise RefusedError(f"holds {len(shapes)} images {shapes[:4]}; allowed is one tile {tile_axes(ndim)}")
    series: TiffPageSeries = tif.series[0]
    if series.dtype is None or series.dtype.kind not in NUMBERS:
        raise RefusedError(f"has pixels of type {series.dtype}; allowed are bool, integers, floats and complex")
    return series


def _form(series: "TiffPageSeries", ndim: int) -> TileForm:
    shape = tuple(int(n) for n in series.shape)
    sizes = tuple(1 if axis is None else shape[axis] for axis in tile_order(series.axes, shape, ndim))
    return TileForm(sizes, np.dtype(series.dtype).newbyteorder("="))


def tile_order(axes: str, shape: tuple[int, ...], ndim: int) -> tuple[int | None, ...]:
    """Return which axes of a file are C (Z) Y X, None for one that it does not have.

    Letters count where they say something: colour samples (S) are channels. Axes of other letters are Z
    where that is missing, else C; two are C and Z. Axes of size 1 that are too many are left out.

    Examples
    --------
    >>> tile_order("YXS", (64, 64, 3), 2)
    (2, 0, 1)
    >>> tile_order("QQYX", (3, 16, 64, 64), 3)
    (0, 1, 2, 3)
    >>> tile_order("QYX", (16, 64, 64), 3)
    (None, 0, 1, 2)
    """
    wanted = "C" + spatial_axes(ndim)
    letters = axes.upper().replace("S", "C")
    # tifffile at times names several axes of size 1 alike
    left = [("?" if letter in letters[k + 1 :] else letter, k) for k, letter in enumerate(letters)]
    for entry in sorted(left, key=lambda entry: entry[0] in wanted):
        if len(left) > ndim + 1 and shape[entry[1]] == 1 and entry[0] not in "YX":
            left.remove(entry)
    found = {letter: axis for letter, axis in left if letter in wanted}
    others = [axis for letter, axis in left if letter not in wanted]
    free = [letter for letter in wanted if letter not in found]
    if len(others) > len(free) or not {"Y", "X"} <= found.keys():
        raise RefusedError(f"has axes {axes} of shape {shape}; allowed are {tile_axes(ndim)}, or these without C")
    found.update(zip(free[len(free) - len(others) :], others, strict=True))
    return tuple(found.get(letter) for letter in wanted)

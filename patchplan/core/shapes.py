"""Checks of data shapes and of values given per spatial axis. One rule, one sentence, one place."""

import operator
from collections.abc import Iterable, Sequence

import numpy as np

from patchplan.core.axes import spatial_axes
from patchplan.errors import ShapeError

Shape = tuple[int, ...]
PerAxis = int | Iterable[int]
"""One value per spatial axis in (Z)YX order; a single number means all of them."""


MAX_SIZE = 2**62
"""Largest size of an axis or a patch, so that the sum of two still fits in int64."""


def check_data_shapes(data_shapes: Sequence[Sequence[int]]) -> tuple[Shape, ...]:
    """Return data shapes (S C (Z) Y X) as tuples of plain ints.

    Raises
    ------
    ShapeError
        If there are none, if one has not 4 or 5 axes or a size below 1, or if 2-D and 3-D are mixed.

    Examples
    --------
    >>> check_data_shapes([[1, 3, 64, 64]])
    ((1, 3, 64, 64),)
    """
    shapes = _sound(data_shapes) or tuple(_check_data_shape(i, shape) for i, shape in enumerate(data_shapes))
    if not shapes:
        raise ShapeError("there are no images: at least one data shape is needed")
    for i, shape in enumerate(shapes):
        if len(shape) != len(shapes[0]):
            raise ShapeError(
                f"{len(shape) - 2}-D, but image 0 is {len(shapes[0]) - 2}-D; 2-D and 3-D images cannot share a plan",
                i,
            )
    return shapes


def _sound(data_shapes: Sequence[Sequence[int]]) -> tuple[Shape, ...]:
    """Return shapes of which all is well, checked at once; nothing where they need a closer look."""
    try:
        table = np.array(data_shapes)
    except (TypeError, ValueError):
        return ()
    if table.ndim != 2 or table.dtype.kind not in "iu" or table.shape[1] not in (4, 5):
        return ()
    return tuple(map(tuple, table.tolist())) if table.min() >= 1 and table.max() <= MAX_SIZE else ()


def _check_data_shape(data_idx: int, shape: Sequence[int]) -> Shape:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise ShapeError(f"data shape {shape!r} is not a sequence of whole numbers", data_idx) from None
    if len(sizes) not in (4, 5):
        raise ShapeError(f"data shape {sizes} has {len(sizes)} axes; allowed are S C Y X and S C Z Y X", data_idx)
    for letter, size in zip("SC" + spatial_axes(len(sizes) - 2), sizes, strict=True):
        if not 1 <= size <= MAX_SIZE:
            raise ShapeError(f"{letter} has size {size}; allowed are 1 to 2**62", data_idx)
    return sizes


def per_axis(name: str, value: PerAxis, ndim: int, minimum: int) -> Shape:
    """Return one plain int per spatial axis; a single number means all axes.

    Raises
    ------
    ShapeError
        If the number of entries is not `ndim`, or an entry is no whole number of at least `minimum`.

    Examples
    --------
    >>> per_axis("patch_size", 64, ndim=2, minimum=1)
    (64, 64)
    """
    entries = value if isinstance(value, Iterable) else (value,) * ndim
    try:
        sizes = tuple(operator.index(entry) for entry in entries)
    except TypeError:
        raise ShapeError(f"{name} {value!r} is not a whole number per axis") from None
    if len(sizes) != ndim:
        raise ShapeError(
            f"{name} {list(sizes)} has {len(sizes)} entries, but the images are {ndim}-D: "
            f"give {ndim} ({' '.join(spatial_axes(ndim))}) or a single number"
        )
    for letter, size in zip(spatial_axes(ndim), sizes, strict=True):
        if not minimum <= size <= MAX_SIZE:
            raise ShapeError(f"{name}: {letter} is {size}; allowed are {minimum} to 2**62")
    return sizes

"""Checks of specs that somebody else made: tables, and lists from Python."""

from collections.abc import Sequence

import numpy as np

from patchplan.core.axes import spatial_axes
from patchplan.core.shapes import MAX_SIZE
from patchplan.core.specs import AXIS_FIELDS, PATCH_FIELDS, TILE_FIELDS, IntArray, PatchSpecs, SpecTable, is_tile_specs
from patchplan.errors import ShapeError

POSITIVE = {"patch_size", "crop_size", "total_tiles"}


def gather_specs(specs: Sequence[PatchSpecs]) -> SpecTable:
    """Return specs as a table.

    Raises
    ------
    ShapeError
        If they differ in their fields or number of axes, or an entry is no whole number.
    """
    if not specs:
        return SpecTable(**SpecTable.empty(0, ndim=2))
    try:
        tiles = is_tile_specs(specs[0])
        if any(is_tile_specs(spec) != tiles for spec in specs):
            raise ShapeError("some patches say which part of them is kept and some do not; allowed: all or none")
        names = (*PATCH_FIELDS, *TILE_FIELDS) if tiles else PATCH_FIELDS
        rows: Sequence[dict[str, object]] = specs  # type: ignore[assignment]
        columns = {name: np.array([row[name] for row in rows], order="F") for name in names}
    except KeyError as error:
        raise ShapeError(f"a patch lacks {error}; all must have the fields {', '.join(names)}") from None
    except ShapeError:
        raise
    except (TypeError, ValueError):
        raise ShapeError("patches differ in their number of axes; allowed are 2 or 3, the same for all") from None
    for name, column in columns.items():
        if column.dtype.kind not in "iu" or (column.dtype.kind == "u" and column.max() > MAX_SIZE):
            raise ShapeError(f"{name}: not all entries are whole numbers up to 2**62")
    return check_values(SpecTable(**{name: column.astype(np.int64) for name, column in columns.items()}))


def check_values(specs: SpecTable) -> SpecTable:
    """Return the specs, unless columns disagree, an entry is negative, or a size is below 1 (ShapeError)."""
    for name, column in specs.columns().items():
        shape = (len(specs), specs.ndim) if name in AXIS_FIELDS else (len(specs),)
        if column.shape != shape or specs.ndim not in (2, 3):
            raise ShapeError(f"{name} has shape {column.shape}; allowed is {shape}, with 2 or 3 axes")
        minimum = 1 if name in POSITIVE else 0
        if len(column) and (column.min() < minimum or column.max() > MAX_SIZE):
            wrong = (column < minimum) | (column > MAX_SIZE)
            row = int(np.argmax(wrong.reshape(len(column), -1).any(axis=1)))
            raise ShapeError(f"patch {row}: {name} is {column[row].tolist()}; allowed are {minimum} to 2**62")
    return specs


def check_inside(specs: SpecTable, data_shapes: Sequence[Sequence[int]]) -> None:
    """Raise ShapeError unless patches start, and kept parts lie, inside images of these shapes, S C (Z) Y X."""
    shapes = np.array([list(shape) for shape in data_shapes], dtype=np.int64)
    if len(specs) and specs.ndim != shapes.shape[1] - 2:
        raise ShapeError(f"the patches are {specs.ndim}-D, but the images are {shapes.shape[1] - 2}-D")
    _check_below(specs, "data_idx", specs.data_idx, np.full(1, len(shapes)), per_image=False)
    _check_below(specs, "sample_idx", specs.sample_idx, shapes[:, 0])
    for axis, letter in enumerate(spatial_axes(specs.ndim)):
        sizes = shapes[:, axis + 2]
        _check_below(specs, f"coords of {letter}", specs.coords[:, axis], sizes)
        if specs.crop_coords is None or specs.crop_size is None or specs.stitch_coords is None:
            continue
        kept = specs.crop_size[:, axis] - 1
        _check_below(specs, f"end of the kept part on {letter}", specs.stitch_coords[:, axis] + kept, sizes)
        outside = specs.crop_coords[:, axis] + kept >= specs.patch_size[:, axis]
        if outside.any():
            row = int(np.argmax(outside))
            raise ShapeError(f"patch {row}: crop_coords + crop_size on {letter} reach beyond the patch_size")


def _check_below(specs: SpecTable, name: str, found: IntArray, limits: IntArray, *, per_image: bool = True) -> None:
    """Raise unless found is below the limit of its image; looked up per row only if the smallest is reached."""
    if not len(found) or found.max() < limits.min():
        return
    limit = limits[specs.data_idx] if per_image else np.broadcast_to(limits, found.shape)
    outside = found >= limit
    if outside.any():
        row = int(np.argmax(outside))
        image = int(specs.data_idx[row]) if per_image else None
        raise ShapeError(f"patch {row}: {name} is {found[row]}; allowed are 0 to {limit[row] - 1}", image)

"""Fixed patching: patches that somebody chose."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from patchplan.core.axes import spatial_axes
from patchplan.core.offsets import check_index, check_range
from patchplan.core.specs import AXIS_FIELDS, PatchSpecs, SpecTable
from patchplan.errors import ShapeError
from patchplan.patching.config import PatchingConfig


class FixedConfig(PatchingConfig):
    """Patches listed in a table (Parquet, CSV or JSON), in its order."""

    name: Literal["fixed"] = "fixed"
    table: str | None = Field(None, description="Path of the table, relative to this file.", min_length=1)
    fixed_patch_specs: SkipJsonSchema[Any] = Field(None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _check_given(self) -> Self:
        if (self.table is None) == (self.fixed_patch_specs is None):
            raise ValueError("give the patches as table: PATH, or from Python as fixed_patch_specs")
        return self

    @property
    def ndim(self) -> int | None:
        """Number of spatial axes of the specs, where they are given."""
        return None if self.fixed_patch_specs is None else FixedPatching(self.fixed_patch_specs).ndim

    def create(self, data_shapes: Sequence[Sequence[int]]) -> "FixedPatching":
        """Build the strategy from the specs; the table must have been read before."""
        if self.fixed_patch_specs is None:
            raise ShapeError(f"fixed: the specs of table {self.table!r} are needed, not its path")
        patching = FixedPatching(self.fixed_patch_specs)
        patching.check_images(data_shapes)
        return patching


class FixedPatching:
    """Given patches, in order.

    Parameters
    ----------
    fixed_patch_specs : sequence of PatchSpecs or TileSpecs, or SpecTable
        All patches or all tiles, with the same number of spatial axes.

    Raises
    ------
    ShapeError
        If specs lack a field, differ in their number of axes, or have a negative index or coordinate
        or a size below 1.

    Examples
    --------
    >>> FixedPatching([{"data_idx": 0, "sample_idx": 0, "coords": (4, 0), "patch_size": (8, 8)}]).n_patches
    1
    """

    def __init__(self, fixed_patch_specs: Sequence[PatchSpecs] | SpecTable) -> None:
        self.specs = _gather(fixed_patch_specs)
        check_values(self.specs)

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return self.specs.ndim

    @property
    def n_patches(self) -> int:
        """Number of given patches."""
        return len(self.specs)

    def get_patch_indices(self, data_idx: int) -> list[int]:
        """Return the indices of the patches of one image, which may be none."""
        if data_idx < 0:
            raise IndexError(f"data_idx {data_idx} is out of range: at least 0 is needed")
        indices: list[int] = np.flatnonzero(self.specs.data_idx == data_idx).tolist()
        return indices

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Return one patch (or tile) as it was given."""
        check_index(index, self.n_patches)
        return self.specs[index]

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""
        return self.specs.slice(*check_range(start, stop, self.n_patches))

    def check_images(self, data_shapes: Sequence[Sequence[int]]) -> None:
        """Raise ShapeError unless every patch starts inside an image of these shapes, S C (Z) Y X."""
        check_inside(self.specs, data_shapes)


def _gather(specs: Sequence[PatchSpecs] | SpecTable) -> SpecTable:
    if isinstance(specs, SpecTable):
        return specs
    try:
        return SpecTable.from_specs(specs)
    except KeyError as error:
        raise ShapeError(f"fixed_patch_specs: a spec lacks {error}; all must have the same fields") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ShapeError(f"fixed_patch_specs: not all specs have as many whole numbers: {error}") from None


def check_values(specs: SpecTable) -> None:
    """Raise ShapeError unless shapes of columns agree, no entry is negative and no size is below 1."""
    for name, column in specs.columns().items():
        if name in AXIS_FIELDS and column.shape != (len(specs), specs.ndim):
            raise ShapeError(f"fixed_patch_specs: {name} has shape {column.shape}, not ({len(specs)}, {specs.ndim})")
        minimum = 1 if name in ("patch_size", "total_tiles") else 0
        if len(column) and column.min() < minimum:
            row = int(np.argmax(column.reshape(len(column), -1).min(axis=1) < minimum))
            raise ShapeError(
                f"fixed_patch_specs: {name} of patch {row} is {column[row].tolist()}; at least {minimum} is needed"
            )


def check_inside(specs: SpecTable, data_shapes: Sequence[Sequence[int]]) -> None:
    """Raise ShapeError unless every patch starts inside an image of these shapes, S C (Z) Y X."""
    shapes = np.array([list(shape) for shape in data_shapes], dtype=np.int64)
    if specs.ndim != shapes.shape[1] - 2 and len(specs):
        raise ShapeError(f"the patches are {specs.ndim}-D, but the images are {shapes.shape[1] - 2}-D")
    limits = {"data_idx": np.full(len(specs), len(shapes))}
    _check_below(specs, "data_idx", specs.data_idx, limits["data_idx"])
    _check_below(specs, "sample_idx", specs.sample_idx, shapes[specs.data_idx, 0])
    for axis, letter in enumerate(spatial_axes(specs.ndim)):
        _check_below(specs, f"coords of {letter}", specs.coords[:, axis], shapes[specs.data_idx, axis + 2])


def _check_below(specs: SpecTable, name: str, found: Any, limit: Any) -> None:
    outside = found >= limit
    if outside.any():
        row = int(np.argmax(outside))
        image = None if name == "data_idx" else int(specs.data_idx[row])
        raise ShapeError(f"patch {row}: {name} is {found[row]}; allowed are 0 to {limit[row] - 1}", image)

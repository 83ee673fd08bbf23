"""Fixed patching: patches that somebody chose."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from patchplan.core.checks import check_inside, check_values, gather_specs
from patchplan.core.offsets import check_index, check_range
from patchplan.core.specs import PatchSpecs, SpecTable
from patchplan.errors import ShapeError
from patchplan.patching.config import PatchingConfig


def _require_table(schema: dict[str, Any]) -> None:
    """Have the schema ask for the path of a table: specs come from Python only."""
    schema["required"] = ["name", "table"]
    schema["properties"]["table"] |= {"type": "string", "minLength": 1}
    del schema["properties"]["table"]["anyOf"], schema["properties"]["table"]["default"]


class FixedConfig(PatchingConfig):
    """Patches listed in a table (Parquet, CSV or JSON), in its order."""

    model_config = ConfigDict(json_schema_extra=_require_table)

    name: Literal["fixed"] = "fixed"
    table: str | None = Field(default=None, description="Path of the table, relative to this file.", min_length=1)
    fixed_patch_specs: SkipJsonSchema[Any] = Field(default=None, exclude=True, repr=False)

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
        given = fixed_patch_specs
        self.specs = check_values(given) if isinstance(given, SpecTable) else gather_specs(given)
        by_image = np.argsort(self.specs.data_idx, kind="stable")
        self._by_image, self._sorted = by_image, self.specs.data_idx[by_image]

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
        first, last = np.searchsorted(self._sorted, [data_idx, data_idx + 1])
        indices: list[int] = self._by_image[first:last].tolist()
        return indices

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Return one patch (or tile) as it was given."""
        return self.specs[check_index(index, self.n_patches)]

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the patches [start, stop) as columns."""
        return self.specs.slice(*check_range(start, stop, self.n_patches))

    def check_images(self, data_shapes: Sequence[Sequence[int]]) -> None:
        """Raise ShapeError unless every patch starts inside an image of these shapes, S C (Z) Y X."""
        check_inside(self.specs, data_shapes)

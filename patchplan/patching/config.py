"""What the config models of the strategies share: values per spatial axis, and how they are resolved."""

import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from patchplan.core.axes import spatial_axes
from patchplan.core.grid import check_multiple_of, check_overlaps
from patchplan.core.shapes import MAX_SIZE, Shape, per_axis
from patchplan.errors import ShapeError
from patchplan.patching.problems import found
from patchplan.patching.protocol import Patching


def _whole_number(value: Any, minimum: int, maximum: int) -> int | None:
    """Return a plain int, or None for anything else: also for true, 1.0 and "1"."""
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return None if isinstance(value, bool) or not minimum <= number <= maximum else number


def _check_per_axis(minimum: int) -> Callable[[Any], Any]:
    def check(value: Any) -> int | Shape:
        entries = value if isinstance(value, list | tuple) else [value]
        numbers = tuple(_whole_number(entry, minimum, MAX_SIZE) for entry in entries)
        plain = tuple(number for number in numbers if number is not None)
        if len(plain) < len(numbers) or (isinstance(value, list | tuple) and len(plain) not in (2, 3)):
            raise ValueError(
                f"found {found(value)}; allowed: a whole number from {minimum} to 2**62, "
                "or a list of 2 (Y X) or 3 (Z Y X) of them"
            )
        return plain if isinstance(value, list | tuple) else plain[0]

    return check


def _per_axis_schema(minimum: int) -> WithJsonSchema:
    entry = {"type": "integer", "minimum": minimum, "maximum": MAX_SIZE}
    several = {"type": "array", "items": entry, "minItems": 2, "maxItems": 3}
    return WithJsonSchema({"anyOf": [entry, several]})


MAX_SEED = 2**128 - 1


def _check_seed(value: Any) -> int | None:
    seed = _whole_number(value, 0, MAX_SEED)
    if seed is None and value is not None:
        raise ValueError(f"found {found(value)}; allowed: a whole number from 0 to 2**128 - 1")
    return seed


Sizes = Annotated[int | Shape, PlainValidator(_check_per_axis(1)), _per_axis_schema(1)]
Overlaps = Annotated[int | Shape, PlainValidator(_check_per_axis(0)), _per_axis_schema(0)]
Seed = Annotated[
    int | None,
    PlainValidator(_check_seed),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_SEED}, {"type": "null"}]}),
]


def _require_name(schema: dict[str, Any]) -> None:
    """Have the schema ask for `name`, which tells the strategies apart, though a model knows its own."""
    schema["required"] = ["name", *schema.get("required", [])]


class PatchingConfig(BaseModel):
    """Base of all strategies' configs: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_require_name)

    name: str

    @property
    def ndim(self) -> int | None:
        """Number of spatial axes that the config asks for; None if any will do."""
        return None

    def resolved(self, ndim: int) -> Self:
        """Return the same config with every value given per spatial axis.

        Raises
        ------
        ShapeError
            If a value has another number of entries than there are axes, or makes no sense.
        """
        del ndim
        return self

    def create(self, data_shapes: Sequence[Sequence[int]]) -> Patching:
        """Build the strategy over images of these shapes, S C (Z) Y X."""
        raise NotImplementedError


class SizedConfig(PatchingConfig):
    """A strategy with one patch size for all images."""

    patch_size: Sizes = Field(description="Pixels per spatial axis, (Z)YX; a single number means all axes.")

    @property
    def ndim(self) -> int | None:
        """Number of entries of the first value that has several."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple):
                return len(value)
        return None

    def resolved(self, ndim: int) -> Self:
        """Return the same config with the patch size given per spatial axis."""
        return self.model_copy(update={"patch_size": per_axis("patch_size", self.patch_size, ndim, minimum=1)})


class SeededConfig(SizedConfig):
    """A strategy that draws."""

    seed: Seed = Field(default=None, description="Seed of the random numbers; without one, one is drawn and recorded.")


def _allow_one_overlap(schema: dict[str, Any]) -> None:
    """Have the schema refuse two of overlaps, halo, stride."""
    _require_name(schema)
    given = {key: {"not": {"type": "null"}} for key in ("overlaps", "halo", "stride")}
    pairs = (("overlaps", "halo"), ("overlaps", "stride"), ("halo", "stride"))
    both = [{"required": list(pair), "properties": {key: given[key] for key in pair}} for pair in pairs]
    schema["not"] = {"anyOf": both}


class OverlapConfig(SizedConfig):
    """A strategy with a grid. At most one of overlaps, halo, stride; none means no overlap."""

    model_config = ConfigDict(json_schema_extra=_allow_one_overlap)

    overlaps: Overlaps | None = Field(default=None, description="Pixels in all that neighbours share, per axis.")
    halo: Overlaps | None = Field(default=None, description="Pixels lost per side of a tile: overlap 2 * halo.")
    stride: Sizes | None = Field(default=None, description="Pixels between neighbours: overlap patch_size - stride.")
    multiple_of: Sizes | None = Field(
        None, description="Keep every start on a multiple of this; the last patch hangs over the edge."
    )

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        given = [name for name in ("overlaps", "halo", "stride") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"found {' and '.join(given)}; allowed: one of overlaps, halo, stride")
        self.resolved(self.ndim or 2)
        return self

    def resolved(self, ndim: int) -> Self:
        """Return the same config with patch size and overlaps per axis, instead of halo or stride."""
        patch = per_axis("patch_size", self.patch_size, ndim, minimum=1)
        overlaps = self._resolved_overlaps(patch)
        multiple = None
        check_overlaps(patch, overlaps)
        if self.multiple_of is not None:
            multiple = per_axis("multiple_of", self.multiple_of, ndim, minimum=1)
            check_multiple_of(patch, overlaps, multiple)
        values = {"patch_size": patch, "overlaps": overlaps, "multiple_of": multiple}
        return self.model_copy(update=values | {"halo": None, "stride": None})

    def _resolved_overlaps(self, patch: Shape) -> Shape:
        ndim = len(patch)
        if self.halo is not None:
            halo = per_axis("halo", self.halo, ndim, minimum=0)
            _check_at_most("halo", halo, [(size - 1) // 2 for size in patch], patch)
            return tuple(2 * pixels for pixels in halo)
        if self.stride is not None:
            stride = per_axis("stride", self.stride, ndim, minimum=1)
            _check_at_most("stride", stride, patch, patch)
            return tuple(size - step for size, step in zip(patch, stride, strict=True))
        return per_axis("overlaps", self.overlaps or 0, ndim, minimum=0)


def _check_at_most(name: str, values: Shape, most: Sequence[int], patch: Shape) -> None:
    for letter, value, limit, size in zip(spatial_axes(len(values)), values, most, patch, strict=True):
        if value > limit:
            raise ShapeError(f"{name}: {letter} is {value}; allowed with patch_size {size} are at most {limit}")

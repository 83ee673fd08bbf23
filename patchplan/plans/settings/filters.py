"""The section `filter`: which patches are background. Parameters, names and defaults are those of CAREamics."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from patchplan.patching.problems import found


def _number(low: float, high: float) -> tuple[PlainValidator, WithJsonSchema]:
    """Return how a finite number from `low` to `high` is checked, and described in the schema."""

    def check(value: Any) -> float:
        number = math.nan if isinstance(value, str | bytes | bool) else _as_float(value)
        if not (math.isfinite(number) and low <= number <= high):
            limits = "" if low == -math.inf else f" from {low:g}" + ("" if high == math.inf else f" to {high:g}")
            raise ValueError(f"found {found(value)}; allowed: a number{limits}")
        return number

    limits = {"minimum": low, "maximum": high}
    finite = {name: limit for name, limit in limits.items() if math.isfinite(limit)}
    return PlainValidator(check), WithJsonSchema({"type": "number", **finite})


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _check_paths(value: Any) -> Any:
    every: Any = ()
    if isinstance(value, str):
        every = [value]
    elif isinstance(value, dict):
        every = [*value, *value.values()]
    elif isinstance(value, list | tuple):
        every = value
    if every and all(isinstance(path, str) and path for path in every):
        return tuple(value) if isinstance(value, list) else value
    allowed = "a path with {stem} or {name}, a folder, a list with a path per image, or paths by file name"
    raise ValueError(f"found {found(value)}; allowed: {allowed}")


_PATH = {"type": "string", "minLength": 1}
Threshold = Annotated[float, *_number(-math.inf, math.inf)]
NotNegative = Annotated[float, *_number(0, math.inf)]
Share = Annotated[float, *_number(0, 1)]
Paths = Annotated[
    str | tuple[str, ...] | dict[str, str],
    BeforeValidator(_check_paths),
    WithJsonSchema(
        {
            "anyOf": [
                _PATH,
                {"type": "array", "items": _PATH, "minItems": 1},
                {"type": "object", "additionalProperties": _PATH, "minProperties": 1},
            ]
        }
    ),
]
"""Files beside the images: one path or pattern, one path per image, or by the images' file names."""


class FilterConfig(BaseModel):
    """Base of all filters: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"required": ["name"]})

    chosen: ClassVar[str] = "threshold"
    """The key whose value a user chooses by looking at the values."""

    name: str
    ref_channel: int = Field(default=0, ge=0, strict=True, description="The channel that is looked at.")
    filtered_patch_prob: Share = Field(
        default=0.1, description="How probable background is compared to 1 for all else; stratified only."
    )

    @property
    def limit(self) -> float:
        """The value of the chosen key."""
        value: float = getattr(self, self.chosen)
        return value


def _require(key: str) -> dict[str, Any]:
    return {"required": ["name", key]}


class MaxFilterConfig(FilterConfig):
    """Background is where little is bright: too small a share is near (within half a patch) a bright pixel."""

    model_config = ConfigDict(json_schema_extra=_require("threshold"))

    name: Literal["max"] = "max"
    threshold: Threshold = Field(
        description="Pixels above it are bright; a patch whose maximum is below is background."
    )
    coverage: Share = Field(
        default=0.25,
        description="Least share of a patch above the threshold, after a maximum filter over half the patch.",
    )


class MeanStdFilterConfig(FilterConfig):
    """Background has too low a mean, or too low a standard deviation."""

    model_config = ConfigDict(json_schema_extra=_require("mean_threshold"))
    chosen: ClassVar[str] = "mean_threshold"

    name: Literal["mean_std"] = "mean_std"
    mean_threshold: Threshold = Field(description="Least mean of a patch that is kept.")
    std_threshold: NotNegative | None = Field(
        default=None, description="Least standard deviation of a patch that is kept."
    )


class ShannonFilterConfig(FilterConfig):
    """Background has too low a Shannon entropy."""

    model_config = ConfigDict(json_schema_extra=_require("threshold"))

    name: Literal["shannon"] = "shannon"
    threshold: NotNegative = Field(description="Least entropy, in bits, of a patch that is kept.")


class MaskFilterConfig(FilterConfig):
    """Background is where a mask image says so."""

    model_config = ConfigDict(json_schema_extra=_require("masks"))
    chosen: ClassVar[str] = "coverage"

    name: Literal["mask"] = "mask"
    masks: Paths = Field(
        description="Mask of each image, at the same or a lower resolution; anything but 0 is foreground. "
        "A path with {stem} or {name} of the image's file, a folder, a list, or paths by file name."
    )
    coverage: Share = Field(default=0.25, description="Least share of a patch in the mask.")


AnyFilterConfig = Annotated[
    MaxFilterConfig | MeanStdFilterConfig | ShannonFilterConfig | MaskFilterConfig, Field(discriminator="name")
]
"""The config of any filter, told apart by its `name`."""

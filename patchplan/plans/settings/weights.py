"""The section `weights` of a config: how probable each pixel is to be the centre of a patch."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from patchplan.core.shapes import MAX_SIZE
from patchplan.patching.problems import found
from patchplan.plans.settings.filters import Paths

MAX_CLASSES = 4096
"""Classes that are told apart."""

_CLASS = r"-?\d{1,19}"


def _check_classes(value: Any) -> dict[int, int | float] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not 1 <= len(value) <= MAX_CLASSES:
        raise ValueError(
            f"found {found(value)}; allowed: the chance of 1 to {MAX_CLASSES} classes, such as {{1: 1, 2: 5}}"
        )
    chances = {_class_of(key): _chance_of(key, chance) for key, chance in value.items()}
    if len(chances) < len(value):
        raise ValueError(f"found {found(value)}; a class is given twice")
    if not any(chances.values()):
        raise ValueError(f"found {found(value)}; at least one chance must be above 0")
    return chances


def _class_of(key: Any) -> int:
    if isinstance(key, str) and re.fullmatch(_CLASS, key):  # JSON has no other keys than text
        return int(key)
    if not isinstance(key, int) or isinstance(key, bool):
        raise ValueError(f"found class {found(key)}; allowed: whole numbers, the values of the label image")
    return key


def _chance_of(key: Any, chance: Any) -> int | float:
    number = isinstance(chance, int | float) and not isinstance(chance, bool)
    if not number or not 0 <= chance < math.inf:
        raise ValueError(f"found {found(chance)} for class {found(key)}; allowed: a chance of 0 or more")
    return float(chance) if chance > MAX_SIZE else chance


def _as_json(classes: dict[int, int | float] | None) -> dict[str, int | float] | None:
    """Return classes as they are after they were written to a file and read again."""
    return None if classes is None else {str(label): chance for label, chance in classes.items()}


Classes = Annotated[
    dict[int, int | float] | None,
    PlainValidator(_check_classes),
    PlainSerializer(_as_json),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "object",
                    "propertyNames": {"pattern": f"^{_CLASS}$"},
                    "additionalProperties": {"type": "number", "minimum": 0},
                    "minProperties": 1,
                    "maxProperties": MAX_CLASSES,
                },
                {"type": "null"},
            ]
        }
    ),
]
"""Relative chances by class."""


class WeightsConfig(BaseModel):
    """Base of all weights: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"required": ["name"]})

    name: str
    channel: int = Field(default=0, ge=0, strict=True, description="The channel of the label image or map.")
    patches: int | None = Field(
        default=None,
        ge=1,
        le=MAX_SIZE,
        strict=True,
        description="Patches to draw, per epoch or per image; by default as many as would tile the images.",
    )
    per: Literal["epoch", "image"] = Field(
        default="epoch", description="Whether patches are drawn from all images together, or from each image by itself."
    )


class LabelsWeightsConfig(WeightsConfig):
    """Centres of patches by class: first a class by its chance, then uniformly one of its pixels."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "labels"]})

    name: Literal["labels"] = "labels"
    labels: Paths = Field(
        description="Label image of each image, whole numbers, at the same or a lower resolution. "
        "A path with {stem} or {name} of the image's file, a folder, a list, or paths by file name."
    )
    classes: Classes = Field(
        default=None,
        description="Relative chance of each class; by default all classes but 0, equal. With per: image, an image "
        "that lacks some draws from its others.",
    )


class MapWeightsConfig(WeightsConfig):
    """Centres of patches in proportion to a map."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "map"]})

    name: Literal["map"] = "map"
    map: Paths = Field(
        description="Map of each image, values from 0, at the same or a lower resolution. "
        "A path with {stem} or {name} of the image's file, a folder, a list, or paths by file name."
    )


AnyWeightsConfig = Annotated[LabelsWeightsConfig | MapWeightsConfig, Field(discriminator="name")]
"""The config of any weights, told apart by its `name`."""

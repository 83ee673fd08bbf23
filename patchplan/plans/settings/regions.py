"""The section `regions`: which part of the images patches are taken from."""

import operator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from patchplan.core.shapes import MAX_SIZE
from patchplan.patching.problems import found
from patchplan.plans.settings.filters import Paths

Box = tuple[int, ...]
"""Start and stop, (Z)YX pixels: y0, x0, y1, x1 or z0, y0, x0, z1, y1, x1."""

Boxes = tuple[Box, ...]

SOURCES = ("geojson", "mask", "boxes")


def _check_box(value: Any) -> Box:
    box = tuple(map(_pixel, value)) if isinstance(value, list | tuple) else ()
    half = len(box) // 2
    ordered = all(0 <= start < stop <= MAX_SIZE for start, stop in zip(box[:half], box[half:], strict=False))
    if len(box) not in (4, 6) or not ordered:
        raise ValueError(
            f"found {found(value)}; allowed: [y0, x0, y1, x1] or [z0, y0, x0, z1, y1, x1], whole pixels from 0, "
            "each stop above its start"
        )
    return box


def _pixel(value: Any) -> int:
    """Return a plain int; -1 for what is no whole number."""
    try:
        return -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return -1


def _check_list(value: Any) -> Boxes:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"found {found(value)}; allowed: a list of boxes")
    return tuple(_check_box(box) for box in value)


def _check_boxes(value: Any) -> Boxes | dict[str, Boxes]:
    if not isinstance(value, dict):
        return _check_list(value)
    if not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"found {found(value)}; allowed: a list of boxes by file name")
    return {name: _check_list(boxes) for name, boxes in value.items()}


def _check_words(value: Any) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError(f"found {found(value)}; allowed: a name, or a list of names")
    return tuple(words)


_PIXEL = {"type": "integer", "minimum": 0}
_BOX = {"anyOf": [{"type": "array", "items": _PIXEL, "minItems": n, "maxItems": n} for n in (4, 6)]}
_BOXES = {"type": "array", "items": _BOX, "minItems": 1}
_WORD = {"type": "string", "minLength": 1}


class RegionsConfig(BaseModel):
    """Where patches may lie: polygons, a mask or boxes. Exactly one of geojson, mask, boxes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in SOURCES]
        },
    )

    geojson: Paths | None = Field(
        default=None,
        description="GeoJSON file of each image with polygons in pixels x, y, as QuPath exports them. "
        "A path with {stem} or {name} of the image's file, a folder, a list, or paths by file name.",
    )
    mask: Paths | None = Field(
        default=None,
        description="Mask of each image, at the same or a lower resolution; anything but 0 is in the region.",
    )
    boxes: (
        Annotated[
            Boxes | dict[str, Boxes],
            PlainValidator(_check_boxes),
            WithJsonSchema({"anyOf": [_BOXES, {"type": "object", "additionalProperties": _BOXES, "minProperties": 1}]}),
        ]
        | None
    ) = Field(
        default=None,
        description="Boxes of pixels, (Z)YX start and then stop: for all images, or by file name.",
    )
    classification: (
        Annotated[
            tuple[str, ...],
            PlainValidator(_check_words),
            WithJsonSchema({"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}),
        ]
        | None
    ) = Field(default=None, description="Only polygons of these classes of QuPath; geojson only.")
    keep: Literal["inside", "touching", "covered"] = Field(
        default="covered",
        description="Patches wholly inside the region, touching it, or with a share of at least `coverage` in it.",
    )
    coverage: float = Field(
        default=0.5, gt=0, le=1, strict=True, description="For covered: least share of a patch in the region."
    )

    @model_validator(mode="after")
    def _check_given(self) -> Self:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"found {' and '.join(given) or 'none'}; allowed: one of {', '.join(SOURCES)}")
        if self.classification is not None and self.geojson is None:
            raise ValueError(f"classification: found with {given[0]}; allowed: with geojson only")
        return self

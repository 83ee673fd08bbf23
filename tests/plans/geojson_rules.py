"""The rules of RFC 7946 and of QuPath for what `export` writes, as JSON Schema and as code."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema

NUMBER: dict[str, Any] = {"type": "number"}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["type", "features"],
    # RFC 7946, section 7.1: a FeatureCollection must not have members of other types
    "not": {"anyOf": [{"required": [name]} for name in ("coordinates", "geometries", "geometry", "properties")]},
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {"type": "array", "items": {"$ref": "#/$defs/feature"}},
    },
    "$defs": {
        "feature": {
            "type": "object",
            "required": ["type", "geometry", "properties"],
            "not": {"anyOf": [{"required": [name]} for name in ("coordinates", "geometries", "features")]},
            "properties": {
                "type": {"const": "Feature"},
                "geometry": {"$ref": "#/$defs/polygon"},
                "properties": {"$ref": "#/$defs/qupath"},
            },
        },
        "polygon": {
            "type": "object",
            "required": ["type", "coordinates"],
            "properties": {
                "type": {"const": "Polygon"},
                "coordinates": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "array",
                        "minItems": 4,
                        "items": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 3},
                    },
                },
                "plane": {
                    "type": "object",
                    "required": ["c", "z", "t"],
                    "additionalProperties": {"type": "integer", "minimum": -1},
                    "maxProperties": 3,
                },
            },
        },
        # what QuPath's type adapters read; other properties are no harm, but nobody would see them
        "qupath": {
            "type": "object",
            "required": ["objectType", "name", "measurements"],
            "additionalProperties": False,
            "properties": {
                "objectType": {"enum": ["annotation", "tile"]},
                "name": {"type": "string"},
                "classification": {
                    "type": "object",
                    "required": ["name", "color"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string"},
                        "color": {
                            "type": "array",
                            "items": {"type": "integer", "minimum": 0, "maximum": 255},
                            "minItems": 3,
                            "maxItems": 3,
                        },
                    },
                },
                "measurements": {"type": "object", "additionalProperties": NUMBER},
            },
        },
    },
}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def read_valid(path: Path) -> list[Any]:
    """Return the features of a file that follows all rules."""
    document = json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse)
    VALIDATOR.validate(document)
    for feature in document["features"]:
        for ring in feature["geometry"]["coordinates"]:
            check_ring(ring)
    features: list[Any] = document["features"]
    return features


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def check_ring(ring: list[list[float]]) -> None:
    """Section 3.1.6: closed, and an exterior ring is counterclockwise, so that its area is positive."""
    assert ring[0] == ring[-1]
    assert len({tuple(corner) for corner in ring}) == len(ring) - 1
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) > 0

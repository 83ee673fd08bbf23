"""Zarr arrays as documents: what is written of an array before its pixels."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import numpy as np

from patchplan.objects import Location
from patchplan.publish.documents import write_document
from patchplan.stitching.canvases.compression import Codec


@dataclass(frozen=True)
class ArrayPlan:
    """An array to be made; all sizes are in axis order, `names` are those of its axes."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    codec: Codec
    names: Sequence[str]

    def fill_value(self) -> Any:
        """Return zero as JSON: chunks that hold nothing else are not stored."""
        kind = self.dtype.kind
        return [0.0, 0.0] if kind == "c" else 0.0 if kind == "f" else kind != "b" and 0


def create_array(folder: Location, array: ArrayPlan, version: int) -> None:
    """Make the folder of an array of Zarr version 2 or 3, or go on with one that is there."""
    if version == 2:
        write_json(folder / ".zarray", _v2(array))
    else:
        write_json(folder / "zarr.json", _v3(array))


def write_json(path: Location, document: dict[str, Any]) -> None:
    """Write a document of a Zarr store, unless it is there already."""
    write_document(path, json.dumps(document, indent=2).encode(), token_hex(4))


def _v3(array: ArrayPlan) -> dict[str, Any]:
    order = {"configuration": {"endian": "little"}} if array.dtype.itemsize > 1 else {}
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    codecs: list[Any] = [{"name": "bytes", **order}, *([array.codec] if array.codec else [])]
    if array.shards is not None:
        sharding = {
            "chunk_shape": array.chunks,
            "codecs": codecs,
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": sharding}]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": array.shards or array.chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": array.fill_value(),
        "codecs": codecs,
        "attributes": {},
        "dimension_names": list(array.names),
    }


def _v2(array: ArrayPlan) -> dict[str, Any]:
    return {
        "zarr_format": 2,
        "shape": array.shape,
        "chunks": array.chunks,
        "dtype": array.dtype.newbyteorder("<").str,
        "compressor": array.codec,
        "fill_value": array.fill_value(),
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }

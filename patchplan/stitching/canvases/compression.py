"""Names of compressions and what they are in Zarr metadata.

Zarr's blosc is a wrapper: here it holds zstd after shuffling bytes, which is what makes it worth asking for.
"""

import re
from typing import Any

import numpy as np

from patchplan.errors import ConfigError
from patchplan.stitching.frame import OutputKind

_ALLOWED = {
    "ome-zarr": ("zstd", "zstd:LEVEL", "blosc", "gzip", "none"),
    "ome-tiff": ("zlib", "zstd", "zstd:LEVEL", "lzw", "none"),
}
_LEVELS = range(-7, 23)
"""Levels of zstd; 0 is its own default, 3."""

Codec = dict[str, Any] | None


def check_compression(kind: OutputKind, compression: str | None) -> None:
    """Raise ConfigError for a compression that a kind of output does not have."""
    if compression is None:
        return
    allowed = _ALLOWED[kind]
    if not isinstance(compression, str):
        raise ConfigError(f"--compression: found {compression!r}; allowed for {kind} are {', '.join(allowed)}")
    name = "zstd" if _zstd_level(compression) is not None else compression
    if name not in allowed:
        raise ConfigError(f"--compression: found {compression!r}; allowed for {kind} are {', '.join(allowed)}")
    level = _zstd_level(compression)
    if level is not None and level not in _LEVELS:
        raise ConfigError(f"--compression: found {compression!r}; levels of zstd are {_LEVELS[0]} to {_LEVELS[-1]}")


def _zstd_level(compression: str) -> int | None:
    match = re.fullmatch(r"zstd(?::(-?\d{1,3}))?", compression)
    return None if match is None else int(match.group(1) or 0)


def v3_codec(compression: str | None, dtype: np.dtype[Any]) -> Codec:
    """Return the bytes-to-bytes codec of a Zarr v3 array, None for none."""
    name = compression or "zstd"
    level = _zstd_level(name)
    if level is not None:
        return {"name": "zstd", "configuration": {"level": level, "checksum": False}}
    if name == "none":
        return None
    if name == "gzip":
        return {"name": "gzip", "configuration": {"level": 5}}
    shuffle = {"typesize": dtype.itemsize, "shuffle": "shuffle" if dtype.itemsize > 1 else "noshuffle"}
    return {"name": "blosc", "configuration": {"cname": "zstd", "clevel": 5, "blocksize": 0, **shuffle}}


def v2_codec(compression: str | None, dtype: np.dtype[Any]) -> Codec:
    """Return the compressor of a Zarr v2 array, None for none."""
    # Java readers of v2 know blosc and zlib only
    name = compression or "blosc"
    level = _zstd_level(name)
    if level is not None:
        return {"id": "zstd", "level": level}
    if name == "none":
        return None
    if name == "gzip":
        return {"id": name, "level": 5}
    inner = "lz4" if compression is None else "zstd"
    return {"id": "blosc", "cname": inner, "clevel": 5, "shuffle": int(dtype.itemsize > 1), "blocksize": 0}

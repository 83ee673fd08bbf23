"""What a user may say about how an output is stored, and what goes together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid5

import numpy as np

from patchplan.errors import ConfigError
from patchplan.stitching.canvases.compression import check_compression
from patchplan.stitching.canvases.levels import check_levels
from patchplan.stitching.frame import Frame, OutputKind
from patchplan.stitching.words import Ngff

_NAMESPACE = UUID("6f0b7c7e-4a0b-5d0c-9d43-0c7f5f0a7d11")

_TIFF_DTYPES = frozenset(
    ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64", "complex64", "complex128")
)
"""Pixels that OME-TIFF has. Its bool is one bit, which few programs read."""


@dataclass(frozen=True)
class CanvasOptions:
    """How an output is stored; None leaves it to the kind of output.

    Parameters
    ----------
    chunks, shards : tuple of int or None
        Pixels in (Z)YX; "none" is no shards. Tiles of a TIFF have Y and X only.
    compression : str or None
        "zstd", "zstd:LEVEL", "blosc", "gzip", "zlib", "lzw" or "none".
    levels : int or "auto"
        Levels of the pyramid, full resolution included.
    labels : bool
        Whether pixels are labels, of which there is no mean.
    ngff : str
        Version of OME-Zarr.
    token : str
        What tells the output from all others, also those of the same run: of it its UUID is made.
    """

    chunks: tuple[int, ...] | None = None
    shards: tuple[int, ...] | Literal["none"] | None = None
    compression: str | None = None
    levels: int | Literal["auto"] = "auto"
    labels: bool = False
    ngff: Ngff = "0.5"
    token: str = ""

    def describe(self) -> str:
        """Return what decides how pixels are stored, in one line."""
        return f"{self.chunks} {self.shards} {self.compression} {self.levels} {self.labels} {self.ngff}"

    @property
    def uuid(self) -> UUID:
        """The output's UUID: the same for the same plan and options."""
        return uuid5(_NAMESPACE, self.token)


def has_mean(frame: Frame, options: CanvasOptions) -> bool:
    """Return whether pixels of further levels are means; labels and bool have none."""
    return not options.labels and frame.dtype.kind != "b"


def check_options(kind: OutputKind, frame: Frame, options: CanvasOptions) -> None:
    """Raise ConfigError for options that do not go together, before anything is written."""
    if kind in ("memory", "npy"):
        _check_plain(options)
        return
    _check_sizes("chunks", options.chunks, frame)
    _check_sizes("shards", options.shards, frame)
    check_compression(kind, options.compression)
    check_levels(frame, options.levels)
    if kind == "ome-tiff":
        _check_tiff(frame, options)
    else:
        _check_shards(options)


def _check_plain(options: CanvasOptions) -> None:
    """Refuse what an array without chunks has no place for."""
    asked = {"chunks": options.chunks, "shards": options.shards, "compression": options.compression}
    wrong = [name for name, value in asked.items() if value not in (None, "none")]
    wrong += ["levels"] if options.levels not in ("auto", 1) else []
    if wrong:
        raise ConfigError(f"--{wrong[0]}: .npy has no {wrong[0]}; write .zarr or .tif, or leave it out")


def _check_sizes(name: str, sizes: Sequence[int] | str | None, frame: Frame) -> None:
    if sizes is None or isinstance(sizes, str):
        return
    ndim = len(frame.space)
    if len(sizes) != ndim or any(size < 1 for size in sizes):
        allowed = "Z,Y,X" if ndim == 3 else "Y,X"
        raise ConfigError(f"--{name}: found {_text(sizes)}; allowed are {ndim} sizes of at least 1, {allowed}")


def _check_tiff(frame: Frame, options: CanvasOptions) -> None:
    if options.shards not in (None, "none"):
        raise ConfigError("--shards: OME-TIFF has none; write .zarr, or leave it out")
    if options.chunks is not None and any(size % 16 for size in options.chunks[-2:]):
        raise ConfigError(f"--chunks: found {_text(options.chunks)}; tiles of a TIFF are multiples of 16 in Y and X")
    if frame.dtype.name not in _TIFF_DTYPES:
        raise ConfigError(f"OME-TIFF has no pixels of type {frame.dtype.name}; {_instead(frame.dtype)}, or write .zarr")


def _instead(dtype: np.dtype[Any]) -> str:
    """Return which type to ask for."""
    nearest = {"bool": "uint8", "float16": "float32", "int64": "int32", "uint64": "uint32"}.get(dtype.name, "float32")
    return f"use --dtype {nearest}"


def _check_shards(options: CanvasOptions) -> None:
    if options.shards is None or options.shards == "none":
        return
    if options.ngff == "0.4":
        raise ConfigError("--shards: OME-Zarr 0.4 is Zarr v2, which has no shards; use --ngff 0.5 or leave one out")
    if options.chunks is None:
        return  # chunks are then made to fit
    if any(shard % chunk for shard, chunk in zip(options.shards, options.chunks, strict=True)):
        raise ConfigError(
            f"--shards: found {_text(options.shards)}; allowed are multiples of --chunks {_text(options.chunks)}"
        )


def _text(sizes: Sequence[int]) -> str:
    return ",".join(str(size) for size in sizes)

"""PNG and JPEG: shape from the header, pixels decoded whole when the first region is read."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import Box, parse_override
from patchplan.images.limits import CACHE, MAX_WHOLE, check_chunk
from patchplan.images.paths import Stamp, fingerprint, same_file, stamp
from patchplan.images.reading import Described, Reader

_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Channels after decoding by PNG colour type; a palette is expanded to RGB."""

_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers in the range of frame headers (C0 to CF) that are none."""


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: str
    metadata: bytes


@dataclass(frozen=True, slots=True)
class RasterRecipe:
    """A file whose header is known."""

    path: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    stamp: Stamp

    def open(self) -> Reader:
        """Open the file; it is decoded when the first region is read."""
        return _RasterReader(self)


class _RasterReader:
    def __init__(self, recipe: RasterRecipe) -> None:
        self._recipe = recipe

    def read(self, box: Box) -> NDArray[Any]:
        return CACHE.get((self, 0), self._decode)[box]

    def close(self) -> None:
        CACHE.drop(self)

    def _decode(self) -> NDArray[Any]:
        import imagecodecs

        recipe = self._recipe
        data = Path(recipe.path).read_bytes()
        decoded = np.dtype(recipe.dtype).itemsize
        for n in recipe.shape:
            decoded *= n
        if decoded > MAX_WHOLE:
            raise RefusedError(f"would decode to {decoded / 1e9:,.1f} GB at once; allowed is {MAX_WHOLE >> 30} GiB")
        check_chunk(decoded, len(data), "the image")
        decode = imagecodecs.png_decode if recipe.kind == "png" else imagecodecs.jpeg_decode
        pixels: NDArray[Any] = decode(data)
        if pixels.shape != recipe.shape or pixels.dtype != recipe.dtype:
            raise RefusedError(
                f"decodes to {pixels.shape} {pixels.dtype}, its header says {recipe.shape} {recipe.dtype}"
            )
        return pixels


def examine(path: Path, kind: str, options: Options) -> list[Described]:
    """Return the one image of the file, from its header."""
    header = _png(path) if kind == "png" else _jpeg(path)
    axes = "YX" if len(header.shape) == 2 else "YXC"
    if options.axes is not None:
        axes = parse_override(options.axes, header.shape, axes)
    recipe = RasterRecipe(str(path), kind, header.shape, header.dtype, stamp(path))
    info = ImageInfo(
        uri=str(path),
        kind=kind,
        series=None,
        level=None,
        array=None,
        axes=axes,
        shape=header.shape,
        dtype=header.dtype,
        chunks=header.shape,
        shards=None,
        pixel_size=None,
        pixel_unit=None,
        fingerprint=fingerprint([str(path.stat().st_size).encode(), header.metadata]),
        levels=(header.shape,),
    )
    return [Described(info, recipe, (same_file(path),))]


def _shape(height: int, width: int, channels: int) -> tuple[int, ...]:
    return (height, width) if channels == 1 else (height, width, channels)


def _png(path: Path) -> _Header:
    """Read the chunks before the pixels."""
    with path.open("rb") as file:
        head = file.read(33)
        if len(head) < 33 or head[12:16] != b"IHDR":
            raise RefusedError("is a broken PNG: it has no header")
        width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
        if colour not in _PNG_CHANNELS:
            raise RefusedError(f"is a broken PNG: colour type {colour}")
        metadata, transparent = head, False
        while len(start := file.read(8)) == 8 and start[4:] not in (b"IDAT", b"IEND"):
            body = file.read(struct.unpack(">I", start[:4])[0] + 4)
            transparent |= start[4:] == b"tRNS"
            metadata += start + body
    # png_decode turns a transparent colour into an alpha channel
    channels = _PNG_CHANNELS[colour] + (transparent and colour in (0, 2, 3))
    return _Header(_shape(height, width, channels), "uint16" if depth == 16 else "uint8", metadata)


def _jpeg(path: Path) -> _Header:
    """Read the segments before the first scan."""
    metadata, frame = b"", b""
    with path.open("rb") as file:
        for marker, segment in _segments(file.read()):
            metadata += segment
            if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
                frame = segment
                break
    if len(frame) < 8:
        raise RefusedError("is a broken JPEG: it has no frame header")
    precision, height, width, channels = struct.unpack(">BHHB", frame[2:8])
    return _Header(_shape(height, width, channels), "uint8" if precision <= 8 else "uint16", metadata)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and bytes (length included) of each segment up to the first scan."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        if marker == 0xDA:
            return
        length = struct.unpack(">H", data[place + 2 : place + 4])[0]
        yield marker, data[place + 2 : place + 2 + length]
        place += 2 + length

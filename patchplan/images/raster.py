"""PNG and JPEG: shape from the header, pixels decoded whole when the first region is read."""

from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.images import jpeg, png
from patchplan.images.boundary import RefusedError
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import Box, parse_override
from patchplan.images.limits import CACHE, MAX_WHOLE, check_chunk
from patchplan.images.paths import Seen, Stamp, absolute, fingerprint, is_touched
from patchplan.images.reading import Described, Examined, Reader
from patchplan.objects import Location, location


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

    def check(self) -> None:
        """Refuse another size or header."""
        if is_touched(self.path, self.stamp):
            header = _header(location(self.path), self.kind)
            if (header.shape, header.dtype) != (self.shape, self.dtype):
                now, was = f"{header.shape} {header.dtype}", f"{self.shape} {self.dtype}"
                raise RefusedError(f"has changed since it was opened: its header says {now}, was {was}")


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
        data = location(recipe.path).read_bytes()
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


def examine(seen: Seen, kind: str, options: Options) -> Examined:
    """Return the one image of the file, from its header."""
    header = _header(seen.path, kind)
    axes = "YX" if len(header.shape) == 2 else "YXC"
    if options.axes is not None:
        axes = parse_override(options.axes, header.shape, axes)
    path = str(seen.path)
    recipe = RasterRecipe(absolute(seen.path), kind, header.shape, header.dtype, seen.stamp)
    info = ImageInfo(
        uri=path,
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
        fingerprint=fingerprint([str(seen.size).encode(), header.metadata]),
        levels=(header.shape,),
    )
    return [Described(info, recipe, (seen.same_file,))]


def _header(path: Location, kind: str) -> _Header:
    with path.open("rb") as file:
        return _png(file) if kind == "png" else _jpeg(file)


def _shape(height: int, width: int, channels: int) -> tuple[int, ...]:
    return (height, width) if channels == 1 else (height, width, channels)


def _png(file: BinaryIO) -> _Header:
    found = png.read_header(file)
    if not png.is_whole(file):
        raise RefusedError("is truncated: the end of the image (chunk IEND) is not there")
    dtype = "uint16" if found.depth == 16 else "uint8"
    return _Header(_shape(found.height, found.width, found.channels), dtype, found.metadata)


def _jpeg(file: BinaryIO) -> _Header:
    frame, metadata, scan = jpeg.read_header(file)
    if frame is None:
        raise RefusedError("is a broken JPEG: it has no frame header")
    if scan is None or not jpeg.is_whole(file, scan):
        raise RefusedError("is truncated: the end of the image (marker FFD9) is not there")
    dtype = "uint8" if frame.precision <= 8 else "uint16"
    return _Header(_shape(frame.height, frame.width, frame.channels), dtype, metadata)

"""`.npy` files, read through a memory map."""

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import Box, parse_override
from patchplan.images.paths import HEAD_BYTES, Seen, Stamp, absolute, fingerprint, is_touched, look
from patchplan.images.ranges import Ranges
from patchplan.images.reading import Described, Examined, Reader
from patchplan.objects import ObjectPath, location

MAX_HEADER = HEAD_BYTES - 16


@dataclass(frozen=True, slots=True)
class NpyRecipe:
    """A file whose header is known."""

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: str
    fortran: bool
    stamp: Stamp

    def open(self) -> Reader:
        """Map the file."""
        return _NpyReader(self)

    def check(self) -> None:
        """Refuse another size or header."""
        if is_touched(self.path, self.stamp):
            self.open().close()


class _NpyReader:
    def __init__(self, recipe: NpyRecipe) -> None:
        path = location(recipe.path)
        seen = look(path)
        shape, fortran, dtype, header = _header(seen)
        if (shape, fortran, dtype.str, len(header)) != (recipe.shape, recipe.fortran, recipe.dtype, recipe.offset):
            was = f"{recipe.shape} {np.dtype(recipe.dtype)}"
            raise RefusedError(f"has changed since it was opened: its header says {shape} {dtype}, was {was}")
        order: Literal["F", "C"] = "F" if fortran else "C"
        self._map: NDArray[Any] | Ranges
        if not isinstance(path, ObjectPath):
            self._map = np.memmap(path, dtype, "r", len(header), shape, order)
        else:
            self._map = Ranges(path, dtype, len(header), shape, seen.etag)

    def read(self, box: Box) -> NDArray[Any]:
        return self._map[box]

    def close(self) -> None:
        del self._map


def examine(seen: Seen, options: Options) -> Examined:
    """Return the one image of the file, from its header."""
    shape, fortran, dtype, header = _header(seen)
    if fortran and isinstance(seen.path, ObjectPath):
        raise RefusedError("is in Fortran order, which is not read from object stores; copy it to a disk")
    if dtype.hasobject:
        raise RefusedError("holds pickled Python objects, which are never loaded")
    if dtype.kind not in "biufc":
        shown = one_line(str(dtype))
        raise RefusedError(f"dtype {shown} is no pixel type; allowed are bool, integers, floats and complex")
    if any(n < 0 for n in shape):
        raise RefusedError(f"is broken: shape {shape} has a negative size")
    size, path = seen.size, str(seen.path)
    needed = len(header) + _n_bytes(shape, dtype)
    if size < needed:
        raise RefusedError(f"is truncated: {size:,} bytes, shape {shape} of {dtype} needs {needed:,}")
    recipe = NpyRecipe(absolute(seen.path), len(header), shape, dtype.str, fortran, seen.stamp)
    info = ImageInfo(
        uri=path,
        kind="npy",
        series=None,
        level=None,
        array=None,
        axes=plain_axes(shape, options.axes),
        shape=shape,
        dtype=dtype.newbyteorder("=").name,
        chunks=None,
        shards=None,
        pixel_size=None,
        pixel_unit=None,
        fingerprint=fingerprint([str(size).encode(), header]),
        levels=(shape,),
    )
    return [Described(info, recipe, (seen.same_file,))]


def plain_axes(shape: tuple[int, ...], override: str | None) -> str:
    """Return the axes of an array without metadata: YX, or what the user says."""
    if override is not None:
        return parse_override(override, shape, None)
    if len(shape) == 2:
        return "YX"
    hint = {3: "--axes ZYX, CYX or YXC", 4: "--axes CZYX"}.get(len(shape), "--axes TCZYX")
    if len(shape) < 2:
        raise RefusedError(f"shape {shape} has {len(shape)} axes; an image has at least Y and X")
    raise RefusedError(f"shape {shape} and no names of its axes; say what they are, for example {hint}")


def _n_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    count = dtype.itemsize
    for n in shape:
        count *= n
    return count


def _header(seen: Seen) -> tuple[tuple[int, ...], bool, np.dtype[Any], bytes]:
    """Return shape, Fortran order, dtype and all bytes before the pixels."""
    # not from the file: numpy reads a header of whatever length it claims before it refuses a long one
    file = io.BytesIO(seen.head)
    version = npy_format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise RefusedError(f"unknown version {version} of .npy")
    reader: Any = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, fortran, dtype = reader(file, max_header_size=MAX_HEADER)
    return tuple(int(n) for n in shape), bool(fortran), dtype, file.getvalue()[: file.tell()]

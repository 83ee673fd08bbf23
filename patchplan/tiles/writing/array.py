"""A `.npy` array of patches: N C (Z) Y X, row k of the plan is row k of the array."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.journal.stamps import Stamp, stamp
from patchplan.tiles.protocol import TileForm


class ArrayWriter:
    """Writes rows into a `.npy` file, anywhere in it: a new one, or one that is there and as it was begun."""

    def __init__(self, path: Path, n: int, form: TileForm) -> None:
        """Write the header, and take the space on the disk where the system can: a full one says so now."""
        self._path = path
        self._row = form.nbytes
        header = _header(n, form)
        self._offset = len(header)
        if is_begun(path, n, form):
            return
        path.unlink(missing_ok=True)
        with path.open("xb") as file:
            file.write(header)
            file.truncate(self._offset + n * self._row)
            if n and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), self._offset, n * self._row)

    def write(self, start: int, index: IntArray, tiles: NDArray[Any]) -> None:
        """Write rows at their place; their indices follow from the plan."""
        del index
        with self._path.open("r+b") as file:  # a place in the file for each thread
            file.seek(self._offset + start * self._row)
            file.write(np.ascontiguousarray(tiles).reshape(-1).view(np.uint8).data)

    def clear(self, start: int, index: IntArray) -> None:
        """Remove nothing: rows are written over what is there."""

    def files(self, start: int, index: IntArray) -> list[str]:
        """Return no file: nothing tells of a part of one whether it has changed."""
        del start, index
        return []

    def stamps(self) -> Stamp:
        """Return what asks for each file."""
        return stamp

    def finish(self) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing is open."""


def is_begun(path: Path, n: int, form: TileForm) -> bool:
    """Tell whether a file is there that a run has begun to fill: with the header and the size that it will have."""
    header = _header(n, form)
    try:
        with path.open("rb") as file:
            return file.read(len(header)) == header and file.seek(0, os.SEEK_END) == len(header) + n * form.nbytes
    except OSError:
        return False


def _header(n: int, form: TileForm) -> bytes:
    described = {"shape": (n, *form.shape), "fortran_order": False, "descr": npy_format.dtype_to_descr(form.dtype)}
    file = io.BytesIO()
    npy_format.write_array_header_1_0(file, described)
    return file.getvalue()

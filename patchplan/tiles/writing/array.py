"""A `.npy` array of patches: N C (Z) Y X, row k of the plan is row k of the array."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.tiles.protocol import TileForm


class ArrayWriter:
    """Writes rows into a new `.npy` file, anywhere in it."""

    def __init__(self, path: Path, n: int, form: TileForm) -> None:
        """Write the header, and take the space on the disk where the system can: a full one says so now."""
        self._path = path
        self._row = form.nbytes
        shape = (n, *form.shape)
        with path.open("wb") as file:
            described = {"shape": shape, "fortran_order": False, "descr": npy_format.dtype_to_descr(form.dtype)}
            npy_format.write_array_header_1_0(file, described)
            self._offset = file.tell()
            file.truncate(self._offset + n * self._row)
            if n and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), self._offset, n * self._row)

    def write(self, start: int, index: IntArray, tiles: NDArray[Any]) -> None:
        """Write rows at their place; their indices follow from the plan."""
        del index
        with self._path.open("r+b") as file:  # a place in the file for each thread
            file.seek(self._offset + start * self._row)
            file.write(np.ascontiguousarray(tiles).reshape(-1).view(np.uint8).data)

    def close(self) -> None:
        """Nothing is left to do."""

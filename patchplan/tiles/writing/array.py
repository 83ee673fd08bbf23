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
        """Write the header, and take the space on the disk where the system can: what is full says so now."""
        shape = (n, *form.shape)
        with path.open("wb") as file:
            described = {"shape": shape, "fortran_order": False, "descr": npy_format.dtype_to_descr(form.dtype)}
            npy_format.write_array_header_1_0(file, described)
            self._offset = file.tell()
        self._row = form.nbytes
        self._handle = os.open(path, os.O_RDWR)
        try:
            _take_space(self._handle, self._offset + n * self._row)
        except BaseException:
            os.close(self._handle)
            raise

    def write(self, start: int, index: IntArray, tiles: NDArray[Any]) -> None:
        """Write rows at their place; their indices follow from the plan."""
        del index
        left = memoryview(np.ascontiguousarray(tiles).reshape(-1).view(np.uint8).data)
        place = self._offset + start * self._row
        while left:  # the system takes at most 2 GB at a time
            done = os.pwrite(self._handle, left, place)
            left, place = left[done:], place + done

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def _take_space(handle: int, n_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, n_bytes)
    else:
        os.truncate(handle, n_bytes)

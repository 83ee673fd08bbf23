"""An output image as a .npy file."""

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.stitching.canvases.memory import MemoryCanvas
from patchplan.stitching.canvases.protocol import Progress
from patchplan.stitching.frame import Frame


class NpyCanvas(MemoryCanvas):
    """A file that is as long as it will be from the start, written through a memory map.

    Its bytes are reserved first: a map of a file with holes would end the process when the disk is full.
    """

    def __init__(self, path: Path, frame: Frame) -> None:
        with path.open("xb") as file:
            descr = np.lib.format.dtype_to_descr(frame.dtype)
            header = {"descr": descr, "fortran_order": False, "shape": frame.shape}
            np.lib.format.write_array_header_1_0(file, header)
            offset = file.tell()
            file.flush()
            _reserve(file.fileno(), offset + frame.dtype.itemsize * prod(frame.shape))
        self._map = np.memmap(path, frame.dtype, "r+", offset, frame.shape)
        super().__init__(frame, self._map)

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return None: pixels go to disk."""
        return None

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return 0: the system writes the pages of a map by itself."""
        return 0

    def finish(self, progress: Progress | None = None) -> None:
        """Hand all pages to the system."""
        self._map.flush()


def _reserve(handle: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)

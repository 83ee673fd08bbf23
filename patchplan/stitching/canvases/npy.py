"""An output image as a .npy file."""

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.stitching.canvases.grid import default_chunks
from patchplan.stitching.canvases.protocol import Progress
from patchplan.stitching.frame import Frame


class NpyCanvas:
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
        self.frame = frame
        self.block = default_chunks(frame)
        self._map = np.memmap(path, frame.dtype, "r+", offset, frame.shape)

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return None: pixels go to disk."""
        return None

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write pixels of a sample anywhere."""
        stop = [first + size for first, size in zip(start, data.shape[1:], strict=True)]
        self._map[self.frame.box(sample_idx, start, stop)] = self.frame.to_output(data)

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return 0: the system writes the pages of a map by itself."""
        return 0

    def finish_bytes(self) -> int:
        """Return 0: all pixels are in the map."""
        return 0

    def finish(self, progress: Progress | None = None) -> None:
        """Hand all pages to the system, and let go of the map, which holds a file open."""
        self._map.flush()
        del self._map


def _reserve(handle: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)

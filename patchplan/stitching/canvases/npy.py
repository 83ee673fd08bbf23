"""An output image as a .npy file."""

import io
import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import OutputError
from patchplan.objects import Location
from patchplan.stitching.canvases.protocol import MakeBlocks, Progress
from patchplan.stitching.canvases.whole import WholeArray
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger


class NpyCanvas(WholeArray):
    """A file that is as long as it will be from the start, written through a memory map.

    Its bytes are reserved first: a map of a file with holes would end the process when the disk is full.
    One that is there already, and whole, is gone on with.
    """

    def __init__(self, path: Path, frame: Frame) -> None:
        header = header_of(frame)
        if is_begun(path):
            with path.open("rb") as file:
                if file.read(len(header)) != header:
                    raise OutputError(f"{path}: is not the file that a stopped run left; use --overwrite to begin anew")
        else:
            with path.open("wb") as file:
                file.write(header)
                file.flush()
                _reserve(file.fileno(), len(header) + frame.dtype.itemsize * prod(frame.shape))
        self._map = np.memmap(path, frame.dtype, "r+", len(header), frame.shape)
        super().__init__(frame, self._map)

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return None: pixels go to disk."""
        return None

    def finish(
        self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None
    ) -> None:
        """Hand all pages to the system, and let go of the map, which holds a file open."""
        self._map.flush()
        del self._map, self.array
        ledger.note_finished([])


def is_begun(path: Location) -> bool:
    """Tell whether a file is there that a run has begun to fill: as long as its header says."""
    try:
        with path.open("rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                return False
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
            return file.seek(0, os.SEEK_END) == start + dtype.itemsize * prod(shape)
    except (OSError, ValueError):
        return False


def header_of(frame: Frame) -> bytes:
    """Return the bytes before the pixels."""
    described = {"descr": np.lib.format.dtype_to_descr(frame.dtype), "fortran_order": False, "shape": frame.shape}
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def _reserve(handle: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)

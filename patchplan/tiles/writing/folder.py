"""Folders of patches: a file per patch, C (Z) Y X, named by its index."""

import io
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.journal.stamps import Stamp, stamp
from patchplan.publish.documents import remove_files

BINARY = getattr(os, "O_BINARY", 0)
"""What Windows needs to be told."""


def folder_files(name: str) -> bool:
    """Tell whether a file belongs to a folder of patches, by its name.

    Examples
    --------
    >>> folder_files("0017.npy"), folder_files("notes.txt")
    (True, False)
    """
    return re.fullmatch(r"\d+\.(npy|tif)", name) is not None


class FolderWriter:
    """Writes files into a folder that is there; names have the digits of the largest index."""

    def __init__(self, folder: Path, largest: int, suffix: str) -> None:
        """Take `npy` or `tif` for a suffix."""
        self._folder = folder
        self._digits = len(str(largest))
        self._write = {"npy": _write_npy, "tif": _write_tif}[suffix]
        self._suffix = suffix

    def write(self, start: int, index: IntArray, tiles: NDArray[Any]) -> None:
        """Write a file per patch, over the same bytes where another process has written it, so that none is lost."""
        for path, tile in zip(self.files(start, index), tiles, strict=True):
            self._write(path, tile)

    def clear(self, start: int, index: IntArray) -> None:
        """Remove the files of these rows."""
        remove_files(self.files(start, index))

    def files(self, start: int, index: IntArray) -> list[str]:
        """Return the files of these rows."""
        del start
        return [f"{self._folder}{os.sep}{number:0{self._digits}}.{self._suffix}" for number in index.tolist()]

    def stamps(self) -> Stamp:
        """Return what asks for each file."""
        return stamp

    def finish(self) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing is open."""


def _write_npy(path: str, tile: NDArray[Any]) -> None:
    tile = np.ascontiguousarray(tile)
    with _opened(path) as file:  # not by tofile, which does not say why it fails
        npy_format.write_array_header_1_0(file, npy_format.header_data_from_array_1_0(tile))
        file.write(tile.reshape(-1).view(np.uint8).data)


def _write_tif(path: str, tile: NDArray[Any]) -> None:
    import tifffile

    file = io.BytesIO()  # tifffile, too, writes a file without saying why it fails
    tifffile.imwrite(file, tile, photometric="minisblack", metadata={"axes": "C" + spatial_axes(tile.ndim - 1)})
    with _opened(path) as new:
        new.write(file.getbuffer())


def _opened(path: str) -> BinaryIO:
    """Open a file to write it from its beginning; what is in it stays until it is written over."""
    # a Path per file is slow
    return open(path, "wb", opener=lambda name, _: os.open(name, os.O_WRONLY | os.O_CREAT | BINARY, 0o666))

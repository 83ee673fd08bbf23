"""An object as a file to read from: seekable, and fetched in ranges."""

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from patchplan.objects.path import ObjectPath

AHEAD = 1 << 16
"""Bytes that are fetched at least: directories of TIFF files are small and lie near each other."""


class ObjectFile(io.RawIOBase):
    """The ranges of an object, fetched when they are read."""

    def __init__(self, path: "ObjectPath") -> None:
        super().__init__()
        self.name = str(path)
        self._path, self._size, self._at = path, path.stat().size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"found place {start + offset}; allowed: 0 and more")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: "io.BytesIO | memoryview | bytearray") -> int:  # type: ignore[override]
        """Fetch as many bytes as fit."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        stop = min(self._at + len(view), self._size)
        if stop <= self._at:
            return 0
        found = self._path.read_range(self._at, stop)
        view[: len(found)] = found
        self._at += len(found)
        return len(found)


def open_object(path: "ObjectPath") -> BinaryIO:
    """Open an object to read; FileNotFoundError if it is not there."""
    return io.BufferedReader(ObjectFile(path), AHEAD)

"""Files of tables, on a disk or in an object store."""

from pathlib import Path
from typing import BinaryIO

from patchplan.objects import Location, ObjectPath


def size_of(path: Location) -> int:
    """Return the bytes of a file."""
    return path.stat().size if isinstance(path, ObjectPath) else path.stat().st_size


def source_of(path: Location) -> Path | BinaryIO:
    """Return what Arrow reads a file from."""
    return path.open() if isinstance(path, ObjectPath) else path

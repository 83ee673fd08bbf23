"""Documents of a Zarr store that others may read, or write the same, while they are written."""

from collections.abc import Iterable
from pathlib import Path

from patchplan.objects import Location, ObjectPath


def write_document(path: Location, document: bytes, mark: str) -> None:
    """Write a document at once, its folder made, unless it is there already.

    `mark` is what stands in the name that it has on a disk until it is whole: 8 hexadecimal digits.
    """
    if holds(path, document):
        return
    if isinstance(path, ObjectPath):
        path.write_bytes(document)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{mark}.new")
    new.write_bytes(document)
    new.replace(path)


def holds(path: Location, document: bytes) -> bool:
    """Tell whether a document is there."""
    try:
        return path.read_bytes() == document
    except OSError:
        return False


def remove_files(files: Iterable[str | Path | ObjectPath]) -> None:
    """Remove files that may be there."""
    for file in files:
        if isinstance(file, ObjectPath):
            file.delete()
        else:
            Path(file).unlink(missing_ok=True)


def files_in(folder: Location, names: Iterable[str]) -> list[str] | list[ObjectPath]:
    """Return files in a folder by their paths in it; where they are on a disk as text, as a Path per file is slow."""
    if isinstance(folder, ObjectPath):
        return [folder / name for name in names]
    return [f"{folder}/{name}" for name in names]

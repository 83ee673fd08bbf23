"""A file that is put into an object store at once, where nothing may be lost."""

from pathlib import Path

from patchplan.errors import OutputError
from patchplan.objects import ObjectPath
from patchplan.objects.path import AT_ONCE


def put_file(path: ObjectPath, file: Path, *, overwrite: bool) -> None:
    """Put a file; OutputError if it may not replace anything, and another run has put another one there meanwhile."""
    if not path.upload(file, if_absent=not overwrite) and not _is_same(path, file):
        raise OutputError(f"{path}: another run has written it meanwhile; use --overwrite to replace it")


def _is_same(path: ObjectPath, file: Path) -> bool:
    """Tell whether an object holds these bytes: the answer to a first try may have been lost."""
    size = file.stat().st_size
    return size <= AT_ONCE and path.stat().size == size and path.read_bytes() == file.read_bytes()

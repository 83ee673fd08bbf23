"""A file that is put into an object store at once, where nothing may be lost."""

from pathlib import Path

from patchplan.errors import OutputError
from patchplan.objects import ObjectPath

AT_ONCE = 1 << 23
"""Bytes up to which a store can be asked to put a file only where there is none."""


def put_file(path: ObjectPath, file: Path, *, overwrite: bool) -> None:
    """Put a file; OutputError if it may not replace anything, and another run has put another one there meanwhile."""
    if overwrite or file.stat().st_size > AT_ONCE:
        if not overwrite and path.is_file():
            raise _written(path)
        path.upload(file)
        return
    data = file.read_bytes()
    if path.write_bytes(data, if_absent=True) is None and path.read_bytes() != data:  # else an answer was lost
        raise _written(path)


def _written(path: ObjectPath) -> OutputError:
    return OutputError(f"{path}: another run has written it meanwhile; use --overwrite to replace it")

"""Writing beside, then moving: nothing half-written stands under the asked name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from patchplan.errors import OutputError


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a file may be written under this name."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite to replace it, or another name")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist")


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """Yield the name to write to, `NAME.partial`; after the block it is flushed to disk and takes its place.

    Raises
    ------
    OutputError
        If writing fails, as on a full or read-only disk; what stood under the name stands there still.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        flush(partial)
        partial.replace(path)
    except OSError as error:
        if isinstance(error, OutputError) or not _is_about_writing(error):
            raise
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def _is_about_writing(error: OSError) -> bool:
    """Tell whether the operating system refused; our own errors about inputs pass through."""
    return type(error).__module__ == "builtins"


def flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())

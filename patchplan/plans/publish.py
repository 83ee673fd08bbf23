"""Writing beside, then moving: nothing half-written stands under the asked name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from patchplan.errors import OutputError


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a file may be written under this name."""
    try:
        folder, exists, parent = path.is_dir(), path.exists(), path.parent.is_dir()
    except (OSError, ValueError) as error:  # a name that no file can have
        raise OutputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None
    if folder:
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if exists and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite to replace it, or another name")
    if not parent:
        raise OutputError(f"{path}: the folder {path.parent} does not exist")


@contextmanager
def published(*paths: Path) -> Iterator[list[Path]]:
    """Yield a name to write to for each path, `NAME.partial`; after the block they take their places.

    All are flushed to disk before the first is moved, so that a full disk harms none; only a kill between
    the moves of two files can leave them at odds.

    Raises
    ------
    OutputError
        If writing fails, as on a full or read-only disk; what stood under the names stands there still.
    """
    partials = [path.with_name(path.name + ".partial") for path in paths]
    try:
        yield partials
        for partial in partials:
            _flush(partial)
        for partial, path in zip(partials, paths, strict=True):
            partial.replace(path)
    except OSError as error:
        if type(error).__module__ != "builtins":  # our own errors about inputs are OSErrors, too
            raise
        raise OutputError(f"{paths[0]}: cannot be written: {error.strerror or error}") from None
    finally:
        for partial in partials:
            with suppress(OSError):  # what stopped the writing must not be hidden by the clean-up
                partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())

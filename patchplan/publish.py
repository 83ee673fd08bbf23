"""Writing beside, then moving: nothing half-written stands under the asked name."""

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
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
def published(paths: Sequence[Path], *, overwrite: bool) -> Iterator[list[Path]]:
    """Yield names to write to, which nobody else uses; after the block they take the places of `paths`.

    All are flushed to disk before the first is moved, so that a full disk harms none. Runs that write to the
    same names at once move one after the other; only a kill between the moves of two files can leave them
    at odds, and those files tell.

    Parameters
    ----------
    paths : sequence of Path
        Files of one folder.
    overwrite : bool
        Whether they may replace files; asked again at the end, as another run may have come first.

    Raises
    ------
    OutputError
        If writing fails, as on a full or read-only disk; what stood under the names stands there still.
    """
    partials: list[Path] = []
    locks: list[int] = []
    try:
        for path in paths:
            _sweep(path)
            handle, partial = _create_beside(path)
            locks.append(handle)
            partials.append(partial)
        yield partials
        for partial in partials:
            _flush(partial)
        with _one_at_a_time(paths[0].parent):
            for path in paths:
                check_free(path, overwrite=overwrite)
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
        for handle in locks:
            os.close(handle)


def _create_beside(path: Path) -> tuple[int, Path]:
    """Create an empty file that only we write to, with the permissions of any new file; lock it while we live."""
    handle, name = tempfile.mkstemp(".partial", f"{path.name}.", path.parent)
    umask = os.umask(0)
    os.umask(umask)
    os.fchmod(handle, 0o666 & ~umask)
    _lock(handle)
    return handle, Path(name)


def _sweep(path: Path) -> None:
    """Remove what killed runs left of this file: a run that lives has its partial file locked."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.{'[a-z0-9_]' * 8}.partial"):
        with suppress(OSError):
            handle = os.open(left, os.O_RDWR)
            try:
                if _lock(handle):
                    left.unlink()
            finally:
                os.close(handle)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, where the system has one; a process that dies lets go of it."""
    handle = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    try:
        if handle is not None:
            _lock(handle, wait=True)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder, and tell whether it worked; some systems and network drives have no locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


def _flush(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())

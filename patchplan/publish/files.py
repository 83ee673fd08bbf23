"""Files that are written in one go, each under a name of its own beside the asked one."""

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from patchplan.errors import OutputError
from patchplan.objects import Location, ObjectPath
from patchplan.publish.locks import flush_file, lock, one_at_a_time


def check_free(path: Location, *, overwrite: bool) -> None:
    """Raise OutputError unless a file may be written under this name."""
    _, folder, exists, parent = look(path)
    if folder:
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if exists and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite to replace it, or another name")
    if not parent:
        raise OutputError(f"{path}: the folder {path.parent} does not exist")


def look(path: Location) -> tuple[bool, bool, bool, bool]:
    """Return whether a path is a link, a folder, anything at all, and whether its folder is there.

    In an object store a folder is what names begin with, and there as soon as something is in it.
    """
    try:
        if isinstance(path, ObjectPath):
            if not path.can_list:
                raise OutputError(f"{path}: nobody writes to {path.scheme}://; allowed: a path, s3:// or gs://")
            folder = path.is_dir()
            return False, folder, folder or path.is_file(), True
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # unlike exists(), it tells a name that no file can have
        return path.is_symlink(), path.is_dir(), path.exists(), path.parent.is_dir()
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None


def resolved(path: Location) -> Location:
    """Return a path without links; that of an object is what it is."""
    return path.resolve() if isinstance(path, Path) else path


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
        with reported(paths[0]):
            for path in paths:
                _sweep(path)
                handle, partial = _create_beside(path)
                locks.append(handle)
                partials.append(partial)
            yield partials
            for partial in partials:
                flush_file(partial)
            with one_at_a_time(paths[0].parent):
                for path in paths:
                    check_free(path, overwrite=overwrite)
                for partial, path in zip(partials, paths, strict=True):
                    partial.replace(path)
    finally:
        for partial in partials:
            with suppress(OSError):  # what stopped the writing must not be hidden by the clean-up
                partial.unlink(missing_ok=True)
        for handle in locks:
            os.close(handle)


@contextmanager
def reported(path: Location) -> Iterator[None]:
    """Turn errors of the system into OutputError naming the output."""
    try:
        yield
    except OSError as error:
        if type(error).__module__ != "builtins":  # our own errors about inputs are OSErrors, too
            raise
        told = OutputError(f"{path}: cannot be written: {error.strerror or error}")
        for note in getattr(error, "__notes__", ()):
            told.add_note(note)
        raise told from None


def _create_beside(path: Path) -> tuple[int, Path]:
    """Create an empty file that only we write to, with the permissions of any new file; lock it while we live."""
    handle, name = tempfile.mkstemp(".partial", f"{path.name}.", path.parent)
    umask = os.umask(0)
    os.umask(umask)
    os.fchmod(handle, 0o666 & ~umask)
    lock(handle)
    return handle, Path(name)


def _sweep(path: Path) -> None:
    """Remove what killed runs left of this file: a run that lives has its partial file locked."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.{'[a-z0-9_]' * 8}.partial"):
        with suppress(OSError):
            handle = os.open(left, os.O_RDWR)
            try:
                if lock(handle):
                    left.unlink()
            finally:
                os.close(handle)

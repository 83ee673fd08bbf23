"""Outputs that grow under NAME.partial and then take the name that was asked for.

out.zarr.partial    a folder that this run fills, locked while the run lives
out.zarr            what it becomes, by one rename

A single file grows in such a folder, too, which also holds what else is needed to make it.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from patchplan.errors import OutputError
from patchplan.publish.files import check_free, look, reported
from patchplan.publish.locks import flush_disk, flush_file, lock, lock_refused, one_at_a_time, open_folder
from patchplan.publish.swap import MARKER, check_way, repair, swap

Ours = Callable[[str], bool]
"""Whether a file in an output folder is one that we write, by its path in the folder, with `/`."""


def zarr_files(arrays: str) -> Ours:
    r"""Return a predicate of the files of a Zarr store, v2 or v3, whose arrays have names of this pattern.

    Examples
    --------
    >>> ours = zarr_files(r"tiles|index")
    >>> [ours(name) for name in ("zarr.json", "tiles/c/0/1", "index/0.0", "notes.txt", "tiles/c/notes.txt")]
    [True, True, True, False, False]
    """
    documents = r"zarr\.json|\.zarray|\.zgroup|\.zattrs|\.zmetadata"
    # what a killed writer leaves of a chunk stands beside it under a longer name
    chunk = r"(c[/.])?\d+([/.]\d+)*(\.__lock|\.[0-9a-f]{32}\.partial)?"
    pattern = re.compile(rf"({documents})|({arrays})/({documents}|{chunk})")
    return lambda name: pattern.fullmatch(name) is not None


def check_folder(path: Path, *, overwrite: bool, ours: Ours) -> None:
    """Raise OutputError unless a folder may be written under this name, losing no file that is not `ours`."""
    if path.name in ("", ".."):
        raise OutputError(f"{path}: is no name for an output")
    link, folder, exists, parent = look(path)
    if link:
        raise OutputError(f"{path}: is a link; give the name of what it leads to")
    if exists and not folder:
        raise OutputError(f"{path}: is a file, and a folder is to be written; give another name")
    if exists and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite to replace it, or another name")
    if not parent:
        raise OutputError(f"{path}: the folder {path.parent} does not exist")
    if exists:
        _check_ours(path, ours)
        check_way(path)


@contextmanager
def published_folder(path: Path, *, overwrite: bool, ours: Ours) -> Iterator[Path]:
    """Yield an empty folder to fill; after the block it takes the place of `path`, a folder, too.

    Parameters
    ----------
    path : Path
        Name of the output.
    overwrite : bool
        Whether it may replace an output, or what a killed run left; asked again at the end.
    ours : callable
        What may be removed when it is replaced.

    Raises
    ------
    OutputError
        If the name is not free, another run is writing under it, or writing fails, as on a full or read-only
        disk; what stood under the name stands there still.
    """
    with reported(path), _claimed(path, folder=True, overwrite=overwrite, ours=ours) as (partial, handle):
        yield partial
        flush_disk(handle)
        with one_at_a_time(path.parent):
            repair(path)
            check_folder(path, overwrite=overwrite, ours=ours)
            swap(partial, path)


@contextmanager
def published_file(path: Path, *, overwrite: bool, ours: Ours) -> Iterator[Path]:
    """Yield a file to create, in a folder that is ours for scratch data; after the block it takes its place.

    `ours` says what a killed run may have left in that folder. Else like `published_folder`.
    """
    with reported(path), _claimed(path, folder=False, overwrite=overwrite, ours=ours) as (partial, _):
        yield partial / path.name
        flush_file(partial / path.name)
        with one_at_a_time(path.parent):
            check_free(path, overwrite=overwrite)
            (partial / path.name).replace(path)


@contextmanager
def _claimed(path: Path, *, folder: bool, overwrite: bool, ours: Ours) -> Iterator[tuple[Path, int | None]]:
    """Make the partial folder, hold its lock, and remove it in the end if it is still there."""

    def check() -> None:
        if folder:
            check_folder(path, overwrite=overwrite, ours=ours)
        else:
            check_free(path, overwrite=overwrite)

    if path.name in ("", "..") or not look(path)[3]:
        check()  # it refuses; else it waits for the lock, as another run may be swapping the outputs
    partial = path.with_name(f"{path.name}.partial")
    made, handle = False, None
    try:
        with one_at_a_time(path.parent):
            if folder:
                repair(path)
            check()
            _clear(partial, overwrite=overwrite, ours=lambda name: name == path.name or ours(name))
            partial.mkdir()
            made = True
            handle = open_folder(partial)
            if handle is not None:
                lock(handle)
        yield partial, handle
    finally:
        # after the rename another run may have made its own under this name
        if made and (handle is None or _leads_to(partial, handle)):
            _remove(partial)
        if handle is not None:
            os.close(handle)


def _remove(folder: Path) -> None:
    """Remove a folder, also while the last chunks of an interrupted write still come in."""
    for pause in (0.0, 0.1, 0.2, 0.4, 0.8):
        time.sleep(pause)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def _leads_to(path: Path, handle: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(path.lstat(), os.fstat(handle))
    return False


def _clear(partial: Path, *, overwrite: bool, ours: Ours) -> None:
    """Remove what a killed run left, where that is allowed and no run that lives has it."""
    if not partial.is_dir() or partial.is_symlink():
        if os.path.lexists(partial):
            raise OutputError(f"{partial}: is in the way; move it elsewhere, or give another name")
        return
    handle = open_folder(partial)
    try:
        if handle is not None and lock_refused(handle):
            raise OutputError(f"{partial}: another run is writing there; wait for it, or give another name")
        if not overwrite:
            raise OutputError(f"{partial}: is left from a run that was stopped; use --overwrite to replace it")
        _check_ours(partial, ours)
        shutil.rmtree(partial)
    finally:
        if handle is not None:
            os.close(handle)


def _check_ours(folder: Path, ours: Ours) -> None:
    """Raise OutputError naming a file that replacing a folder would lose."""
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                elif entry.is_symlink() or not (name == MARKER or ours(name)):
                    raise OutputError(
                        f"{folder}: is not replaced, because {name} in it is no part of such an output and would be "
                        "lost; move it elsewhere, or give another name"
                    )

"""Removing what is ours, and nothing else."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from patchplan.errors import OutputError
from patchplan.objects import Location, ObjectPath

MARKER = ".patchplan-replaced"
"""Marks a folder that another is about to replace: complete, to be moved back if that did not happen."""

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
    documents = r"(zarr\.json|\.zarray|\.zgroup|\.zattrs|\.zmetadata)(\.[0-9a-f]{8}\.new)?"
    # what a killed writer leaves of a chunk stands beside it under a longer name
    chunk = r"(c[/.])?\d+([/.]\d+)*(\.__lock|\.[0-9a-f]{32}\.partial)?"
    pattern = re.compile(rf"({documents})|({arrays})/({documents}|{chunk})")
    return lambda name: pattern.fullmatch(name) is not None


def check_ours(folder: Location, ours: Ours, *, links: bool = False) -> None:
    """Raise OutputError naming a file that replacing a folder would lose; `links` in place of our files may go."""
    for name, mine in _files(folder, links=links):
        if not (mine and (name == MARKER or ours(name))):
            raise OutputError(
                f"{folder}: is not replaced, because {name} in it is no part of such an output and would be lost; "
                "move it elsewhere, or give another name"
            )


def _files(folder: Location, *, links: bool) -> Iterator[tuple[str, bool]]:
    """Yield the files in a folder by their paths in it, and whether they can be ours: links only if `links` may."""
    if isinstance(folder, ObjectPath):
        yield from ((name, True) for name, _ in folder.listing())
        return
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                else:
                    yield name, links or not entry.is_symlink()


_LEFT = re.compile(r".*(\.[0-9a-f]{8}\.new|\.__lock|\.[0-9a-f]{32}\.partial)")
"""Names of files that are about to get another name, which a killed writer leaves."""


def sweep(folder: Path) -> None:
    """Remove what killed writers left in an output between the files that belong to it."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif _LEFT.fullmatch(entry.name):
                    Path(entry.path).unlink()


def remove(folder: Path) -> None:
    """Remove a folder, also while the last chunks of an interrupted write still come in."""
    for pause in (0.0, 0.1, 0.2, 0.4, 0.8):
        if not folder.exists():
            return
        time.sleep(pause)
        shutil.rmtree(folder, ignore_errors=True)

"""Replacing a folder by another in renames that a killed run leaves whole or repairable.

out.zarr                what is to be replaced
out.zarr.old            what it becomes, for the moment in which another folder gets its name
.out.zarr.removed-...   what it becomes then, to be removed

A marker in the old folder tells it from a backup that somebody made by hand: only what bears one is moved
back, where a run was killed between the renames, or removed.
"""

import glob
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from patchplan.errors import OutputError
from patchplan.publish.clearing import MARKER, remove


def set_aside(folder: Path, path: Path) -> None:
    """Take its name from a folder that is not needed any more, of an output of this path; `clear` removes it.

    At once: nobody shall go on with what is half removed.
    """
    folder.rename(path.with_name(f".{path.name}.removed-{token_hex(4)}"))


def clear(path: Path) -> None:
    """Remove what was set aside. This may take long, and needs no lock."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.removed-{'[0-9a-f]' * 8}"):
        remove(folder)


def _old(path: Path) -> Path:
    return path.with_name(f"{path.name}.old")


def check_way(path: Path) -> None:
    """Raise OutputError if something that is not ours stands where the replaced folder would go."""
    old = _old(path)
    if os.path.lexists(old) and not _is_marked(old):
        raise OutputError(
            f"{old}: is in the way, as what {path.name} was stands there while it is replaced; move it elsewhere"
        )


def _is_marked(old: Path) -> bool:
    """Return whether a folder is one that we set aside."""
    return old.is_dir() and not old.is_symlink() and (old / MARKER).exists()


def swap(partial: Path, path: Path) -> None:
    """Rename the partial folder, after the folder that it replaces, if there is one."""
    if not path.exists():
        partial.rename(path)
        return
    try:
        (path / MARKER).touch()
        path.rename(_old(path))
        partial.rename(path)
    except BaseException:
        with suppress(OSError):  # what stopped the run must not be hidden, and the next run tries again
            repair(path)
        raise
    with suppress(OSError):  # the output is there; the next run tries again
        repair(path)


def repair(path: Path) -> None:
    """Finish or undo what a stopped run left half-swapped; call it under the lock of the parent folder."""
    old = _old(path)
    if _is_marked(old):
        if os.path.lexists(path):
            set_aside(old, path)
        else:
            old.rename(path)
    if path.is_dir():
        (path / MARKER).unlink(missing_ok=True)

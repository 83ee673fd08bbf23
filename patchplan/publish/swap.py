"""Replacing a folder by another in two renames that a killed run leaves whole or repairable.

out.zarr            what is to be replaced
out.zarr.old        what it becomes, for the moment in which out.zarr.partial gets its name

A marker in the old folder tells it from a backup that somebody made by hand: only what bears one is moved
back, where a run was killed between the two renames, or removed.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from patchplan.errors import OutputError

_ASIDE = ".patchplan-replaced"
"""Marks a folder that another is about to replace: complete, to be moved back if that did not happen."""

_REMOVED = ".patchplan-removed"
"""Marks a folder that has been replaced, and may have lost files already."""

MARKERS = (_ASIDE, _REMOVED)


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
    """Return whether a folder is one that we set aside; an empty one is what is left of such a folder."""
    if old.is_symlink() or not old.is_dir():
        return False
    return any((old / marker).exists() for marker in (_ASIDE, _REMOVED)) or not any(old.iterdir())


def swap(partial: Path, path: Path) -> None:
    """Rename the partial folder, after the folder that it replaces, if there is one."""
    if not path.exists():
        partial.rename(path)
        return
    (path / _ASIDE).touch()
    path.rename(_old(path))
    try:
        partial.rename(path)
    except BaseException:
        _restore(path)
        raise
    with suppress(OSError):  # the output is there; the next run tries again
        _remove(_old(path))


def _restore(path: Path) -> None:
    _old(path).rename(path)
    (path / _ASIDE).unlink()


def repair(path: Path) -> None:
    """Finish or undo what a killed run left half-swapped; call it under the lock of the parent folder."""
    old = _old(path)
    if not _is_marked(old):
        return
    if path.exists() or not (old / _ASIDE).exists():
        _remove(old)
    else:
        _restore(path)


def _remove(old: Path) -> None:
    """Remove a folder that was set aside, its marker last."""
    if (old / _ASIDE).exists():
        (old / _ASIDE).rename(old / _REMOVED)
    for entry in list(old.iterdir()):
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _REMOVED:
            entry.unlink()
    (old / _REMOVED).unlink(missing_ok=True)
    old.rmdir()

"""What the functions share: how paths are given, how progress is told."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from patchplan.errors import ConfigError
from patchplan.objects import ObjectPath, Uri, location

PathLike = Uri
PATHS = (str, os.PathLike, ObjectPath)
"""What a path or URL may be."""

Progress = Callable[[str, int, int], None]
"""Called with what is counted (images, rows, tiles, ...), how many are done, and how many there are."""


def as_list(paths: PathLike | Sequence[PathLike]) -> list[PathLike]:
    """Return one path, or several, as a list."""
    return [paths] if isinstance(paths, PATHS) else list(paths)


def counting(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    """Return a callback that counts one thing only."""
    return None if progress is None else lambda done, total: progress(what, done, total)


def on_disk(option: str, path: PathLike) -> Path:
    """Return a path; ConfigError for a URL where only files on a disk are read or written."""
    found = location(path)
    if isinstance(found, ObjectPath):
        raise ConfigError(f"{option}: found {path}; allowed: a path on a disk")
    return found

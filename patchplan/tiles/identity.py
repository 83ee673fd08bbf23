"""Whether tiles are still those that they were: by names, sizes and times of change of their files."""

import os
import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from patchplan.errors import OutputError, TilesError


def identity(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what tells places of tiles from others, as JSON; no tile is read.

    Each entry has `path`, the number of `files`, the latest time of change, and a `digest` of all.

    Raises
    ------
    TilesError
        If a folder cannot be read.
    """
    return [_identity(path) for path in paths]


def _identity(path: Path) -> dict[str, Any]:
    told, files, latest = blake2b(digest_size=16), 0, 0
    try:
        for name, size, time in _files(path):
            told.update(os.fsencode(name) + struct.pack("<xqq", size, time))
            files, latest = files + 1, max(latest, time)
    except OSError as error:
        raise TilesError(f"{path}: cannot be read: {error.strerror or error}") from None
    return {"path": str(path), "files": files, "latest": latest, "digest": told.hexdigest()}


def check_unchanged(found: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]], where: Path) -> None:
    """Raise OutputError naming what differs: `found` are the tiles of the run in `where` that was stopped."""
    again = "nobody goes on with other tiles: begin anew, with --overwrite, or with --share by removing this folder"
    if len(found) != len(now):
        raise OutputError(f"{where}: was begun with {len(found)} TILES, and now there are {len(now)}; {again}")
    for before, after in zip(found, now, strict=True):
        if before.get("digest") != after["digest"]:
            raise OutputError(f"{where}: {_difference(before, after)}; {again}")


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    path = Path(after["path"])
    if before.get("files") != after["files"]:
        return (
            f"was begun with {before.get('files')} files in {before.get('path')}, and now {path} has {after['files']}"
        )
    if not path.exists():
        return f"was begun with other tiles, {before.get('path')}"
    changed = next((name for name, _, time in _files(path) if time > before.get("latest", 0)), None)
    if changed is None:
        return f"files in {path} were exchanged since the run began"
    return f"{path / changed if changed else path} has changed since the run began"


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name below the path, size and time of change in ns of all files, folder by folder, sorted."""
    if not path.is_dir():
        found = path.stat()
        yield "", found.st_size, found.st_mtime_ns
        return
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(path / below) as entries:
            here = sorted(entries, key=lambda entry: entry.name)
        for entry in here:
            if entry.is_dir():
                pending.append(f"{below}{entry.name}/")
            else:
                found = entry.stat()
                yield f"{below}{entry.name}", found.st_size, found.st_mtime_ns

"""Whether tiles are still those that they were: by names, sizes and times of change of their files."""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from patchplan.errors import OutputError, TilesError
from patchplan.images.paths import ZARR_DOCUMENTS, is_object
from patchplan.objects import Location, ObjectPath, Status, location
from patchplan.publish import written_at


def identity(paths: Sequence[Location]) -> list[dict[str, Any]]:
    """Return what tells places of tiles from others, as JSON; no tile is read.

    Each entry has `path`, the number of `files`, the `latest` time in ns at which one was written, that at which
    one was `moved` or written, and a `digest` of names, sizes and times of writing.

    Raises
    ------
    TilesError
        If a folder cannot be read.
    """
    return [_identity(path) for path in paths]


def _identity(path: Location) -> dict[str, Any]:
    told, files, latest, moved = blake2b(digest_size=16), 0, 0, 0
    try:
        for name, found in _files(path):
            told.update(os.fsencode(name) + struct.pack("<xqq", found.size, found.written) + found.tag)
            files, latest, moved = files + 1, max(latest, found.written), max(moved, found.moved)
    except OSError as error:
        raise TilesError(f"{path}: cannot be read: {error.strerror or error}") from None
    return {"path": str(path), "files": files, "latest": latest, "moved": moved, "digest": told.hexdigest()}


def newer(tiles: Sequence[dict[str, Any]], output: Location) -> str | None:
    """Return a place of tiles of which a file was written or moved later than an output, if there is one."""
    written = written_at(output)
    return next((place["path"] for place in tiles if place.get("moved", 0) > written), None)


def check_unchanged(found: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]], where: Location) -> None:
    """Raise OutputError naming what differs: `found` are the tiles of the run in `where` that was stopped."""
    again = "nobody goes on with other tiles: begin anew, with --overwrite, or with --share by removing this folder"
    before, after = ([_digest(place) for place in places] for places in (found, now))
    if before != after and sorted(before) == sorted(after):
        order = ", ".join(str(place.get("path")) for place in found)
        raise OutputError(f"{where}: was begun with the same TILES in another order, {order}; {again}")
    if len(found) != len(now):
        raise OutputError(f"{where}: was begun with {len(found)} TILES, and now there are {len(now)}; {again}")
    for one, other in zip(found, now, strict=True):
        if _digest(one) != _digest(other):
            raise OutputError(f"{where}: {_difference(one, other)}; {again}")


def _digest(place: dict[str, Any]) -> str:
    return str(place.get("digest"))


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    path = location(after["path"])
    if before.get("files") != after["files"]:
        return (
            f"was begun with {before.get('files')} files in {before.get('path')}, and now {path} has {after['files']}"
        )
    if not path.exists():
        return f"was begun with other tiles, {before.get('path')}"
    changed = next((name for name, found in _files(path) if found.written > before.get("latest", 0)), None)
    if changed is None:
        return f"files in {path} were exchanged since the run began"
    return f"{path / changed if changed else path} has changed since the run began"


class _Told(NamedTuple):
    """What is known of a file without reading it: bytes, when it was written and moved in ns, the tag of an object."""

    size: int
    written: int
    moved: int
    tag: bytes = b""


def _files(path: Location) -> Iterator[tuple[str, _Told]]:
    """Yield the name below the path of all files, and what is known of them, sorted.

    A link counts as what it leads to, but a folder behind one is not entered: it may be the whole system, or a circle.
    """
    if isinstance(path, ObjectPath):
        yield from _objects(path)
        return
    if not path.is_dir():
        yield "", _told(path.stat())
        return
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(path / below) as entries:
            here = sorted(entries, key=lambda entry: entry.name)
        for entry in here:
            if entry.is_dir(follow_symlinks=False):
                pending.append(f"{below}{entry.name}/")
            else:
                yield f"{below}{entry.name}", _told(_status(entry))


def _objects(path: ObjectPath) -> Iterator[tuple[str, _Told]]:
    """Yield what a listing tells; of a store on the web, where there is none, what is known of its documents."""
    found: Iterable[tuple[str, Status]]
    if is_object(path):
        found = [("", path.stat())]
    elif path.can_list:
        found = path.listing()
    else:
        names = [f"{below}{name}" for below in ("", "tiles/", "index/") for name in ZARR_DOCUMENTS]
        found = [(name, (path / name).stat()) for name in names if is_object(path / name)]
    for name, status in found:
        time = int(status.mtime * 1e9)
        yield name, _Told(status.size, time, time, (status.etag or "").encode())


def _told(status: os.stat_result) -> _Told:
    return _Told(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _status(entry: "os.DirEntry[str]") -> os.stat_result:
    """Return the status of what an entry leads to, or of a link that leads nowhere its own."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)

"""Small questions about paths that several formats ask."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from patchplan.images.boundary import RefusedError
from patchplan.objects import Location, ObjectPath, Status, location
from patchplan.objects.reading import Known, open_object

ZARR_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TIFF_SUFFIXES = (
    *(".tif", ".tiff", ".btf", ".tf2", ".tf8", ".svs", ".scn", ".ndpi"),
    *(".qptiff", ".bif", ".stk", ".lsm", ".gel", ".flex", ".eer", ".zif"),
)
SUFFIXES: dict[str, str] = {
    **dict.fromkeys(TIFF_SUFFIXES, "tiff"),
    ".npy": "npy",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".zarr": "zarr",
    ".zip": "zarr",
    ".ozx": "zarr",
}
PLAN_SUFFIXES = frozenset({".parquet", ".csv", ".json", ".yaml", ".yml"})

Stamp = tuple[int, ...]


HEAD_BYTES = 1 << 16
"""Bytes read of every file: all of a small one."""

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A file or folder, looked at once.

    `same_file` is what two paths of the same file or folder have in common, `version` changes with what is written,
    `head` is how a file begins, and `etag` what an object store calls its version.
    """

    path: Location
    is_dir: bool
    same_file: tuple[int, int]
    size: int
    version: int
    head: bytes = b""
    etag: str | None = None

    @property
    def stamp(self) -> Stamp:
        """What changes when a file is rewritten in place or replaced."""
        return (*self.same_file, self.size, self.version)

    def open(self) -> BinaryIO:
        """Open a file to read."""
        if isinstance(self.path, ObjectPath):
            return open_object(self.path, Known(self.size, str(self.version), self.head, self.etag))
        return self.path.open("rb", buffering=0)


def _seen(path: Path, status: os.stat_result, head: bytes = b"") -> Seen:
    is_dir, same_file = stat.S_ISDIR(status.st_mode), (status.st_dev, status.st_ino)
    return Seen(path, is_dir, same_file, status.st_size, status.st_mtime_ns, head)


def _seen_object(path: ObjectPath, status: Status | None, head: bytes = b"") -> Seen:
    """Return an object, or the prefix of some, which has no status; numbers stand for names and tags."""
    same_file = (0, _number(str(path)))
    if status is None:
        return Seen(path, True, same_file, 0, 0)
    return Seen(path, False, same_file, status.size, _number(status.etag or str(status.mtime)), head, status.etag)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def look(path: Location) -> Seen:
    """Look at a file or folder, or refuse what is neither: opening a named pipe would wait forever."""
    if isinstance(path, ObjectPath):
        return _look_at_object(path)
    status = os.stat(path)  # noqa: PTH116 (no Path method per file)
    if stat.S_ISDIR(status.st_mode):
        return _seen(path, status)
    check_regular(status)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # a third quicker than a file object
    try:
        return _seen(path, status, os.read(handle, HEAD_BYTES))
    finally:
        os.close(handle)


def _look_at_object(path: ObjectPath) -> Seen:
    if path.suffix.lower() != ".zarr":
        with contextlib.suppress(FileNotFoundError):
            return _seen_object(path, *path.read_head(HEAD_BYTES))
    if is_zarr_folder(path) or path.is_dir():
        return _seen_object(path, None)
    return _seen_object(path, *path.read_head(HEAD_BYTES))


def absolute(path: Location) -> str:
    """Return the path that is still right when the working folder is another; links are not followed."""
    if isinstance(path, ObjectPath):
        return str(path)
    return os.path.abspath(path)  # noqa: PTH100 (resolve() would follow symlinks)


def _look_again(path: Location) -> Seen:
    if isinstance(path, ObjectPath):
        return _seen_object(path, path.stat())
    return _seen(path, os.stat(path))  # noqa: PTH116 (no Path method per file)


def is_touched(path: str, stamp: Stamp) -> bool:
    """Return whether a file was written since it had this stamp, or refuse another size."""
    now = _look_again(location(path))
    if now.size != stamp[2]:
        raise RefusedError(f"has changed since it was opened: {now.size:,} bytes, was {stamp[2]:,}")
    return now.stamp != stamp[: len(now.stamp)]


def check_regular(status: os.stat_result) -> None:
    """Refuse what is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        what = _SPECIAL.get(stat.S_IFMT(status.st_mode), "something else")
        raise RefusedError(f"is {what}; allowed are files and folders")


def fingerprint(parts: Iterable[bytes]) -> str:
    """Return a hash of the parts, each with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:32]


def is_zarr_folder(path: str | os.PathLike[str] | ObjectPath) -> bool:
    """Return whether a folder is a Zarr store or a node of one."""
    if isinstance(path, ObjectPath):
        return any(is_object(path / name) for name in ZARR_DOCUMENTS)
    return any(os.path.exists(os.path.join(path, name)) for name in ZARR_DOCUMENTS)  # noqa: PTH110, PTH118


def is_object(path: ObjectPath) -> bool:
    """Return whether there is an object; servers of the web may call forbidden what is not there."""
    try:
        return path.is_file()
    except PermissionError:
        if path.can_list:
            raise
        return False


def file_kind(seen: Seen) -> str:
    """Return the format of a file or folder by its first bytes, then by its suffix, or refuse."""
    path, head = seen.path, seen.head
    if seen.is_dir:
        return _folder_kind(path)
    suffix = path.suffix.lower()
    if not head:
        raise RefusedError("the file is empty (0 bytes)")
    if head[:4] == b"PAR1" or suffix in PLAN_SUFFIXES:
        if path.name in ZARR_DOCUMENTS:
            raise RefusedError("is a metadata document of a Zarr store; give the folder that holds it")
        raise RefusedError("is a plan or table, not an image")
    kind = _magic(head) or SUFFIXES.get(suffix)
    if kind is None:
        known = ", ".join(sorted(SUFFIXES))
        raise RefusedError(f"unknown kind of file (suffix {suffix or 'none'}); known are {known}")
    return kind


def _folder_kind(path: Location) -> str:
    if isinstance(path, Path):
        os.scandir(path).close()  # says why, where a folder cannot be entered
    if is_zarr_folder(path):
        return "zarr"
    if path.suffix.lower() == ".zarr":
        raise RefusedError(f"is an empty or broken Zarr store: it has none of {', '.join(ZARR_DOCUMENTS)}")
    raise RefusedError(f"is a folder and no Zarr store: it has none of {', '.join(ZARR_DOCUMENTS)}")


def _magic(head: bytes) -> str | None:
    if head[:4] in TIFF_MAGIC:
        return "tiff"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    return "zarr" if head[:4] == b"PK\x03\x04" else None

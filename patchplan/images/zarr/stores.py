"""Where the files of a Zarr store are: a folder, a zip file, or a prefix of objects. Keys are paths with `/`."""

import os
import stat
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.paths import ZARR_DOCUMENTS, check_regular
from patchplan.objects import Location, ObjectPath

MAX_DOCUMENT = 1 << 26
"""Bytes of a metadata document."""


class FolderStore:
    """A store in a folder."""

    can_list = True

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, key: str) -> bytes | None:
        """Return a document, None where there is none."""
        path = self.root / key
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISDIR(status.st_mode):
            return None
        check_regular(status)
        _check_document(key, status.st_size)
        return path.read_bytes()

    def size(self, key: str) -> int | None:
        """Return the bytes of an object."""
        path = self.root / key
        return path.stat().st_size if path.is_file() else None

    def children(self, prefix: str) -> list[str]:
        """Return names of folders below a prefix, sorted; links may lead out of the store or in a circle."""
        with os.scandir(self.root / prefix) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield paths of all files below a prefix; links to nothing are none, and a pipe, which hangs, is refused."""
        pending = [""]
        while pending:
            folder = pending.pop()
            with os.scandir(self.root / prefix / folder) as entries:
                for entry in entries:
                    path = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{path}/")
                    elif is_there(entry):
                        yield path
                    elif not entry.is_symlink():
                        check_regular(entry.stat())


def is_there(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry is a file, or a link that leads to one."""
    try:
        return entry.is_file()
    except OSError:  # a link in a circle, or into a folder that cannot be entered
        return False


class ZipFileStore:
    """A store at the root of a zip file, or in the only folder at its root."""

    can_list = True

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
        for one in members:
            if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                how = f"member {one_line(one.filename)} is compressed by method {one.compress_type}"
                raise RefusedError(f"is a zip file whose {how}; allowed are deflate and none")
        self._sizes = {one.filename: one.file_size for one in members}

    @cached_property
    def base(self) -> str:
        """Where the store starts inside the zip: `` or the name of a folder."""
        if any(name in self._sizes for name in ZARR_DOCUMENTS):
            return ""
        tops = {name.split("/")[0] for name in self._sizes}
        inner = [top for top in tops if any(f"{top}/{name}" in self._sizes for name in ZARR_DOCUMENTS)]
        if len(inner) != 1:
            raise RefusedError("is a zip file, but no Zarr store: it has no metadata document at its root")
        return inner[0]

    def read(self, key: str) -> bytes | None:
        """Return a document, None where there is none."""
        if key not in self._sizes:
            return None
        _check_document(key, self._sizes[key])
        with zipfile.ZipFile(self.path) as archive, archive.open(key) as member:
            return member.read(self._sizes[key] + 1)  # without a number it decodes all before it cuts

    def size(self, key: str) -> int | None:
        """Return the bytes of an object."""
        return self._sizes.get(key)

    def children(self, prefix: str) -> list[str]:
        """Return names of folders below a prefix, sorted."""
        start = f"{prefix}/" if prefix else ""
        below = (name[len(start) :].split("/") for name in self._sizes if name.startswith(start))
        return sorted({parts[0] for parts in below if len(parts) > 1})

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield paths of all files below a prefix, relative to it."""
        start = f"{prefix}/" if prefix else ""
        return (name[len(start) :] for name in self._sizes if name.startswith(start))


class PrefixStore:
    """A store in an object store, or on the web, where nobody can list."""

    def __init__(self, root: ObjectPath) -> None:
        self.root, self.can_list = root, root.can_list

    def read(self, key: str) -> bytes | None:
        """Return a document, None where there is none; servers of the web may call forbidden what is not there."""
        path = self.root / key
        try:
            return path.read_bytes(at_most=MAX_DOCUMENT)
        except FileNotFoundError:
            return None
        except PermissionError:
            if self.can_list:
                raise
            return None

    def size(self, key: str) -> int | None:
        """Return the bytes of an object."""
        try:
            return (self.root / key).stat().size
        except FileNotFoundError:
            return None

    def children(self, prefix: str) -> list[str]:
        """Return names directly below a prefix that have others below them, sorted."""
        return [name for name in (self.root / prefix).children()[0] if not name.startswith(".")]

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield keys of all objects below a prefix, relative to it."""
        return (key for key, _ in (self.root / prefix).listing())


Store = FolderStore | ZipFileStore | PrefixStore


def folder_store(root: Location) -> FolderStore | PrefixStore:
    """Return the store of a folder or prefix."""
    return PrefixStore(root) if isinstance(root, ObjectPath) else FolderStore(root)


def _check_document(key: str, size: int) -> None:
    if size > MAX_DOCUMENT:
        raise RefusedError(f"metadata document {key} of {size:,} bytes is too large; allowed are {MAX_DOCUMENT:,}")

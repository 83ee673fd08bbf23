"""The metadata documents of a Zarr store in a folder or a zip file, read without zarr.

A node is an array or a group, v2 or v3. Reading the documents ourselves is quick, gives exact messages, and
provides the bytes to fingerprint; `reader` leaves pixels to zarr.
"""

import json
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.paths import ZARR_DOCUMENTS, check_regular

MAX_DOCUMENT = 1 << 26
"""Bytes of a metadata document."""

MAX_COUNTED = 100_000
"""Chunks of an array up to which those present are counted."""

STACK = "is a stack of patches, not an image"


def join(base: str, path: object) -> str:
    """Return a path inside a store, or refuse one that leaves it."""
    if not isinstance(path, str) or not path:
        raise RefusedError(f"path {one_line(repr(path))} in the metadata is no path")
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or ":" in parts[0] or ".." in parts:
        raise RefusedError(f"path {one_line(repr(path))} in the metadata leads out of the store, which is refused")
    return "/".join(part for part in (*base.split("/"), *parts) if part not in ("", "."))


class FolderStore:
    """Keys are relative paths with `/`."""

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


Store = FolderStore | ZipFileStore


def _check_document(key: str, size: int) -> None:
    if size > MAX_DOCUMENT:
        raise RefusedError(f"metadata document {key} of {size:,} bytes is too large; allowed are {MAX_DOCUMENT:,}")


@dataclass(frozen=True)
class Node:
    """One array or group: its documents, parsed and as bytes."""

    store: Store
    path: str
    version: int
    attributes: dict[str, Any]
    array: dict[str, Any] | None
    documents: dict[str, bytes] = field(repr=False)

    @property
    def name(self) -> str:
        """The path for messages."""
        return repr(self.path) if self.path else "the root"


def read_node(store: Store, path: str) -> Node | None:
    """Return the node at a path, None where there is none; v3 goes before v2."""
    prefix = f"{path}/" if path else ""
    texts = {name: store.read(prefix + name) for name in ("zarr.json",)}
    if texts["zarr.json"] is None:
        texts = {name: store.read(prefix + name) for name in (".zarray", ".zgroup", ".zattrs")}
    documents = {name: text for name, text in texts.items() if text is not None}
    if not documents:
        return None
    parsed = {name: _parse(prefix + name, text) for name, text in documents.items()}
    if "zarr.json" not in parsed:
        return Node(store, path, 2, parsed.get(".zattrs", {}), parsed.get(".zarray"), documents)
    node = parsed["zarr.json"]
    attributes = node.get("attributes", {})
    if node.get("node_type") not in ("array", "group") or not isinstance(attributes, dict):
        raise RefusedError(f"{prefix}zarr.json describes neither an array nor a group")
    return Node(store, path, 3, attributes, node if node["node_type"] == "array" else None, documents)


def is_stack(store: Store, path: str) -> bool:
    """Return whether a group is a stack of patches that patchplan wrote."""
    root = read_node(store, path)
    if root is None or "patchplan" not in root.attributes:
        return False
    inner = [read_node(store, join(path, name)) for name in ("tiles", "index")]
    return all(node is not None and node.array is not None for node in inner)


def _parse(key: str, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RefusedError(f"{key} is no JSON: {one_line(str(error))}") from error
    if not isinstance(found, dict):
        raise RefusedError(f"{key} must hold a JSON object, found {type(found).__name__}")
    return found


def array_shape(node: Node) -> tuple[int, ...]:
    """Return the shape that an array's document gives."""
    shape = (node.array or {}).get("shape")
    if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise RefusedError(f"the array {node.name} has shape {one_line(repr(shape))}, which makes no sense")
    return tuple(shape)


def count_chunks(node: Node, shape: tuple[int, ...], stored: tuple[int, ...]) -> tuple[int, int] | None:
    """Return how many chunks (or shards) are there and how many make the array, None if too many to count."""
    grid = [-(-n // size) for n, size in zip(shape, stored, strict=True)]
    if prod(grid) > MAX_COUNTED:
        return None
    pattern = re.compile(_key_pattern(node, len(shape)))
    present = 0
    for key in node.store.keys(node.path):
        match = pattern.fullmatch(key)
        if match and all(int(i) < n for i, n in zip(match.groups(), grid, strict=True)):
            present += 1
    return present, prod(grid)


def _key_pattern(node: Node, ndim: int) -> str:
    """Return a regular expression of chunk keys with a group per axis."""
    start, separator = _key_parts(node)
    return re.escape(start) + re.escape(separator).join([r"(\d+)"] * ndim)


def chunk_keys(node: Node) -> Callable[[tuple[int, ...]], str]:
    """Return a function that gives the path of a chunk (or shard) below the store's root."""
    start, separator = _key_parts(node)
    start = f"{node.path}/{start}" if node.path else start
    return lambda index: start + separator.join(map(str, index))


def _key_parts(node: Node) -> tuple[str, str]:
    """Return how keys of chunks start and what stands between the numbers."""
    found = node.array or {}
    if node.version == 2:
        return "", str(found.get("dimension_separator", "."))
    encoding = found.get("chunk_key_encoding", {})
    name = encoding.get("name", "default")
    separator = str(encoding.get("configuration", {}).get("separator", "/" if name == "default" else "."))
    return (f"c{separator}" if name == "default" else ""), separator

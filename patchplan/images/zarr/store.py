"""The metadata documents of a Zarr store, read without zarr.

A node is an array or a group, v2 or v3. Reading the documents ourselves is quick, gives exact messages, and
provides the bytes to fingerprint; `reader` leaves pixels to zarr.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.zarr.stores import Store

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
    """Return how many chunks (or shards) are there and how many make the array, None if nobody can or would count."""
    grid = [-(-n // size) for n, size in zip(shape, stored, strict=True)]
    if prod(grid) > MAX_COUNTED or not node.store.can_list:
        return None
    pattern = re.compile(key_pattern(node, len(shape)))
    present = 0
    for key in node.store.keys(node.path):
        match = pattern.fullmatch(key)
        if match and all(int(i) < n for i, n in zip(match.groups(), grid, strict=True)):
            present += 1
    return present, prod(grid)


def key_pattern(node: Node, ndim: int) -> str:
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

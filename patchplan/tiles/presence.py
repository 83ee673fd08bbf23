"""Which rows of a Zarr array have all their chunks, from the listing of files and the indices of shards."""

import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError
from patchplan.images.zarr.store import Node, chunk_keys, key_pattern
from patchplan.images.zarr.traffic import REQUESTS, Pixels
from patchplan.objects import Location, ObjectPath
from patchplan.tiles.reading import everywhere

_ABSENT = np.uint64(2**64 - 1)
"""Offset and length of a chunk that a shard does not hold."""

MAX_CHUNKS = 1 << 26
"""Files that are looked for."""


def rows_present(root: Location, node: Node, pixels: Pixels) -> NDArray[np.bool_]:
    """Return which rows (entries of the first axis) have all their chunks, shape (N,)."""
    stored = pixels.shards or pixels.chunks
    grid = [-(-n // size) for n, size in zip(pixels.shape, stored, strict=True)]
    if prod(grid) > MAX_CHUNKS:
        raise RefusedError(
            f"has {prod(grid):,} chunks or shards, too many to look whether they are there; allowed are "
            f"{MAX_CHUNKS:,}. Use larger ones, or --absent-chunks zeros"
        )
    if isinstance(root, ObjectPath):
        present = _listed(root, node, pixels, grid)
    else:
        present = _looked_for(root, node, pixels, grid)
    return everywhere(True, len(present)) if present.all() else present


def _looked_for(root: Path, node: Node, pixels: Pixels, grid: list[int]) -> NDArray[np.bool_]:
    """Look for each chunk or shard."""
    stored = pixels.shards or pixels.chunks
    others = list(itertools.product(*map(range, grid[1:])))
    key_of = chunk_keys(node)
    inside = _inside(node, pixels)
    present = np.ones(pixels.shape[0], np.bool_)
    for number in range(grid[0]):
        rows = present[number * stored[0] : (number + 1) * stored[0]]
        for other in others:
            rows &= inside(root / key_of((number, *other)), (number, *other), len(rows))
    return present


def _listed(root: ObjectPath, node: Node, pixels: Pixels, grid: list[int]) -> NDArray[np.bool_]:
    """Find chunks or shards in one listing, and look into the index of each shard."""
    if not root.can_list:
        raise RefusedError(
            "may lack chunks, and nobody can list what is on the web; give a stack with `index`, or "
            "--absent-chunks zeros"
        )
    stored = pixels.shards or pixels.chunks
    pattern = re.compile(key_pattern(node, len(grid)))
    sizes = np.full(grid, -1, np.int64)
    for key, status in (root / node.path).listing():
        found = pattern.fullmatch(key)
        place = () if found is None else tuple(map(int, found.groups()))
        if place and all(i < n for i, n in zip(place, grid, strict=True)):
            sizes[place] = status.size
    present = np.repeat((sizes >= 0).reshape(grid[0], -1).all(axis=1), stored[0])[: pixels.shape[0]]
    sharding = _plain_sharding(node) if pixels.shards else None
    if sharding is None or pixels.shards is None:
        return present
    counts = [n // size for n, size in zip(pixels.shards, pixels.chunks, strict=True)]
    at_end, key_of = sharding.get("index_location", "end") == "end", chunk_keys(node)

    def look(place: tuple[int, ...]) -> tuple[int, Any]:
        start = max(0, int(sizes[place]) - 16 * prod(counts) - 4) if at_end else 0
        stop = min(int(sizes[place]), start + 16 * prod(counts))
        text = (root / key_of(place)).read_range(start, stop) if stop else b""
        return place[0], _rows_of(_held(text, counts), place, pixels)

    with ThreadPoolExecutor(REQUESTS, "patchplan-shards") as pool:
        for number, rows in pool.map(look, (tuple(map(int, place)) for place in np.argwhere(sizes >= 0))):
            mine = present[number * stored[0] : (number + 1) * stored[0]]
            mine &= rows[: len(mine)]
    return present


_Inside = Callable[[Path, tuple[int, ...], int], Any]
"""From the file of a chunk or shard, its place in the grid and the number of its rows to which rows it has."""


def _inside(node: Node, pixels: Pixels) -> _Inside:
    """Return how to look into a file: only whether it is there, or into the index of a shard."""
    sharding = _plain_sharding(node) if pixels.shards else None
    if sharding is None or pixels.shards is None:
        return lambda path, place, n_rows: path.is_file()
    at_end = sharding.get("index_location", "end") == "end"
    counts = [n // size for n, size in zip(pixels.shards, pixels.chunks, strict=True)]

    def look(path: Path, place: tuple[int, ...], n_rows: int) -> Any:
        held = _shard_index(path, counts, at_end)
        return False if held is None else _rows_of(held, place, pixels)[:n_rows]

    return look


def _rows_of(held: NDArray[np.bool_], place: tuple[int, ...], pixels: Pixels) -> NDArray[np.bool_]:
    """Return which rows of a shard have all their chunks, from which chunks it holds."""
    shards, chunks = pixels.shards or pixels.chunks, pixels.chunks
    for axis, number in enumerate(place):  # chunks beyond the array's end are never written
        length = min(shards[axis], pixels.shape[axis] - number * shards[axis])
        held = held.take(range(-(-length // chunks[axis])), axis)
    return np.repeat(held.all(axis=tuple(range(1, held.ndim))), chunks[0])


def _plain_sharding(node: Node) -> dict[str, Any] | None:
    """Return the sharding codec where it stands alone and its index is plain, as all writers have it."""
    codecs = (node.array or {}).get("codecs", [])
    if len(codecs) != 1:
        return None
    found: dict[str, Any] = codecs[0].get("configuration", {})
    index = [(codec["name"], codec.get("configuration", {})) for codec in found.get("index_codecs", [])]
    return found if index == [("bytes", {"endian": "little"}), ("crc32c", {})] else None


def _shard_index(path: Path, counts: list[int], at_end: bool) -> NDArray[np.bool_] | None:
    """Return which chunks a shard holds, None where the shard is not there."""
    size = 16 * prod(counts)
    if not path.is_file() and not path.is_symlink():  # a named pipe would be waited for
        return None
    try:
        with path.open("rb") as file:
            if at_end:
                file.seek(-size - 4, 2)
            text = file.read(size)
    except FileNotFoundError:
        return None
    except OSError:
        text = b""  # shorter than its index
    return _held(text, counts)


def _held(text: bytes, counts: list[int]) -> NDArray[np.bool_]:
    """Return which chunks the index of a shard says are there."""
    if len(text) < 16 * prod(counts):
        return np.ones(counts, np.bool_)  # broken, which reading it tells
    held: NDArray[np.bool_] = np.frombuffer(text, "<u8").reshape(*counts, 2)[..., 0] != _ABSENT
    return held

"""Which rows of a Zarr array have all their chunks, from the listing of files and the indices of shards."""

import itertools
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError
from patchplan.images.zarr.store import Node, chunk_keys
from patchplan.images.zarr.traffic import Pixels
from patchplan.tiles.reading import everywhere

_ABSENT = np.uint64(2**64 - 1)
"""Offset and length of a chunk that a shard does not hold."""

MAX_CHUNKS = 1 << 26
"""Files that are looked for."""


def rows_present(root: Path, node: Node, pixels: Pixels) -> NDArray[np.bool_]:
    """Return which rows (entries of the first axis) have all their chunks, shape (N,)."""
    stored = pixels.shards or pixels.chunks
    grid = [-(-n // size) for n, size in zip(pixels.shape, stored, strict=True)]
    if prod(grid) > MAX_CHUNKS:
        raise RefusedError(
            f"has {prod(grid):,} chunks or shards, too many to look whether they are there; allowed are "
            f"{MAX_CHUNKS:,}. Use larger ones, or --absent-chunks zeros"
        )
    others = list(itertools.product(*map(range, grid[1:])))
    key_of = chunk_keys(node)
    inside = _inside(node, pixels)
    present = np.ones(pixels.shape[0], np.bool_)
    for number in range(grid[0]):
        rows = present[number * stored[0] : (number + 1) * stored[0]]
        for other in others:
            rows &= inside(root / key_of((number, *other)), (number, *other), len(rows))
    return everywhere(True, len(present)) if present.all() else present


_Inside = Callable[[Path, tuple[int, ...], int], Any]
"""From the file of a chunk or shard, its place in the grid and the number of its rows to which rows it has."""


def _inside(node: Node, pixels: Pixels) -> _Inside:
    """Return how to look into a file: only whether it is there, or into the index of a shard."""
    sharding = _plain_sharding(node) if pixels.shards else None
    if sharding is None or pixels.shards is None:
        return lambda path, place, n_rows: path.is_file()
    shape, shards, chunks = pixels.shape, pixels.shards, pixels.chunks
    at_end = sharding.get("index_location", "end") == "end"
    counts = [n // size for n, size in zip(shards, chunks, strict=True)]

    def look(path: Path, place: tuple[int, ...], n_rows: int) -> Any:
        held = _shard_index(path, counts, at_end)
        if held is None:
            return False
        for axis, number in enumerate(place):  # chunks beyond the array's end are never written
            length = min(shards[axis], shape[axis] - number * shards[axis])
            held = held.take(range(-(-length // chunks[axis])), axis)
        return np.repeat(held.all(axis=tuple(range(1, held.ndim))), chunks[0])[:n_rows]

    return look


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
    if len(text) < size:
        return np.ones(counts, np.bool_)  # broken, which reading it tells
    held: NDArray[np.bool_] = np.frombuffer(text, "<u8").reshape(*counts, 2)[..., 0] != _ABSENT
    return held

"""Tiles as users give them: paths, arrays, objects."""

import os
from collections.abc import Sequence
from typing import Any, get_args

from patchplan.api.preparing import Prepared
from patchplan.errors import ConfigError
from patchplan.objects import Location, location
from patchplan.tiles.identity import identity as identity_of_tiles
from patchplan.tiles.memory import ArrayTiles, ObjectTiles
from patchplan.tiles.opening import open_tiles
from patchplan.tiles.protocol import Tiles
from patchplan.tiles.words import AbsentChunks


def tiles_identity(tiles: Tiles, paths: Sequence[Location]) -> list[dict[str, Any]]:
    """Return what tells these tiles from others."""
    if paths:
        return identity_of_tiles(paths)
    forms = ", ".join(map(str, tiles.forms))
    return [{"path": tiles.uris[0], "files": tiles.n, "digest": forms}]


def tile_paths(tiles: Any) -> list[Location]:
    """Return the paths of tiles that are files; nothing for arrays and objects."""
    if isinstance(tiles, str | os.PathLike):
        return [location(tiles)]
    if isinstance(tiles, Sequence) and tiles and all(isinstance(one, str | os.PathLike) for one in tiles):
        return [location(one) for one in tiles]
    return []


def open_any_tiles(
    tiles: Any, paths: Sequence[Location], prepared: Prepared, *, absent_chunks: str, later_wins: bool
) -> Tiles:
    """Open tiles, wherever they are.

    Raises
    ------
    ConfigError, TilesError
        If an option is wrong, or something is no tiles of the plan.
    """
    if absent_chunks not in get_args(AbsentChunks):
        raise ConfigError(f"--absent-chunks: found {absent_chunks!r}; allowed: {', '.join(get_args(AbsentChunks))}")
    rows, options = prepared.rows, prepared.options
    ndim, index = rows.plan.header.ndim, rows.index
    if paths:
        return open_tiles(
            paths,
            index,
            ndim=ndim,
            digest=rows.plan.digest,
            epoch=rows.epoch,
            absent_chunks="zeros" if absent_chunks == "zeros" else "missing",
            later_wins=later_wins,
            threads=options.workers,
            cache_bytes=options.memory // 16,
        )
    if hasattr(tiles, "tile") and not hasattr(tiles, "shape"):  # arrays of torch have a method of that name
        return ObjectTiles(tiles, index, ndim=ndim)
    return ArrayTiles(tiles, index, ndim=ndim)

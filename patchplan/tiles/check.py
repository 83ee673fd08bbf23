"""Reading every tile to find those that cannot be read or hold NaN."""

from collections.abc import Callable

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.tiles.protocol import Tiles

PIECE = 1 << 12


def check_tiles(
    tiles: Tiles,
    positions: IntArray,
    *,
    nan: bool,
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[int, str]]:
    """Read tiles and return which are bad, and why.

    Parameters
    ----------
    tiles : Tiles
        Tiles that are there.
    positions : int array
        Which of them to read.
    nan : bool
        Whether a tile that holds NaN is bad.
    progress : callable, optional
        Called with how many tiles are done, and how many there are.
    """
    bad: list[tuple[int, str]] = []
    for start in range(0, len(positions), PIECE):
        piece = positions[start : start + PIECE]
        for position, tile in zip(piece, tiles.try_read(piece), strict=True):
            if isinstance(tile, str):
                bad.append((int(tiles.index[int(position)]), tile))
            elif nan and tile.dtype.kind in "fc" and np.isnan(tile).any():
                bad.append((int(tiles.index[int(position)]), "holds NaN"))
        if progress is not None:
            progress(start + len(piece), len(positions))
    return bad

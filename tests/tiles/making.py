"""Tiles to read, written the obvious way."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from patchplan.tiles.opening import open_tiles
from patchplan.tiles.protocol import Tiles

DIGEST = "d1" * 32


def pixels(n: int = 7, shape: tuple[int, ...] = (2, 8, 6), dtype: str = "u2", seed: int = 0) -> NDArray[Any]:
    """Random tiles N C (Z) Y X without a zero."""
    return np.random.default_rng(seed).integers(1, 100, (n, *shape)).astype(dtype)


def write_array(path: Path, data: NDArray[Any], version: Any = 3, **how: Any) -> None:
    """Write a bare Zarr array, by default with a chunk per tile."""
    chunks = how.pop("chunks", (1, *data.shape[1:]))
    zarr.create_array(path, data=data, chunks=chunks, zarr_format=version, **how)


def write_stack(path: Path, data: NDArray[Any], index: Any, version: Any = 3, **how: Any) -> None:
    """Write a stack with index."""
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.attrs["patchplan"] = how.pop("made_for", {"plan": DIGEST, "epoch": 0})
    chunks = how.pop("chunks", (1, *data.shape[1:]))
    group.create_array("tiles", data=data, chunks=chunks, **how)
    group.create_array("index", data=np.asarray(index, np.int64), fill_value=-1)


def write_folder(path: Path, data: Iterable[NDArray[Any]], index: Any, suffix: str = ".npy", width: int = 3) -> None:
    """Write a file per tile."""
    path.mkdir(exist_ok=True)
    for tile, number in zip(data, index, strict=True):
        name = path / f"{int(number):0{width}}{suffix}"
        if suffix == ".npy":
            np.save(name, tile)
        else:
            axes = {3: "CYX", 4: "CZYX"}[tile.ndim]
            tifffile.imwrite(name, tile, photometric="minisblack", metadata={"axes": axes})


def opened(path: Path | Sequence[Path], index: Any, ndim: int = 2, **how: Any) -> Tiles:
    """Open tiles of a plan with these indices."""
    paths = [path] if isinstance(path, Path) else path
    places = index if isinstance(index, range) else np.asarray(index, np.int64)
    return open_tiles(paths, places, ndim=ndim, digest=how.pop("digest", DIGEST), **how)


def read_all(tiles: Tiles) -> list[NDArray[Any]]:
    """Read every tile that is there, in order."""
    return [np.array(tile) for tile in tiles.read(np.flatnonzero(tiles.present))]

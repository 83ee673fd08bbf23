"""Images and plans to be read with PyTorch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

import patchplan

STRATEGIES: dict[str, dict[str, Any]] = {
    "tiled": {"name": "tiled", "patch_size": 16, "overlaps": 4},
    "sequential": {"name": "sequential", "patch_size": 16, "overlaps": 4},
    "random": {"name": "random", "patch_size": 16, "seed": 3},
    "fixed_random": {"name": "fixed_random", "patch_size": 16, "seed": 3},
    "stratified": {"name": "stratified", "patch_size": 16, "seed": 3},
    "whole": {"name": "whole"},
}
SHAPE = (70, 60)
TABLE_NAMES = "index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x"


def pixels(shape: Sequence[int], dtype: str, seed: int) -> NDArray[Any]:
    """Noise."""
    return np.random.default_rng(seed).integers(0, 200, tuple(shape)).astype(dtype)


def make_images(
    folder: Path, kind: str = "tif", n: int = 2, shape: Sequence[int] = SHAPE, dtype: str = "u2"
) -> list[Path]:
    """Write images: compressed TIFF in tiles, Zarr in chunks, or .npy."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.{kind}" for number in range(n)]
    for number, path in enumerate(paths):
        data = pixels(shape, dtype, number)
        if kind == "zarr":
            array: Any = zarr.create_array(path, shape=data.shape, chunks=(32,) * data.ndim, dtype=data.dtype)
            array[...] = data
        elif kind == "npy":
            np.save(path, data)
        else:
            tifffile.imwrite(path, data, tile=(32, 32), compression="zlib")
    return paths


def make_plan(folder: Path, patching: Mapping[str, Any], kind: str = "tif", **options: Any) -> Path:
    """Plan two images."""
    path = folder / "plan.parquet"
    patchplan.plan(make_images(folder, kind), path, patching=patching, **options)
    return path


def make_table(folder: Path, column: str, values: Sequence[Any], kind: str = "npy") -> Path:
    """Plan patches of a table with one more column (or several, by commas), a row each at y = its number."""
    rows = [f"{i},{i % 2},0,{i},0,8,8,{value}" for i, value in enumerate(values)]
    (folder / "table.csv").write_text("\n".join([f"{TABLE_NAMES},{column}", *rows]))
    return make_plan(folder, {"name": "fixed", "table": str(folder / "table.csv")}, kind)


def read(plan: Path, epoch: int = 0, **options: Any) -> list[NDArray[Any]]:
    """All patches of an epoch, in the plan's order."""
    return [patch for _, data, _ in patchplan.read_patches(plan, epoch=epoch, **options) for patch in data]


def assert_same(found: Sequence[Any], wanted: Sequence[NDArray[Any]]) -> None:
    """Compare tensors with patches: number, shapes, dtypes, pixels."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.numpy().dtype == other.dtype
        assert np.array_equal(one.numpy(), other)

"""Images of any axes and dtype, plans of them, tiles cut out by hand, and arrays put in the source's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

import patchplan
from patchplan.core.specs import is_tile_specs
from patchplan.images import ImageSource
from patchplan.plans.plan import Plan, open_plan

Array = NDArray[Any]


def pixels_of(shape: Sequence[int], dtype: Any = "u1", seed: int = 0) -> Array:
    """Random pixels over the whole range of a dtype; floats are finite and of any size."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(tuple(shape)) > 0.5
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, tuple(shape), kind.newbyteorder("="), endpoint=True).astype(kind)
    return rng.normal(0, 100, tuple(shape)).astype(kind)


def write_image(path: Path, pixels: Array, axes: str) -> Path:
    """Write an image by its suffix: .npy and .zarr (both without axes), or .tif."""
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".zarr":
        array: Any = zarr.create_array(path, shape=pixels.shape, dtype=pixels.dtype, chunks=(7,) * pixels.ndim)
        array[...] = pixels
    else:
        tifffile.imwrite(path, pixels, metadata={"axes": axes}, photometric="minisblack")
    return path


def plan_of(inputs: Path | Sequence[Path], patching: dict[str, Any], **options: Any) -> Plan:
    """Plan images beside the first of them."""
    first = inputs if isinstance(inputs, Path) else inputs[0]
    path = first.parent / "plan.parquet"
    patchplan.plan(inputs, path, patching=patching, overwrite=True, **options)
    return open_plan(path)


def plan_pixels(folder: Path, pixels: Array, axes: str, patching: dict[str, Any], **options: Any) -> Plan:
    """Write one .npy image and plan it."""
    return plan_of(write_image(folder / "image.npy", pixels, axes), patching, axes=axes, **options)


def grid(size: Any, overlaps: Any = 0, name: str = "tiled") -> dict[str, Any]:
    """Return the config of a grid."""
    return {"name": name, "patch_size": size, "overlaps": overlaps}


def cut(plan: Plan, epoch: int = 0) -> list[Array]:
    """Cut every patch of an epoch out of its image."""
    sources = [plan.open_image(data_idx) for data_idx in range(len(plan.images))]
    specs = plan.epoch(epoch).specs()
    return [sources[s["data_idx"]].read(s["sample_idx"], s["coords"], s["patch_size"]) for s in specs]


def kept_parts(plan: Plan) -> list[Array]:
    """Cut every patch, and of each what the plan keeps."""
    kept = []
    for tile, spec in zip(cut(plan), plan.specs(), strict=True):
        assert is_tile_specs(spec)
        box = (slice(start, start + n) for start, n in zip(spec["crop_coords"], spec["crop_size"], strict=True))
        kept.append(tile[(slice(None), *box)])
    return kept


@dataclass
class Tiles:
    """Tiles of any shapes behind `tile(index)`."""

    tiles: Sequence[Array]
    first: int = 0

    def tile(self, index: int) -> Array:
        """Return the tile with an index."""
        return self.tiles[index - self.first]


def write_stack(path: Path, tiles: Sequence[Array | None], index: Sequence[int] | None = None) -> Path:
    """Write a stack as anybody would from the documentation: arrays `tiles` and `index`, -1 where absent."""
    form = next(tile for tile in tiles if tile is not None)
    group: Any = zarr.open_group(path, mode="w")
    shape = (len(tiles), *form.shape)
    data = group.create_array("tiles", shape=shape, dtype=form.dtype, chunks=(1, *form.shape))
    numbers = group.create_array("index", shape=(len(tiles),), dtype="i8", chunks=(max(1, len(tiles)),), fill_value=-1)
    for row, tile in enumerate(tiles):
        if tile is not None:
            data[row] = tile
            numbers[row] = row if index is None else index[row]
    return path


def write_folder(path: Path, tiles: Sequence[Array | None], index: Sequence[int] | None = None) -> Path:
    """Write a folder of .npy, named by index."""
    path.mkdir()
    width = len(str(max(index) if index is not None and len(index) else len(tiles) - 1))
    for row, tile in enumerate(tiles):
        if tile is not None:
            np.save(path / f"{row if index is None else index[row]:0{width}}.npy", tile)
    return path


def in_source_order(values: Array, source: ImageSource, *, channels: bool = True) -> Array:
    """Put S C (Z) Y X into the axes of its source; without channels, C must be 1 and goes."""
    layout = source.layout
    order = [*layout.samples, *(layout.channels if channels else ()), *layout.spatial]
    sizes = [source.shape[axis] for axis in layout.samples]
    if channels:
        sizes += [source.shape[axis] for axis in layout.channels]
    sizes += values.shape[2:]
    rest = [axis for axis in range(len(source.shape)) if axis not in (*order, *layout.channels)]
    stacked = values.reshape([1] * len(rest) + sizes)
    return np.ascontiguousarray(stacked.transpose(np.argsort(rest + order)))


def read_whole(source: ImageSource) -> Array:
    """Read an image, S C (Z) Y X."""
    spatial = source.data_shape[2:]
    return np.stack([source.read(i, (0,) * len(spatial), spatial) for i in range(source.data_shape[0])])


def same(found: Array, wanted: Array) -> None:
    """Require equal values, shape and dtype in native byte order; NaN equals NaN."""
    np.testing.assert_array_equal(found, wanted)
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype.newbyteorder("=")
    assert found.dtype.isnative


def without(tiles: Sequence[Array], *absent: int) -> list[Array | None]:
    """Leave tiles out."""
    return [None if k in absent else tile for k, tile in enumerate(tiles)]


def write_case(folder: Path, side: int, tile: int) -> Path:
    """Write a plan of a square image and its tiles, as `plan.parquet` and `tiles.zarr`; return the folder."""
    plan = plan_pixels(folder, np.zeros((side, side), "u1"), "YX", grid(tile, 32))
    write_stack(folder / "tiles.zarr", list(pixels_of((plan.n_patches, 1, tile, tile), "f4")))
    return folder

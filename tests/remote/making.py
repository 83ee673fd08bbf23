"""Images and tiles of every kind, and how they get into a bucket."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
import zarr

import patchplan
from patchplan.objects import ObjectPath
from tests.stitching.making import grid, pixels_of

SHAPE = (150, 190)
GRID = grid(64, 16)

IMAGES = (
    "image.npy",
    "plain.zarr",
    "old.zarr",
    "sharded.zarr",
    "image.ome.zarr",
    "tiled.tif",
    "strips.tif",
    "raw.tif",
    "image.png",
    "image.jpg",
)
TILES = ("stack.zarr", "array.npy", "npy", "tif", "bare.zarr", "sharded.zarr")


def make_images(folder: Path) -> None:
    """Write the same pixels (but for JPEG) in each format."""
    pixels = pixels_of(SHAPE)
    np.save(folder / "image.npy", pixels)
    zarr.create_array(folder / "plain.zarr", data=pixels, chunks=(50, 50))
    zarr.create_array(folder / "old.zarr", data=pixels, chunks=(64, 64), zarr_format=2)
    zarr.create_array(folder / "sharded.zarr", data=pixels, chunks=(32, 32), shards=(96, 96))
    tifffile.imwrite(folder / "tiled.tif", pixels, tile=(64, 64), compression="zlib")
    tifffile.imwrite(folder / "strips.tif", pixels, rowsperstrip=16, compression="lzw")
    tifffile.imwrite(folder / "raw.tif", pixels)
    (folder / "image.png").write_bytes(imagecodecs.png_encode(pixels))
    (folder / "image.jpg").write_bytes(imagecodecs.jpeg_encode(pixels))
    patchplan.plan(folder / "image.npy", folder / "plan.parquet", patching=GRID)
    cut = patchplan.read_patches(folder / "plan.parquet", batch_size=100)
    tiles = np.concatenate([batch for _, batch, _ in cut])
    patchplan.stitch(folder / "plan.parquet", tiles, folder / "image.ome.zarr", chunks=32, shards=64, levels=2)
    (folder / "plan.parquet").unlink()


def make_tiles(folder: Path, image: Path) -> None:
    """Write a plan, and its tiles as stack, arrays and folders."""
    plan = folder / "plan.parquet"
    patchplan.plan(image, plan, patching=GRID)
    patchplan.extract(plan, folder / "stack.zarr")
    patchplan.extract(plan, folder / "array.npy")
    patchplan.extract(plan, folder / "npy")
    patchplan.extract(plan, folder / "tif", format="tif")
    pixels: Any = np.load(folder / "array.npy")
    zarr.create_array(folder / "bare.zarr", data=pixels, chunks=(1, 1, 64, 64))
    zarr.create_array(folder / "sharded.zarr", data=pixels, chunks=(1, 1, 64, 64), shards=(4, 1, 64, 64))


def put(folder: Path, url: ObjectPath) -> None:
    """Copy a folder into a bucket."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda file: (url / file.relative_to(folder)).upload(file), files):
            pass

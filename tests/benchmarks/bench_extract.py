"""Extracting against floors. Run: python -m tests.benchmarks.bench_extract.

The floor reads the source in bands as high as a shard of the stack needs, cuts the patches out by plain slices and
writes whole shards into an array of the same layout, by tensorstore, with as many threads.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
import tifffile
import zarr

import patchplan
from tests.benchmarks.bench_stitch import peak_anonymous
from tests.benchmarks.measure import ratio, report

SIDE, TILE, OVERLAP, CHUNK = 16_384, 256, 64, 512
WORKERS = 2


def textured(side: int, top: int, rows: int) -> np.ndarray[Any, Any]:
    """Return rows of an image that compresses as microscopy does: a smooth field with noise."""
    y, x = np.ogrid[top : top + rows, :side]
    smooth = 2_000 + 1_500 * np.sin(y / 150.0) * np.cos(x / 230.0)
    noise = np.random.default_rng(top).integers(0, 64, (rows, side), np.uint16)
    image: np.ndarray[Any, Any] = smooth.astype(np.uint16) + noise
    return image


def make_zarr(path: Path, side: int) -> Path:
    """Write a source in chunks of 512 x 512."""
    source: Any = zarr.create_array(path, shape=(side, side), chunks=(CHUNK, CHUNK), dtype=np.uint16)
    for top in range(0, side, CHUNK):
        source[top : top + CHUNK] = textured(side, top, CHUNK)
    return path


def make_tiff(path: Path, side: int) -> Path:
    """Write a source in tiles of 512 x 512."""
    image = np.concatenate([textured(side, top, CHUNK) for top in range(0, side, CHUNK)])
    tifffile.imwrite(path, image, tile=(CHUNK, CHUNK), compression="zlib", predictor=True, maxworkers=WORKERS)
    return path


def opened(path: Path) -> Any:
    """Open an array with as many threads as we use, and nothing kept."""
    context = tensorstore.Context(
        {"data_copy_concurrency": {"limit": WORKERS}, "file_io_concurrency": {"limit": WORKERS}}
    )
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}, "context": {}}
    return tensorstore.open(spec, context=context).result()


def by_hand(source: Path, like: Path, plan: Path, folder: Path) -> None:
    """Read bands, cut, write shards."""
    out = folder / "floor.zarr"
    out.mkdir(exist_ok=True)
    (out / "zarr.json").write_text((like / "tiles" / "zarr.json").read_text())
    for old in out.glob("c.*"):
        old.unlink()
    pixels, stack = opened(source), opened(out)
    coords = patchplan.open_plan(plan).specs().coords
    shard = stack.chunk_layout.write_chunk.shape[0]
    for first in range(0, len(coords), shard):
        corners = coords[first : first + shard]
        top = int(corners[:, 0].min())
        band = pixels[top : int(corners[:, 0].max()) + TILE].read().result()
        tiles = np.empty((len(corners), 1, TILE, TILE), np.uint16)
        for k, (y, x) in enumerate(corners.tolist()):
            tiles[k, 0] = band[y - top : y - top + TILE, x : x + TILE]
        stack[first : first + len(corners)].write(tiles, can_reference_source_data_indefinitely=True).result()


def planned(image: Path, plan: Path, size: int, overlap: int) -> Path:
    """Plan tiles."""
    patchplan.plan(image, plan, patching={"name": "tiled", "patch_size": size, "overlaps": overlap}, overwrite=True)
    return plan


def bench_grid(folder: Path, source: Path) -> None:
    """Tiles of 256 x 256 with overlap 64 out of 16,384 x 16,384 pixels, to a stack; floor from the same Zarr array."""
    plan = planned(source, folder / "grid.parquet", TILE, OVERLAP)
    stack = folder / "stack.zarr"
    extract = partial(patchplan.extract, plan, stack, overwrite=True, workers=WORKERS)
    extract()
    zarr_source = folder / "source.zarr"
    floor = partial(by_hand, zarr_source, stack, plan, folder)
    floor()
    ours: Any = zarr.open_array(stack / "tiles")
    theirs: Any = zarr.open_array(folder / "floor.zarr")
    for k in (0, 777, ours.shape[0] - 1):
        assert np.array_equal(ours[k], theirs[k])
    report(f"grid of 256, overlap 64, from {source.name}", ratio(extract, floor, repeats=3), 1.5)


def bench_many(folder: Path, side: int) -> None:
    """Patches of 64 x 64 uint8: time per patch, files and memory, by their number."""
    image = folder / f"{side}.zarr"
    source: Any = zarr.create_array(image, shape=(side, side), chunks=(CHUNK, CHUNK), dtype=np.uint8)
    for top in range(0, side, CHUNK):
        source[top : top + CHUNK] = textured(side, top, CHUNK).astype(np.uint8)
    plan = planned(image, folder / f"{side}.parquet", 64, 0)
    n = patchplan.open_plan(plan).n_patches
    stack = folder / f"many{side}.zarr"
    options = ("--memory", "1GB", "--workers", str(WORKERS), "--overwrite", "--quiet")
    peak, took = peak_anonymous([sys.executable, "-m", "patchplan", "extract", str(plan), "-o", str(stack), *options])
    files = sum(path.is_file() for path in stack.rglob("*"))
    print(
        f"{n:9,} patches of 64 x 64: {took:5.1f} s, {took / n * 1e6:5.1f} us each, {files} files, "
        f"anonymous memory {peak / 1e6:.0f} MB (to reach: 1000 and the program's own 50)"
    )


def main() -> None:
    """Run all; `--quick` leaves out the million patches."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_grid(folder, make_zarr(folder / "source.zarr", SIDE))
        bench_grid(folder, make_tiff(folder / "source.tif", SIDE))
        for side in (4_096, 16_384) if "--quick" in sys.argv else (4_096, 16_384, 64_000):
            bench_many(folder, side)


if __name__ == "__main__":
    main()

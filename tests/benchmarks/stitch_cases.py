"""Plans, stacks of tiles and hand-written loops that the benchmarks of stitching measure against."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import patchplan
from patchplan.plans.plan import Plan, open_plan

Array = NDArray[Any]
STACK_ROWS = 1024


def square_plan(folder: Path, side: int, patching: dict[str, Any], **options: Any) -> Plan:
    """Plan a sparse image of side x side."""
    image, path = folder / f"{side}.npy", folder / f"plan{side}.parquet"
    np.lib.format.open_memmap(image, "w+", np.uint8, (side, side))
    patchplan.plan(image, path, patching=patching, overwrite=True, **options)
    return open_plan(path)


def tiled(size: int, overlap: int) -> dict[str, Any]:
    """Return the config of a tiled plan."""
    return {"name": "tiled", "patch_size": size, "overlaps": overlap}


def predictions(n: int, size: int, seed: int = 0) -> Array:
    """Return n tiles C Y X of float32 in 256 steps: noise that codecs halve, as predictions do."""
    steps = np.random.default_rng(seed).normal(128, 12, (n, 1, size, size)).astype(np.uint8)
    return steps.astype(np.float32) / 255


def context(threads: int) -> Any:
    """Return tensorstore's settings for a number of threads."""
    import tensorstore as ts

    return ts.Context({"data_copy_concurrency": {"limit": threads}, "cache_pool": {"total_bytes_limit": 0}})


def write_stack(path: Path, n: int, size: int, make: Any, rows: int = STACK_ROWS) -> Path:
    """Write a stack of n tiles: a chunk per tile, `rows` tiles in a shard; `make(start, stop)` gives pixels."""
    import zarr

    shutil.rmtree(path, ignore_errors=True)
    rows = min(rows, n)
    group: Any = zarr.open_group(path, mode="w")
    group.create_array("index", data=np.arange(n))
    tile = (1, 1, size, size)
    group.create_array("tiles", shape=(n, *tile[1:]), dtype="f4", chunks=tile, shards=(rows, *tile[1:]))
    store = opened(path / "tiles", context(2))
    for start in range(0, n, rows):
        store[start : min(start + rows, n)].write(make(start, min(start + rows, n))).result()
    return path


def paste_all(plan: Plan, tiles: Array) -> Any:
    """Return a function that puts all kept parts into a fresh array, one slice assignment each."""
    specs = plan.specs()
    crop, stitch, size = (np.asarray(column) for column in (specs.crop_coords, specs.stitch_coords, specs.crop_size))
    boxes = [
        (slice(y, y + h), slice(x, x + w), slice(a, a + h), slice(b, b + w))
        for (y, x), (a, b), (h, w) in zip(stitch.tolist(), crop.tolist(), size.tolist(), strict=True)
    ]
    height, width = plan.data_shapes[0][2:]

    def paste() -> Array:
        output: Array = np.empty((height, width), tiles.dtype)
        for k, (y, x, a, b) in enumerate(boxes):
            output[y, x] = tiles[k, 0, a, b]
        return output

    return paste


def opened(path: Path, settings: Any) -> Any:
    """Open a Zarr array with tensorstore."""
    import tensorstore as ts

    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}}
    return ts.open(spec, context=settings, read=True, write=True).result()


class RowsAhead:
    """Rows of tiles of a grid, asked for from the first to the last; the next is read ahead."""

    def __init__(self, tiles: Any, across: int) -> None:
        self.tiles, self.across = tiles, across
        self.row, self.held = 0, self._read(0)
        self.ahead = self._read(1)

    def _read(self, row: int) -> Any:
        start = row * self.across
        return self.tiles[start : start + self.across].read() if start < self.tiles.shape[0] else None

    def get(self, row: int) -> Array:
        """Return the tiles of a row."""
        if row > self.row:
            self.row, self.held, self.ahead = row, self.ahead, self._read(row + 1)
        found: Array = self.held.result()
        return found


def bands_by_hand(plan: Plan, stack: Path, like: Path, output: Path, threads: int) -> None:
    """Fill whole bands of output, as high as a shard, and write each once, while the next is read and filled.

    `like` is an array whose metadata, so whose chunks and codec, the output gets.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    shutil.copy(like / "zarr.json", output / "zarr.json")
    settings = context(threads)
    out = opened(output, settings)
    high = json.loads((like / "zarr.json").read_text())["chunk_grid"]["configuration"]["chunk_shape"][-2]
    (height, width), specs = plan.data_shapes[0][2:], plan.specs()
    crop, stitch, size = (np.asarray(column) for column in (specs.crop_coords, specs.stitch_coords, specs.crop_size))
    across = int((stitch[:, 0] == 0).sum())
    tops, heights, skips = (column[::across, 0].tolist() for column in (stitch, size, crop))
    columns = [(k, *(int(column[k, 1]) for column in (stitch, crop, size))) for k in range(across)]
    rows, written = RowsAhead(opened(stack / "tiles", settings), across), None
    for start in range(0, height, high):
        stop = min(start + high, height)
        band: Array = np.empty((stop - start, width), np.float32)
        for row, (top, kept, skip) in enumerate(zip(tops, heights, skips, strict=True)):
            first, last = max(top, start), min(top + kept, stop)
            if first < last:
                tiles = rows.get(row)[:, 0, skip + first - top : skip + last - top]
                for k, left, a, w in columns:
                    band[first - start : last - start, left : left + w] = tiles[k, :, a : a + w]
        if written is not None:
            written.result()
        written = out[start:stop].write(band)
    if written is not None:
        written.result()

"""Zarr read in small pieces against its chunks decoded once, and stacks of tiles against reading them band-wise.

python -m tests.benchmarks.bench_zarr
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
import zarr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from patchplan.images import open_image
from patchplan.images.zarr.reader import THREADS
from patchplan.tiles.opening import open_tiles
from tests.benchmarks.measure import ratio, report

SIZE, PATCH, N_TILES = 4096, 64, 1024


def _smooth(size: int) -> NDArray[Any]:
    """Pixels that compress like an image's."""
    noise = np.random.default_rng(0).random((size, size), dtype="f4")
    return np.asarray((gaussian_filter(noise, 2) * 5000).round(), "f4")


def _tensorstore(path: Path, threads: int) -> Any:
    limits = {"data_copy_concurrency": {"limit": threads}, "file_io_concurrency": {"limit": threads}}
    context = tensorstore.Context({**limits, "cache_pool": {"total_bytes_limit": 0}})
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}}
    return tensorstore.open(spec, read=True, open=True, context=context).result()


def patches(path: Path) -> None:
    """Read all patches in grid order. Chunks are decoded once; most of the time is that of 4096 calls."""
    with open_image(path) as image:
        for y in range(0, SIZE, PATCH):
            for x in range(0, SIZE, PATCH):
                image.read(0, (y, x), (PATCH, PATCH))


def bands(path: Path, rows: int, threads: int) -> None:
    """Read an array in bands of whole chunks with tensorstore."""
    array = _tensorstore(path, threads)
    for start in range(0, array.shape[0], rows):
        array[start : start + rows].read().result()


def tiles(path: Path, positions: NDArray[Any], threads: int) -> None:
    """Read tiles of a stack."""
    opened = open_tiles([path], range(N_TILES), ndim=2, digest="", threads=threads, cache_bytes=0)
    for _ in opened.read(positions):
        pass
    opened.close()


def main() -> None:
    """Run all."""
    with tempfile.TemporaryDirectory() as folder:
        _images(Path(folder))
        _stacks(Path(folder))


def _images(folder: Path) -> None:
    data = _smooth(SIZE).astype("u2")
    for number, shards in enumerate((None, (2048, 2048))):
        path = folder / f"image{number}.zarr"
        zarr.create_array(path, data=data, chunks=(512, 512), shards=shards)
        what = f"{(SIZE // PATCH) ** 2} patches of {PATCH} from chunks of 512{', sharded' if shards else ''}"
        report(what, ratio(partial(patches, path), partial(bands, path, 512, THREADS), 5), 10)


def _stacks(folder: Path) -> None:
    base = _smooth(512)
    data = np.stack([np.roll(base, k, (0, 1))[:256, :256] for k in range(N_TILES)])[:, None]
    layouts: dict[str, Any] = {
        "a file per tile": {"chunks": (1, 1, 256, 256)},
        "shards of 128": {"chunks": (1, 1, 256, 256), "shards": (128, 1, 256, 256)},
        "4 tiles per chunk": {"chunks": (4, 1, 256, 256)},
    }
    for number, (name, how) in enumerate(layouts.items()):
        path = folder / f"{number}.zarr"
        group = zarr.open_group(path, mode="w")
        group.create_array("tiles", data=data, **how)
        group.create_array("index", data=np.arange(N_TILES))
        every = np.arange(N_TILES)
        for threads in (1, 2):
            floor = partial(bands, path / "tiles", 128, threads)
            report(f"stack, {name}, {threads} threads", ratio(partial(tiles, path, every, threads), floor, 5), 1.1)
        shuffled = np.random.default_rng(0).permutation(N_TILES)
        report(f"stack, {name}, 2 threads, shuffled", ratio(partial(tiles, path, shuffled, 2), floor, 5), 4)


if __name__ == "__main__":
    main()

"""Planning by weights against reading the labels once and a bincount. Run: python -m tests.benchmarks.bench_weights.

The floor reads whole chunks, as large a box as we do, and counts classes in bare NumPy, by as many threads as we use.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from scipy.ndimage import gaussian_filter

from patchplan.core.specs import SpecTable
from patchplan.images import ImageSource, open_image
from patchplan.plans.settings.weights import AnyWeightsConfig, LabelsWeightsConfig, MapWeightsConfig
from patchplan.sampling.weights.patching import weighted_patching
from tests.benchmarks.measure import peak_of, ratio, report

SIDE, CHUNK, BOX, N = 32_768, 512, 1024, 100_000
CONFIGS: dict[str, AnyWeightsConfig] = {
    "labels": LabelsWeightsConfig(labels="labels.zarr", patches=N),
    "map": MapWeightsConfig(map="map.zarr", patches=N),
}


def write_images(folder: Path) -> None:
    """Write blobs of three classes, of which one is rare, and a probability map; the image itself has no pixels."""
    shape, chunks = (SIDE, SIDE), (CHUNK, CHUNK)
    zarr.create_array(folder / "image.zarr", shape=shape, chunks=chunks, dtype="u2")
    labels: Any = zarr.create_array(folder / "labels.zarr", shape=shape, chunks=chunks, dtype="u1")
    weights: Any = zarr.create_array(folder / "map.zarr", shape=shape, chunks=chunks, dtype="u1")
    smooth = gaussian_filter(np.random.default_rng(0).random((4096, 4096), dtype="f4"), 12, mode="wrap")
    tile = np.digitize(smooth, np.quantile(smooth, [0.6, 0.85, 0.999])).astype(np.uint8)
    scaled = ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)
    for y, x in product(range(0, SIDE, 4096), repeat=2):
        at = np.s_[y : y + 4096, x : x + 4096]
        labels[at], weights[at] = (np.roll(one, (y // 7, x // 5), (0, 1)) for one in (tile, scaled))


def floor(source: ImageSource, workers: int) -> None:
    """Read all once, and count."""

    def count(start: tuple[int, int]) -> None:
        np.bincount(source.read(0, start, (BOX, BOX))[0].ravel())

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(count, product(range(0, SIDE, BOX), repeat=2)))
    source.close()


def ours(folder: Path, name: str, workers: int) -> SpecTable:
    """Count and draw."""
    image = open_image(folder / "image.zarr")
    return weighted_patching([image], CONFIGS[name], 64, 0, base=folder, workers=workers).get_patch_specs()


def main() -> None:
    """Run all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder)
        for what, workers in product(CONFIGS, (1, 2)):
            source = open_image(folder / f"{what}.zarr")
            measured = ratio(partial(ours, folder, what, workers), partial(floor, source, workers), repeats=3)
            report(f"{N:,} patches by {what}, {SIDE}^2, {workers} workers", measured, 2)
        begin = "from tests.benchmarks.bench_weights import *\n"
        for what in CONFIGS:
            peak = peak_of(f"{begin}ours(Path({name!r}), {what!r}, 2)")
            print(f"{N:,} patches by {what}: peak {peak:.0f} MB, without {peak_of(begin):.0f} MB")


if __name__ == "__main__":
    main()

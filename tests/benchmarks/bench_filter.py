"""Filters over a large Zarr against reading it once and the filter in bare NumPy.

python -m tests.benchmarks.bench_filter

The floor reads bands of whole chunks and measures patches that lie side by side, by as many threads as we
do: running maxima by doubling and a count of what is above the threshold; `mean` and `std`; `unique` of each
patch and the entropy of its counts. Regions of stratified patching hold every pixel four times; their floor
measures it four times as well.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from patchplan.core.specs import SpecTable
from patchplan.images import ImageSource, open_image
from patchplan.patching import SequentialPatching, StratifiedPatching
from patchplan.plans.settings.filters import (
    AnyFilterConfig,
    MaskFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
    ShannonFilterConfig,
)
from patchplan.sampling.filters.stratified import region_specs
from patchplan.sampling.filters.values import filter_values
from tests.benchmarks.measure import peak_of, ratio, report

SIDE, CHUNK, WORKERS = 32_768, 512, 2
CONFIGS: tuple[AnyFilterConfig, ...] = (
    MaxFilterConfig(threshold=2800),
    MeanStdFilterConfig(mean_threshold=2500, std_threshold=10),
    ShannonFilterConfig(threshold=8),
)


def write_image(path: Path) -> None:
    """Write uint16 pixels that compress like an image's: smooth, with noise."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.random((4096, 4096), dtype="f4"), 8, mode="wrap") * 5000
    tile = (smooth + rng.normal(0, 30, smooth.shape)).astype(np.uint16)
    array: Any = zarr.create_array(path, shape=(SIDE, SIDE), chunks=(CHUNK, CHUNK), dtype="u2")
    for y in range(0, SIDE, 4096):
        for x in range(0, SIDE, 4096):
            array[y : y + 4096, x : x + 4096] = np.roll(tile, (y // 7, x // 5), (0, 1))


def write_mask(path: Path, side: int) -> None:
    """Write blobs."""
    smooth = gaussian_filter(np.random.default_rng(1).random((1024, 1024), dtype="f4"), 20, mode="wrap")
    tile = smooth > 0.5
    array: Any = zarr.create_array(path, shape=(side, side), chunks=(CHUNK, CHUNK), dtype="bool")
    for y in range(0, side, 1024):
        array[y : y + 1024] = np.tile(tile, (1, side // 1024))


def bare(name: str, band: NDArray[Any], patch: int) -> None:
    """Measure the patches of a band."""
    patches = band.reshape(-1, patch, band.shape[1] // patch, patch).swapaxes(1, 2).reshape(-1, patch, patch)
    flat = patches.reshape(-1, patch * patch)
    if name == "shannon":
        for one in flat:
            share = np.unique(one, return_counts=True)[1] / one.size
            -(share * np.log2(share)).sum()
    elif name == "mean_std":
        flat.mean(axis=1)
        flat.std(axis=1)
    elif name == "mask":
        np.count_nonzero(flat, axis=1)
    else:
        reach = 1
        while reach < patch // 2:
            patches = np.maximum(patches[:, reach:], patches[:, :-reach])
            patches = np.maximum(patches[:, :, reach:], patches[:, :, :-reach])
            reach *= 2
        (patches > 2800).sum(axis=(1, 2))


def floor(source: ImageSource, name: str, patch: int, times: int) -> None:
    """Read bands one after the other, and measure them by threads."""

    def band(y: int) -> None:
        pixels = source.read(0, (y, 0), (CHUNK, source.data_shape[3]))[0]
        for _ in range(times):
            bare(name, pixels, patch)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(band, range(0, source.data_shape[2], CHUNK)))
    source.close()


def ours(source: ImageSource, specs: SpecTable, config: AnyFilterConfig, masks: list[ImageSource] | None) -> None:
    """Run a filter, and forget what was decoded."""
    filter_values([source], specs, config, masks=masks, workers=WORKERS)
    for one in [source, *(masks or [])]:
        one.close()


def patches_of(patch: int) -> dict[str, tuple[Callable[[], SpecTable], int, int]]:
    """Return specs, the side of their boxes, and how often they hold each pixel."""
    shape = [(1, 1, SIDE, SIDE)]
    return {
        f"grid of {patch}": (SequentialPatching(shape, patch).get_patch_specs, patch, 1),
        f"regions of {patch}": (lambda: region_specs(StratifiedPatching(shape, patch)), 2 * patch, 4),
    }


def main() -> None:
    """Run all."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.zarr"
        write_image(path)
        source = open_image(path)
        for patch in (64, 256):
            for what, (specs, side, times) in patches_of(patch).items():
                for config in CONFIGS:
                    run = partial(ours, source, specs(), config, None)
                    measured = ratio(run, partial(floor, source, config.name, side, times), repeats=1)
                    report(f"{config.name}, {what}", measured, 2)
        _masks(Path(folder), source)
        memory(path)


def _masks(folder: Path, source: ImageSource) -> None:
    """A mask of the image's size; then one of a 1,000th of its pixels, of which the rows are the work."""
    specs = region_specs(StratifiedPatching([source.data_shape], 64))
    for side, allowed in ((SIDE, 2), (SIDE // 32, 20)):
        write_mask(folder / f"mask{side}.zarr", side)
        mask = open_image(folder / f"mask{side}.zarr")
        run = partial(ours, source, specs, MaskFilterConfig(masks="mask"), [mask])
        measured = ratio(run, partial(floor, mask, "mask", 128 * side // SIDE, 4), repeats=3)
        report(f"mask of {side} x {side}, regions of 64", measured, allowed)


def memory(path: Path) -> None:
    """Tell the peak of a process of its own, with and without filtering."""
    begin = (
        "from tests.benchmarks.bench_filter import *\n"
        f"source = open_image({str(path)!r})\n"
        "specs = region_specs(StratifiedPatching([source.data_shape], 64))\n"
    )
    for config in CONFIGS:
        with_filter = peak_of(f"{begin}ours(source, specs, CONFIGS[{CONFIGS.index(config)}], None)")
        print(
            f"{config.name}, regions of 64, {SIDE}^2: peak {with_filter:.0f} MB, without filter {peak_of(begin):.0f} MB"
        )


if __name__ == "__main__":
    main()

"""Opening many images and reading regions against tifffile itself. Run: python -m tests.benchmarks.bench_open."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
import zarr

from patchplan.images import open_all, open_image
from tests.benchmarks.measure import ratio, report

N_FILES, SIDE, PATCH, N_READS = 2000, 4096, 64, 300


def parse_each(paths: list[Path]) -> None:
    """Parse files with tifffile alone."""
    for path in paths:
        with tifffile.TiffFile(path) as tif:
            assert tif.series[0].shape


def starts() -> list[tuple[int, int]]:
    """Return the corners of random patches."""
    rng = np.random.default_rng(0)
    return [(int(y), int(x)) for y, x in rng.integers(0, SIDE - PATCH, (N_READS, 2))]


def read_ours(path: Path) -> None:
    """Read random patches through an ImageSource."""
    with open_image(path) as source:
        for corner in starts():
            source.read(0, corner, (PATCH, PATCH))


def read_as_zarr(path: Path) -> None:
    """Read the same patches through tifffile's Zarr store."""
    with tifffile.TiffFile(path) as tif:
        array = zarr.open_array(tif.series[0].aszarr(), mode="r")
        for y, x in starts():
            array[y : y + PATCH, x : x + PATCH]


def main() -> None:
    """Print all ratios."""
    with tempfile.TemporaryDirectory() as folder:
        many = Path(folder) / "many"
        many.mkdir()
        for k in range(N_FILES):
            tifffile.imwrite(many / f"{k:05}.tif", np.full((64, 64), k % 251, "u1"))
        paths = sorted(many.iterdir())
        report(f"open {N_FILES} TIFFs", ratio(partial(open_all, paths), partial(parse_each, paths), 5), 1.5)
        pixels = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE)).astype("u2")
        for name, how in {"tiles": {"tile": (256, 256)}, "strips": {"rowsperstrip": 64}}.items():
            for codec in (None, "zlib"):
                path = Path(folder) / f"{name}-{codec}.tif"
                tifffile.imwrite(path, pixels, compression=codec, **how)  # type: ignore[arg-type]
                what = f"{N_READS} patches of {PATCH} x {PATCH}, {name}, {codec}"
                report(what, ratio(partial(read_ours, path), partial(read_as_zarr, path), 3), 1.0)


if __name__ == "__main__":
    main()

"""Exporting plans as GeoJSON against a floor: writing the same bytes to a file of the same disk.

Run: python -m tests.benchmarks.bench_export. Both flush what they write, as everything is that patchplan publishes.
"""

import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import patchplan
from tests.benchmarks.measure import peak_of, ratio, report

ALLOWED = 3.0
CHUNK = 1 << 24
CASES: dict[str, dict[str, Any]] = {
    "tiles without rows": {"name": "tiled", "patch_size": 256, "overlaps": 32},
    "random patches": {"name": "random", "patch_size": 256, "seed": 0},
    "tiles of a volume": {"name": "tiled", "patch_size": [16, 64, 64], "overlaps": [4, 16, 16]},
}
"""Strategies, each over an image of which it makes about a million patches."""

SHAPES = {"tiles without rows": (224_000, 224_000), "random patches": (256_000, 256_000)}
VOLUME = (1_200, 4_800, 4_800)


def make_plan(folder: Path, what: str, n: int) -> Path:
    """Plan about `n` patches of an image that has no pixels on the disk."""
    shape = SHAPES.get(what, VOLUME)
    shrink = (1_000_000 / n) ** (1 / len(shape))
    image, plan = folder / "image.npy", folder / "plan.parquet"
    np.lib.format.open_memmap(image, "w+", np.uint8, tuple(int(size / shrink) for size in shape))
    rows = what != "tiles without rows"
    patchplan.plan(image, plan, config=CASES[what], axes="ZYX"[-len(shape) :], rows=rows, overwrite=True)
    image.unlink()
    return plan


def floor(pieces: list[bytes], path: Path) -> None:
    """Write bytes that are in memory, and wait for the disk."""
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def bench(folder: Path, what: str, n: int) -> None:
    """Time and memory of one plan."""
    plan, out = make_plan(folder, what, n), folder / "plan.geojson"
    result = patchplan.export(plan, out)
    with out.open("rb") as file:
        pieces = list(iter(partial(file.read, CHUNK), b""))
    ours = partial(patchplan.export, plan, out, overwrite=True)
    name = f"{result.n_features:,} {what}, {result.bytes / 1e6:.0f} MB"
    report(name, ratio(ours, partial(floor, pieces, folder / "floor"), 5), ALLOWED)
    code = "import patchplan\npatchplan.export({!r}, {!r}, overwrite=True{})"
    few = peak_of("import patchplan.api.exporting\n" + code.format(str(plan), str(out), ", dry_run=True, image=0"))
    many = peak_of(code.format(str(plan), str(out), ""))
    print(f"{'peak memory':58} {many:10.0f} MB, a dry run {few:.0f} MB")


def main() -> None:
    """Run all; `--quick` has a tenth of the patches."""
    n = 100_000 if "--quick" in sys.argv else 1_000_000
    for what in CASES:
        with tempfile.TemporaryDirectory() as name:
            bench(Path(name), what, n)


if __name__ == "__main__":
    main()

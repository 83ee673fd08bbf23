"""Regions of interest on a slide of 100,000 x 100,000 pixels.

    python -m tests.benchmarks.bench_regions

Thousands of polygons with hundreds of corners each; a million random patches and a grid of them, tested; and patches
drawn in one ten-thousandth of the slide. The floor is one `rng.random` of as many coordinates as there are patches,
and, for the polygons, the number of times that they cross rows.
"""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import SpecTable
from patchplan.patching import RandomPatching, StratifiedPatching, TiledPatching
from patchplan.sampling.regions import RegionTest, in_regions, mark_regions
from patchplan.sampling.regions.scanlines import Edges, count_inside

SIZE, PATCH = 100_000, 256
SHAPE = (1, 1, SIZE, SIZE)
CORNERS = 400


class Polygons:
    """The region of polygons, without an image."""

    def __init__(self, rings: list[NDArray[np.float64]]) -> None:
        self.edges = Edges.of([[ring] for ring in rings], SIZE)

    def plane(self, sample_idx: int) -> int:
        """Return the same for all samples."""
        return 0 * sample_idx

    def counts(self, sample_idx: int, starts: Any, stops: Any) -> Any:
        """Return the pixels of boxes in the polygons."""
        return count_inside(self.edges, SIZE, starts, stops)


def flower(rng: np.random.Generator, radius: float) -> NDArray[np.float64]:
    """Return a ring with bays."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    far = radius * (1 + 0.3 * np.sin(5 * angle))
    return rng.uniform(0, SIZE, 2) + np.stack([far * np.sin(angle), far * np.cos(angle)], axis=1)


def show(what: str, start: float, more: str = "") -> None:
    """Print how long something took."""
    print(f"{what:48} {perf_counter() - start:6.2f} s  {more}")


def test_patches(region: Polygons) -> None:
    """Test a million random patches and a grid of them."""
    rng = np.random.default_rng(0)
    test = RegionTest([region], [SHAPE])
    start = perf_counter()
    coords = (rng.random((10**6, 2)) * (SIZE - PATCH)).astype(np.int64)
    show("floor: a million random coordinates", start)
    zeros = np.zeros(10**6, np.int64)
    specs = SpecTable(zeros, zeros, coords, np.full_like(coords, PATCH))
    start = perf_counter()
    show("a million random patches", start, f"{test.keeps(specs).mean():.1%} kept")
    start = perf_counter()
    tiles = TiledPatching([SHAPE], PATCH, 0).get_patch_specs()
    show(f"{len(tiles):,} tiles", start, f"{test.keeps(tiles).mean():.1%} kept")


def draw_patches() -> None:
    """Draw patches in a ten-thousandth of the slide, and in half of it."""
    for name, side in (("a ten-thousandth", 1000), ("a quarter", 50_000)):
        ring = np.array([[0, 0], [0, side], [side, side], [side, 0]]) + 30_000.0
        test = RegionTest([Polygons([ring])], [SHAPE], "inside")
        start = perf_counter()
        found = in_regions(RandomPatching([SHAPE], PATCH, 0), test)
        found.get_patch_specs()
        show(f"random in {name}", start, f"{found.n_patches:,} patches")
        start = perf_counter()
        patching = StratifiedPatching([SHAPE], PATCH, 0)
        mark_regions(patching, test)
        found = in_regions(patching, test)
        found.get_patch_specs()
        show(f"stratified in {name}", start, f"{found.n_patches:,} patches")


def main() -> None:
    """Run all."""
    rng = np.random.default_rng(0)
    start = perf_counter()
    region = Polygons([flower(rng, rng.uniform(100, 600)) for _ in range(3000)])
    show("3,000 polygons", start, f"{region.edges.n_crossings():,} crossings")
    test_patches(region)
    draw_patches()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print("peak memory", peak.removeprefix("VmHWM:").strip())


if __name__ == "__main__":
    main()

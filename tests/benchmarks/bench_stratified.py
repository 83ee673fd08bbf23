"""Stratified patching against the bare cost of its random numbers.

    python tests/benchmarks/bench_stratified.py

The floor is one `rng.integers(0, high, endpoint=True)` over as many bounds as there are regions. Against it:
build, exclude a tenth of the cells in one call, and draw one epoch.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from patchplan.patching.stratified import StratifiedPatching

CASES = {
    "2-D, 2^16 regions": ((256, 256), (64, 64)),
    "2-D, 2^18 regions": ((512, 512), (64, 64)),
    "2-D, 2^20 regions": ((1024, 1024), (64, 64)),
    "2-D, 2^22 regions": ((2048, 2048), (64, 64)),
    "3-D, 2^18 regions": ((64, 64, 64), (16, 16, 16)),
}
"""Cells per axis and patch size."""


def seconds(*runs: Callable[[], object], repeats: int = 9) -> list[float]:
    """Return the median time of each, taken in turn so that a busy machine slows all alike."""
    times = np.zeros((repeats, len(runs)))
    for repeat, i in np.ndindex(times.shape):
        start = perf_counter()
        runs[i]()
        times[repeat, i] = perf_counter() - start
    return [float(time) for time in np.median(times, axis=0)]


def tenth_of_cells(grid: tuple[int, ...]) -> np.ndarray:
    """Return the grid coordinates of a random tenth of the cells, (n, ndim)."""
    n_cells = int(np.prod(grid))
    cells = np.random.default_rng(0).choice(n_cells, n_cells // 10, replace=False)
    return np.stack(np.unravel_index(cells, grid), axis=1)


def measure(grid: tuple[int, ...], patch: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the seconds of the floor and of the whole, and the microseconds of a single draw."""
    shape = (1, 1, *(n * size for n, size in zip(grid, patch, strict=True)))
    cells = tenth_of_cells(grid)
    rng = np.random.default_rng(0)
    bounds = np.broadcast_to(np.array(patch) - 1, (int(np.prod(grid)), len(grid))).copy()

    def whole() -> StratifiedPatching:
        patching = StratifiedPatching([shape], patch, seed=0)
        patching.exclude_patches(0, 0, cells)
        patching.get_patch_specs()
        return patching

    patching = whole()
    indices = rng.integers(0, patching.n_patches, 2000).tolist()
    floor, whole_epoch, singles = seconds(
        lambda: rng.integers(0, bounds, endpoint=True),
        whole,
        lambda: [patching.get_patch_spec(index) for index in indices],
    )
    return floor, whole_epoch, singles / len(indices) * 1e6


def main() -> None:
    """Print one line per case."""
    print(f"{'':20}{'floor':>10}{'whole':>10}{'ratio':>8}{'per region':>12}{'single draw':>13}")
    for name, (grid, patch) in CASES.items():
        floor, whole, single = measure(grid, patch)
        per_region = whole / np.prod(grid) * 1e9
        print(
            f"{name:20}{floor * 1e3:7.1f} ms{whole * 1e3:7.1f} ms{whole / floor:7.1f}x"
            f"{per_region:9.0f} ns{single:10.1f} us"
        )


if __name__ == "__main__":
    main()

"""Splits against one permutation of as many numbers.

    python -m tests.benchmarks.bench_split

The floor is one `rng.permutation` of as many numbers as there are cells, or rows. Stratified patching of 10^6 cells is
to be split within 100 times that.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from patchplan.patching import StratifiedPatching, create_patching, create_val_split
from patchplan.plans.settings.splits import SplitConfig
from patchplan.sampling.splits import split_rows, split_stratified
from tests.benchmarks.measure import ratio

ASKED = {
    "validation": SplitConfig(validation=0.1, seed=0),
    "validation, context 16": SplitConfig(validation=0.1, context=16, seed=0),
    "validation and test, context 16": SplitConfig(validation=0.1, test=0.1, context=16, seed=0),
    "5 folds, context 16": SplitConfig(k_folds=5, context=16, seed=0),
}
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "one image": [(1, 1, 64_000, 64_000)],
    "10^4 images": [(1, 1, 640, 640)] * 10**4,
    "10^4 samples": [(10**4, 1, 640, 640)],
    "3-D": [(1, 1, 6_400, 6_400, 6_400)],
}


def permuted(n: int) -> Callable[[], object]:
    """Return what draws the floor."""
    rng = np.random.default_rng(0)
    return lambda: rng.permutation(n)


def show(what: str, run: Callable[[], object], n: int, repeats: int = 3) -> None:
    """Print one line."""
    ours, floor, times = ratio(run, permuted(n), repeats)
    print(f"{what:62}{ours * 1e3:9.0f} ms   permutation{floor * 1e3:7.1f} ms   {times:7.1f}x")


def main() -> None:
    """Print one line per case."""
    for shape, data_shapes in SHAPES.items():
        patching = StratifiedPatching(data_shapes, 64, seed=0)
        for asked, config in ASKED.items():
            show(f"10^6 cells, {shape}: {asked}", partial(split_stratified, patching, config), 10**6)
    patching = StratifiedPatching(SHAPES["one image"], 64, seed=0)
    rng = np.random.default_rng(0)
    show("10^6 cells: create_val_split", lambda: create_val_split(patching.copy(), 10**5, rng), 10**6)
    rows: dict[str, tuple[dict[str, Any], list[tuple[int, ...]]]] = {
        "tiled": ({"name": "tiled", "patch_size": 64, "overlaps": 16}, [(1, 1, 48_000, 48_000)]),
        "random": ({"name": "random", "patch_size": 64, "seed": 0}, [(1, 1, 64_000, 64_000)]),
        "tiled 3-D": ({"name": "tiled", "patch_size": 16, "overlaps": 4}, [(1, 1, 1_200, 1_200, 1_200)]),
    }
    for name, (patching_config, data_shapes) in rows.items():
        specs = create_patching(data_shapes, patching_config).get_patch_specs()
        for asked, config in ASKED.items():
            start = perf_counter()
            split = split_rows(specs, data_shapes, config)
            print(f"{len(specs):9,} rows, {name}: {asked:36}{perf_counter() - start:7.2f} s, left out {split.lost}")


if __name__ == "__main__":
    main()

"""Inspecting plans against floors: a plan of four tiles, and bare numpy. Run: python -m tests.benchmarks.bench_inspect.

The floor of random patches is an int32 difference array in bands of 2,048 rows: corners scattered, two sums in
place, one bincount. The floor has one band for all of them and scatters by flat indices, which is several
times as fast as pairs.
"""

import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import patchplan
from patchplan.patching import TiledPatching
from tests.benchmarks.bench_plan import write_ours
from tests.benchmarks.measure import peak_of, ratio, report

SIDE, PATCH, BAND, CHUNK = 32_768, 64, 2_048, 512


def inspect_command(plan: Path, *more: str) -> None:
    """Run the whole command."""
    subprocess.run([sys.executable, "-m", "patchplan", "inspect", str(plan), "--quiet", *more], check=True)


def grid_plan(path: Path, side: int) -> None:
    """Write a tiled plan without rows over one square image."""
    from patchplan.plans.write import write_plan

    tiling = TiledPatching([(1, 1, side, side)], 256, 32)
    small = TiledPatching([(1, 1, 300, 300)], 256, 32)
    write_ours(path, small)
    header = patchplan.open_plan(path).header
    shape = tiling.data_shapes[0]
    image = header.images[0].model_copy(update={"shape": shape[2:], "data_shape": shape, "n_patches": tiling.n_patches})
    counts = {"n_patches": tiling.n_patches, "n_rows": tiling.n_patches, "rows": False, "images": (image,)}
    write_plan(path, header.model_copy(update=counts), [], overwrite=True)


def random_plan(folder: Path, n: int, side: int) -> Path:
    """Write a plan of n random patches of 64 x 64, in epochs of (side / 64)^2."""
    image = folder / f"{side}.npy"
    np.lib.format.open_memmap(image, "w+", np.uint8, (side, side))
    path = folder / f"random{n}.parquet"
    if path.exists():
        return path
    epochs = -(-n // (side // PATCH) ** 2)
    patching = {"name": "random", "patch_size": PATCH, "seed": 1}
    patchplan.plan(image, path, patching=patching, epochs=epochs)
    return path


def bare_bands(starts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Count visits by bare numpy; starts of shape (2, n)."""
    total: np.ndarray[Any, Any] = np.zeros(1 << 16, np.int64)
    width = SIDE + 1
    counts: np.ndarray[Any, Any] = np.empty((BAND + 1, width), np.int32)
    for top in range(0, SIDE, BAND):
        inside = (starts[0] < top + BAND) & (starts[0] + PATCH > top)
        first = (np.maximum(starts[0][inside], top) - top) * width
        last = (np.minimum(starts[0][inside] + PATCH, top + BAND) - top) * width
        left = starts[1][inside]
        counts.fill(0)
        flat = counts.reshape(-1)
        for place, sign in ((first + left, 1), (last + left + PATCH, 1), (last + left, -1), (first + left + PATCH, -1)):
            np.add.at(flat, place, np.int32(sign))
        np.cumsum(counts, axis=0, out=counts)
        np.cumsum(counts, axis=1, out=counts)
        binned = np.bincount(counts[:BAND, :SIDE].reshape(-1))
        total[: len(binned)] += binned
    return total


def bench_grids(folder: Path) -> None:
    """A grid over 10^12 pixels, as a whole command."""
    small, large = folder / "small.parquet", folder / "large.parquet"
    grid_plan(small, 480)
    grid_plan(large, 10**6)
    assert patchplan.open_plan(small).n_patches == 4
    gates = ("--require-partition", "--require-full-coverage")
    measured = ratio(partial(inspect_command, large, *gates), partial(inspect_command, small, *gates))
    report("tiled, 10^12 pixels, whole command; floor: 4 tiles", measured, 1.5)


def bench_random(folder: Path) -> None:
    """10^6 random patches on 32,768 x 32,768: in process, then as a whole command."""
    path = random_plan(folder, 10**6, SIDE)
    plan = patchplan.open_plan(path)
    starts = plan.specs().coords.T.copy()
    total = bare_bands(starts)
    found = dict(patchplan.inspect(path).total.visits.histogram)
    assert found == {visits: int(total[visits]) for visits in np.flatnonzero(total).tolist()}
    measured = ratio(partial(patchplan.inspect, path), partial(bare_bands, starts), repeats=3)
    report(f"random, {plan.n_rows:,} patches, from the file", measured, 3)
    measured = ratio(partial(inspect_command, path), partial(bare_bands, starts), repeats=3)
    report(f"random, {plan.n_rows:,} patches, whole command", measured, 3)
    measure("  the same", path)


def bench_many_rows(folder: Path) -> None:
    """10^7 rows, in one image and in many samples; tiles with rows."""
    path = random_plan(folder, 10**7, SIDE)
    measure("10^7 random rows", path)
    tiles = folder / "tiles.parquet"
    write_ours(tiles, TiledPatching([(1, 1, 708_000, 708_000)], 256, 32))
    rows = patchplan.open_plan(tiles).n_rows
    measure(f"{rows:,} tiles with rows, 5 x 10^11 pixels", tiles)


def split_plan(folder: Path, path: Path) -> Path:
    """Write the rows of a plan with a column `split`, nine of ten in one of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path).replace_schema_metadata(None)
    names = np.random.default_rng(0).choice(np.array(["train", "val", "test"]), len(table), p=[0.9, 0.05, 0.05])
    pq.write_table(table.append_column("split", pa.array(names)), folder / "table.parquet")
    split = folder / f"split{len(table)}.parquet"
    patchplan.plan(folder / f"{SIDE}.npy", split, patching={"name": "fixed", "table": str(folder / "table.parquet")})
    return split


def bench_splits(folder: Path) -> None:
    """Shared pixels of three splits beside what is counted anyway."""
    path = random_plan(folder, 10**6, SIDE)
    measure("10^6 random rows without splits", path)
    split = split_plan(folder, path)
    measure("  with three splits", split)
    measure("  and a context of 16", split, "context=16")


def bench_cost(folder: Path, n: int) -> None:
    """Chunks loaded for random patches, against a plain loop over a dict in the order of use, of one order."""
    import zarr

    zarr.create_array(folder / "a.zarr", shape=(SIDE, SIDE), chunks=(CHUNK, CHUNK), dtype="uint16", overwrite=True)
    path = folder / f"zarr{n}.parquet"
    epochs = -(-n // (SIDE // PATCH) ** 2)
    patching = {"name": "random", "patch_size": PATCH, "seed": 1}
    patchplan.plan(folder / "a.zarr", path, patching=patching, epochs=epochs)
    measure(f"{epochs * (SIDE // PATCH) ** 2:,} random rows on chunks of {CHUNK}", path)
    measure("  with cost, both orders", path, "cost=True, cache='100MB'")
    if n > 10**6:
        return
    start = time.perf_counter()
    loads = bare_loads(patchplan.open_plan(path).specs().coords, 100 * 10**6 // (2 * CHUNK**2))
    print(f"  a plain loop, one order: {time.perf_counter() - start:.1f} s")
    cost = patchplan.inspect(path, cost=True, cache="100MB").total.cost
    assert cost is not None
    assert cost.plan_order is not None
    assert cost.plan_order.chunks == loads


def bare_loads(starts: np.ndarray[Any, Any], n_held: int) -> int:
    """Count chunk loads one by one; starts of shape (n, 2)."""
    held: OrderedDict[tuple[int, int], None] = OrderedDict()
    loads = 0
    for y, x in starts.tolist():
        rows, columns = (range(a // CHUNK, (a + PATCH - 1) // CHUNK + 1) for a in (y, x))
        for key in product(rows, columns):
            if key in held:
                held.move_to_end(key)
                continue
            loads += 1
            held[key] = None
            if len(held) > n_held:
                held.popitem(last=False)
    return loads


def measure(what: str, path: Path, options: str = "") -> None:
    """Print seconds and peak memory of a process that inspects a plan."""
    start = time.perf_counter()
    code = f"import patchplan\nassert patchplan.inspect({str(path)!r}, {options}).total.visits.max > 0"
    peak = peak_of(code)
    print(f"{what}: {time.perf_counter() - start:.1f} s, {peak:.0f} MB peak (to reach: 1000)")


def main() -> None:
    """Run all; `--quick` leaves out the 10^7 rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_grids(folder)
        bench_random(folder)
        bench_cost(folder, 10**6)
        bench_splits(folder)
        if "--quick" not in sys.argv:
            bench_many_rows(folder)
            bench_cost(folder, 10**7)
            measure("10^7 random rows with three splits", split_plan(folder, folder / f"random{10**7}.parquet"))


if __name__ == "__main__":
    main()

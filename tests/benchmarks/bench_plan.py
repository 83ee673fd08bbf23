"""Specs and plans against floors: bare numpy, bare pyarrow, bare dicts. Run: python -m tests.benchmarks.bench_plan."""

import sys
import tempfile
import timeit
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import patchplan
from patchplan.patching import FixedRandomPatching, SequentialPatching, TiledPatching
from patchplan.plans.plan import BATCH_ROWS
from patchplan.plans.tables.columns import split_rows, to_batch
from patchplan.plans.tables.parquet import settings
from tests.benchmarks.measure import peak_of, ratio, report

TILE, OVERLAP = 256, 32


def bare_grid(size: int) -> dict[str, np.ndarray[Any, Any]]:
    """Fill the columns of a tiled grid by plain per-axis numpy arithmetic."""
    stride = TILE - OVERLAP
    index = np.arange(len(range(0, size - OVERLAP, stride)))
    start, cut = index * stride, index * stride + OVERLAP // 2
    start[-1], cut[0] = size - TILE, 0
    end = np.append(cut[1:], size)
    n = len(index)
    columns: dict[str, np.ndarray[Any, Any]] = {name: np.zeros(n * n, np.int64) for name in ("data_idx", "sample_idx")}
    values = {"coords": start, "crop_coords": cut - start, "crop_size": end - cut, "stitch_coords": cut}
    for name, value in values.items():
        column = np.empty((n * n, 2), np.int64)
        grid = column.reshape(n, n, 2)
        grid[..., 0], grid[..., 1] = value[:, None], value[None, :]
        columns[name] = column
    columns["patch_size"] = np.full((n * n, 2), TILE)
    columns["total_tiles"] = np.full(n * n, n * n)
    return columns


def check_equal(size: int) -> None:
    """Both sides of the grid benchmark fill equal columns."""
    ours = TiledPatching([(1, 1, size, size)], TILE, OVERLAP).get_patch_specs().columns()
    floor = bare_grid(size)
    assert ours.keys() == floor.keys()
    assert all(np.array_equal(ours[name], floor[name]) and ours[name].dtype == floor[name].dtype for name in ours)


def bench_grid() -> None:
    """Many tiles at once."""
    check_equal(10_000)
    for size in (57_600, 115_000, 230_000, 460_000):
        tiling = TiledPatching([(1, 1, size, size)], TILE, OVERLAP)
        measured = ratio(tiling.get_patch_specs, partial(bare_grid, size))
        report(f"tiled, {tiling.n_patches:,} tiles: get_patch_specs", measured, 1.5)


def bench_random() -> None:
    """Many random patches at once."""
    rng = np.random.default_rng(0)
    for n in (256, 512, 1024):
        shape, high = [(1, 1, n * 64, n * 64)], np.full((n * n, 2), n * 64 - 64)
        measured = ratio(
            partial(draw_fixed, shape),
            partial(rng.integers, 0, high, endpoint=True),
        )
        report(f"fixed_random, {n * n:,} patches", measured, 2)


def draw_fixed(shapes: list[Any]) -> object:
    """Build the strategy and draw all its patches."""
    return FixedRandomPatching(shapes, 64, 0).get_patch_specs()


def bench_single() -> None:
    """One spec from its index."""
    pair, n = (1, 2), 3
    patch = lambda: {"data_idx": n, "sample_idx": n, "coords": pair, "patch_size": pair}  # noqa: E731
    tile = lambda: {  # noqa: E731
        "data_idx": n,
        "sample_idx": n,
        "coords": pair,
        "patch_size": pair,
        "crop_coords": pair,
        "crop_size": pair,
        "stitch_coords": pair,
        "total_tiles": n,
    }
    for size in (2_000, 22_400_000):
        shape = [(1, 1, size, size)]
        strategies: list[tuple[Any, Any]] = [
            (TiledPatching(shape, TILE, OVERLAP), tile),
            (SequentialPatching(shape, TILE, OVERLAP), patch),
        ]
        if size < 10_000:
            strategies.append((FixedRandomPatching(shape, 64, 0), patch))
        for patching, floor in strategies:
            index = patching.n_patches // 2
            patching.get_patch_spec(index)
            measured = ratio(
                partial(timeit.timeit, partial(patching.get_patch_spec, index), number=20_000),
                partial(timeit.timeit, floor, number=20_000),
            )
            name = type(patching).__name__
            report(f"{name}, {patching.n_patches:,}: get_patch_spec x 20,000", measured, 10)


def bench_parquet(folder: Path) -> None:
    """Rows to a file, against pyarrow writing ready columns with the same settings."""
    for size in (57_600, 115_000, 230_000):
        tiling = TiledPatching([(1, 1, size, size)], TILE, OVERLAP)
        np.save(folder / "image.npy", np.zeros((1, 1), np.uint8))
        batches = [
            to_batch(tiling.get_patch_specs(a, b), np.arange(a, b))
            for a, b in split_rows(0, tiling.n_patches, BATCH_ROWS)
        ]
        measured = ratio(
            partial(write_ours, folder / "ours.parquet", tiling),
            partial(write_ready, folder / "floor.parquet", batches),
            repeats=5,
        )
        report(f"Parquet, {tiling.n_patches:,} rows", measured, 1.5)
        assert pq.read_table(folder / "ours.parquet").equals(pq.read_table(folder / "floor.parquet"))


def write_ready(path: Path, batches: list[pa.RecordBatch]) -> None:
    """Write ready columns."""
    with pq.ParquetWriter(path, batches[0].schema, **settings(batches[0].schema)) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_ours(path: Path, tiling: TiledPatching) -> None:
    """Write a plan over one image of the tiling's shape."""
    from patchplan.plans.header import Header, ImageRecord
    from patchplan.plans.write import write_plan

    shape = tiling.data_shapes[0]
    missing = dict.fromkeys(("series", "level", "array", "chunks", "shards", "pixel_size", "pixel_unit"))
    known = {"data_idx": 0, "uri": "image.npy", "kind": "npy", "axes": "YX", "shape": shape[2:], "dtype": "uint8"}
    image = {"data_shape": shape, "fingerprint": "", "n_patches": tiling.n_patches}
    header = Header(
        schema_version=1,
        config={"patching": {"name": "tiled", "patch_size": tiling.patch_size, "overlaps": tiling.overlaps}},
        images=(ImageRecord.model_validate({**missing, **known, **image}),),
        n_patches=tiling.n_patches,
        n_rows=tiling.n_patches,
        tiles=True,
        ndim=2,
    )
    write_plan(path, header, [tiling], overwrite=True)


def bench_memory(folder: Path) -> None:
    """10^8 rows written and read back in pieces."""
    path = folder / "huge.parquet"
    write = (
        "from pathlib import Path\nfrom patchplan.patching import TiledPatching\n"
        "from tests.benchmarks.bench_plan import write_ours\n"
        f"write_ours(Path({str(path)!r}), TiledPatching([(1, 1, 2_240_000, 2_240_000)], 256, 32))"
    )
    read = (
        f"import patchplan\nplan = patchplan.open_plan({str(path)!r})\n"
        "assert sum(len(piece) for piece in plan.batches()) == 10**8"
    )
    print(f"imports alone: {peak_of('import patchplan.plans.write, patchplan.patching'):.0f} MB")
    print(f"10^8 rows written: {peak_of(write):.0f} MB peak (to reach: 500), {path.stat().st_size / 1e6:.0f} MB file")
    print(f"10^8 rows read in pieces: {peak_of(read):.0f} MB peak (to reach: 500)")


def bench_open(folder: Path) -> None:
    """A plan of 10^10 tiles without rows, against one of 100."""
    for name, size in (("small", 2_240), ("large", 22_400_000)):
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(1, 1))
        header_only(folder / f"{name}.parquet", size)
    measured = ratio(
        lambda: patchplan.open_plan(folder / "large.parquet").patching.n_patches,
        lambda: patchplan.open_plan(folder / "small.parquet").patching.n_patches,
        repeats=51,
    )
    report("open a plan of 10^10 tiles without rows, floor: of 100", measured, 1)


def header_only(path: Path, size: int) -> None:
    """Write a plan without rows."""
    from patchplan.plans.write import write_plan

    tiling = TiledPatching([(1, 1, size, size)], TILE, OVERLAP)
    write_ours(path, TiledPatching([(1, 1, 300, 300)], TILE, OVERLAP))
    header = patchplan.open_plan(path).header
    shape = tiling.data_shapes[0]
    image = header.images[0].model_copy(update={"shape": shape[2:], "data_shape": shape, "n_patches": tiling.n_patches})
    counts = {"n_patches": tiling.n_patches, "n_rows": tiling.n_patches, "rows": False, "images": (image,)}
    write_plan(path, header.model_copy(update=counts), [], overwrite=True)


def main() -> None:
    """Run all; `--quick` leaves out the 10^8 rows."""
    bench_grid()
    bench_random()
    bench_single()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_open(folder)
        bench_parquet(folder)
        if "--quick" not in sys.argv:
            bench_memory(folder)


if __name__ == "__main__":
    main()

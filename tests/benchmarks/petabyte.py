"""What 10^9 tiles of 256^3 need, from parts that are measured here: run `python -m tests.benchmarks.petabyte`.

Counts are exact, by the arithmetic that planning and stitching use. Times and memory are measured on parts and
multiplied. The plan is really made and proved: it is a header.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import zarr

import patchplan
from patchplan.core.grid import GridAxis
from patchplan.journal import RECORD, Journal, pieces, read_journal
from tests.benchmarks.measure import peak_of

TILE, OVERLAP, PER_AXIS = 256, 32, 1000
SIDE = (PER_AXIS - 1) * (TILE - OVERLAP) + TILE
CHUNK, SHARD, ROWS_PER_SHARD = 128, 768, 64
JOB_HOURS, JOB_CORES = 4, 4


@dataclass(frozen=True)
class Counts:
    """Numbers that follow from the sizes alone, of a cube of uint8, its tiles, and an output in shards."""

    tiles: int
    pixels: int
    blocks: int
    pieces: int
    """Of the pyramid: shards of its further levels."""
    tile_reads: int
    """Pairs of a block and a tile of which it needs pixels."""
    chunk_reads: int
    """Pairs of a tile and a chunk of the source that it is cut from."""

    @property
    def journal_bytes(self) -> int:
        """A record for each block and piece, where each is a box of its own."""
        return RECORD.itemsize * (self.blocks + self.pieces)

    @property
    def stack_objects(self) -> int:
        """Shards of the stack of tiles."""
        return ceil(self.tiles / ROWS_PER_SHARD)


def touching(start: Any, stop: Any, size: int) -> int:
    """Return how many pairs of an interval and a cell of `size` share a pixel."""
    return int((-(-stop // size) - start // size).sum())


def counts() -> Counts:
    """Return the numbers of the cube: third powers, as its axes are alike."""
    axis = GridAxis(SIDE, TILE, OVERLAP)
    start, cut = axis.starts(np.arange(axis.n)), axis.cuts(np.arange(axis.n + 1))
    levels = [ceil(SIDE / 2**level / SHARD) ** 3 for level in range(1, 10)]
    return Counts(
        tiles=axis.n**3,
        pixels=SIDE**3,
        blocks=ceil(SIDE / SHARD) ** 3,
        pieces=sum(levels),
        tile_reads=touching(cut[:-1], cut[1:], SHARD) ** 3,
        chunk_reads=touching(start, start + TILE, CHUNK) ** 3,
    )


def seconds(run: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def cube(path: Path, side: int, chunk: int, shard: int | None = None) -> Path:
    """Create an array of which nothing is written."""
    shards = None if shard is None else (shard,) * 3
    zarr.create_array(path, shape=(side,) * 3, dtype="u1", chunks=(chunk,) * 3, shards=shards, overwrite=True)
    return path


def planned(image: Path, plan: Path, size: int, overlap: int, **options: Any) -> Path:
    """Plan tiles of a cube."""
    patching = {"name": "tiled", "patch_size": size, "overlaps": overlap}
    patchplan.plan(image, plan, patching=patching, axes="ZYX", overwrite=True, **options)
    return plan


def measure_plan(folder: Path) -> None:
    """The plan of the whole: its header, made and proved; its rows, of a part."""
    image, plan = cube(folder / "whole.zarr", SIDE, CHUNK, SHARD), folder / "whole.parquet"
    took = seconds(lambda: planned(image, plan, TILE, OVERLAP, rows=False))
    proof = seconds(lambda: patchplan.inspect(plan))
    peak = peak_of(f"import patchplan; patchplan.inspect({str(plan)!r})")
    coverage = patchplan.inspect(plan)
    assert coverage.total.partition is not None
    assert coverage.total.partition.exact
    print(
        f"plan, header only       {plan.stat().st_size:,} bytes, {took:.2f} s; proved in {proof:.2f} s, {peak:.0f} MB "
        "in all"
    )
    part = cube(folder / "part.zarr", 215 * (TILE - OVERLAP) + TILE, CHUNK, SHARD)
    rows = folder / "rows.parquet"
    took = seconds(lambda: planned(part, rows, TILE, OVERLAP))
    n, factor = 216**3, counts().tiles / 216**3
    print(
        f"plan, with rows         {rows.stat().st_size / n:.3f} bytes and {took / n * 1e9:.0f} ns a row: "
        f"{rows.stat().st_size * factor / 1e6:.0f} MB, {took * factor / 60:.0f} minutes"
    )


def first_share(plan: str, tiles: str, output: str) -> None:
    """Write a share of few blocks, of tiles that are all 0."""
    storage: dict[str, Any] = {"levels": 1, "chunks": 64, "shards": 512}
    patchplan.stitch(plan, tiles, output, share="1/1000", absent_chunks="zeros", **storage)


def measure_start(folder: Path) -> None:
    """What a job does before its first block: look at all tiles, and at which blocks are its own."""
    found = []
    for per_axis in (100, 216):
        image = cube(folder / f"small{per_axis}.zarr", 8 * per_axis, 64)
        plan, n = planned(image, folder / f"small{per_axis}.parquet", 8, 0, rows=False), per_axis**3
        tiles = folder / f"tiles{per_axis}.zarr"
        zarr.create_array(tiles, shape=(n, 1, 8, 8, 8), dtype="u1", chunks=(ROWS_PER_SHARD, 1, 8, 8, 8))
        given = [str(plan), str(tiles), str(folder / f"out{per_axis}.zarr")]
        peak = peak_of(f"from tests.benchmarks.petabyte import first_share; first_share(*{given})")
        given[2] = str(folder / f"again{per_axis}.zarr")
        found.append((n, seconds(partial(first_share, *given)), peak))
    (n, took, peak), (more, longer, higher) = found
    per_tile, bytes_per_tile = (longer - took) / (more - n), (higher - peak) * 1e6 / (more - n)
    total = counts().tiles
    print(
        f"start of a job          {per_tile * 1e9:.0f} ns and {max(0, bytes_per_tile):.1f} bytes a tile: "
        f"{per_tile * total:.0f} s, {peak + max(0, bytes_per_tile) * total / 1e6:.0f} MB"
    )


def measure_journal(folder: Path) -> None:
    """Reading the journal."""
    n = 1_000_000
    journal = Journal.begin(folder / "journal", 1, lambda: None)
    for start in range(0, n, 1000):
        journal.append(np.concatenate([pieces(0, 0, 0, (0, 0, start + k), (1, 1, 1), 0, k) for k in range(1000)]))
    journal.close()
    took = seconds(lambda: read_journal(folder / "journal", 1)) / n
    now = counts()
    print(
        f"journals                {now.journal_bytes / 1e6:.0f} MB for {now.blocks:,} blocks and {now.pieces:,} pieces "
        f"of the pyramid, read in {took * (now.blocks + now.pieces):.1f} s"
    )


def measure_pixels(folder: Path) -> None:
    """Stitching: one thread, a cube of one shard, real compression."""
    image = cube(folder / "one.zarr", SHARD, CHUNK)
    plan = planned(image, folder / "one.parquet", TILE, OVERLAP)
    n = patchplan.open_plan(plan).n_patches
    tiles = zarr.create_array(
        folder / "predictions.zarr", shape=(n, 1, TILE, TILE, TILE), dtype="u1", chunks=(1, 1, TILE, TILE, TILE)
    )
    noise = np.random.default_rng(0).normal(128, 12, (TILE, TILE, TILE)).astype("u1")
    for row in range(n):
        tiles[row, 0] = noise
    found = []
    for levels in (1, 4):
        out = folder / f"one{levels}.ome.zarr"
        options: dict[str, Any] = {"chunks": CHUNK, "shards": SHARD, "levels": levels, "workers": 1, "memory": "2GB"}
        write = partial(patchplan.stitch, plan, folder / "predictions.zarr", out, overwrite=True, **options)
        took = min(seconds(write) for _ in range(3))
        found.append(took)
        rate = SHARD**3 / took
        hours = counts().pixels / rate / 3600
        jobs = ceil(hours / (JOB_HOURS * JOB_CORES))
        print(
            f"stitching, {levels} level(s)   {rate / 1e6:.0f} million pixels a second and core: {hours:,.0f} core "
            f"hours, {jobs:,} jobs of {JOB_HOURS} hours on {JOB_CORES} cores"
        )
    hours = counts().pixels * (found[1] - found[0]) / SHARD**3 / 3600
    print(f"the pyramid alone       {hours:,.0f} core hours")


def main() -> None:
    """Print what there is to do, and what it takes."""
    now = counts()
    print(
        f"{now.tiles:,} tiles of {TILE}^3, {OVERLAP} shared, of a cube of {SIDE:,} pixels: "
        f"{now.pixels / 1e15:.1f} PB of uint8"
    )
    print(
        f"tiles                   {now.tiles * TILE**3 / 1e15:.1f} PB in {now.stack_objects:,} shards of "
        f"{ROWS_PER_SHARD}"
    )
    print(f"output                  {now.blocks:,} shards of {SHARD}^3, and {now.pieces:,} of the pyramid")
    print(
        f"reads to extract        {now.chunk_reads / 1e9:.2f} x 10^9 chunks of {CHUNK}^3, if no two tiles share a read"
    )
    print(f"reads to stitch         {now.tile_reads / 1e9:.2f} x 10^9 tiles, if no two blocks share a read")
    with tempfile.TemporaryDirectory() as name:
        for part in (measure_plan, measure_start, measure_journal, measure_pixels):
            part(Path(name))


if __name__ == "__main__":
    main()

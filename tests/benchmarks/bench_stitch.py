"""Stitching against bare loops, in one run. Run: python -m tests.benchmarks.bench_stitch, with names of some or none.

crop     into a fresh array, against slice assignments into a fresh array; one thread
zarr     16384 x 16384 from a stack on disk, against a loop that fills whole bands and writes each once with tensorstore
tiff     to OME-TIFF, against the Zarr path and tifffile writing the ready array; same codec and threads
memory   65,536 x 65,536 from 10^6 tiles with --memory 512MB: anonymous memory seen from outside
stream   the same for a Stitcher and tiles in random order
scaling  time per tile, for more and more tiles
"""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

import patchplan
from tests.benchmarks.measure import ratio, report
from tests.benchmarks.stitch_cases import (
    Array,
    bands_by_hand,
    paste_all,
    predictions,
    square_plan,
    tiled,
    write_stack,
)

THREADS = 2


def bench_crop(folder: Path) -> None:
    """Tiles in memory to an array in memory."""
    for side, size, overlap in ((8192, 256, 64), (4096, 256, 64), (4096, 64, 16), (2048, 32, 8)):
        plan = square_plan(folder, side, tiled(size, overlap))
        tiles = predictions(plan.n_patches, size)
        paste = paste_all(plan, tiles)
        np.testing.assert_array_equal(patchplan.stitch(plan, tiles, workers=1).arrays[0], paste())
        for blend, allowed in (("crop", 1.5), ("gaussian", 4.0)):
            measured = ratio(partial(patchplan.stitch, plan, tiles, blend=blend, workers=1), paste, repeats=7)
            report(f"{blend}, {side}^2, {plan.n_patches:,} tiles of {size}", measured, allowed)


def bench_zarr(folder: Path) -> None:
    """A stack on disk to Zarr on disk; the page cache holds the stack for both."""
    side, size, overlap = 16_384, 256, 64
    plan = square_plan(folder, side, tiled(size, overlap))
    pool = predictions(1024, size)
    stack = write_stack(folder / "tiles.zarr", plan.n_patches, size, lambda start, stop: pool[: stop - start])
    for chunks, shards in ((512, "none"), (1024, 4096)):
        output, by_hand = folder / "out.zarr", folder / "hand"
        ours = partial(
            patchplan.stitch,
            plan,
            stack,
            output,
            chunks=chunks,
            shards=shards,
            levels=1,
            workers=THREADS,
            overwrite=True,
        )
        ours()
        floor = partial(bands_by_hand, plan, stack, output / "0", by_hand, THREADS)
        floor()
        _same_bytes(output / "0", by_hand)
        measured = ratio(ours, floor, repeats=5)
        report(f"Zarr {side}^2, chunks {chunks}, shards {shards}", measured, 1.3)


def _same_bytes(ours: Path, floor: Path) -> None:
    """Require that both wrote the same chunks."""
    for path in floor.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (ours / path.relative_to(floor)).read_bytes(), path


def bench_tiff(folder: Path) -> None:
    """To OME-TIFF, and what it would take by hand from the finished Zarr store."""
    side, size, overlap = 8192, 256, 64
    plan = square_plan(folder, side, tiled(size, overlap))
    pool = predictions(1024, size)
    stack = write_stack(folder / "tiles.zarr", plan.n_patches, size, lambda start, stop: pool[: stop - start])
    store, ready, by_hand = folder / "out.zarr", folder / "out.ome.tif", folder / "hand.ome.tif"
    same: dict[str, Any] = {"levels": 1, "workers": THREADS, "overwrite": True, "chunks": 512}
    for compression in ("zstd", "zlib", "none"):
        patchplan.stitch(plan, stack, store, **same)
        pixels: Array = np.asarray(zarr.open_array(store / "0", mode="r")[...])
        ours = partial(patchplan.stitch, plan, stack, ready, compression=compression, **same)
        ours()
        with tifffile.TiffFile(ready) as tif:
            page = tif.pages.first
            codec: dict[str, Any] = {
                "compression": page.compression,
                "predictor": page.predictor if page.predictor > 1 else None,
            }

        def floor(codec: dict[str, Any] = codec, pixels: Array = pixels) -> None:
            patchplan.stitch(plan, stack, store, **same)
            tifffile.imwrite(
                by_hand, pixels, tile=(512, 512), bigtiff=True, maxworkers=THREADS, metadata={"axes": "YX"}, **codec
            )

        measured = ratio(ours, floor, repeats=3)
        report(f"OME-TIFF {side}^2, {compression}", measured, 1.5)
        np.testing.assert_array_equal(tifffile.imread(ready), pixels)


def bench_memory(folder: Path) -> None:
    """Peak of anonymous memory of the whole command, minus that of the same command on a plan of four tiles."""
    side, size, overlap = 65_536, 80, 16
    small = square_plan(folder, 200, tiled(size, overlap))
    large = square_plan(folder, side, tiled(size, overlap), rows=False)
    ramp = np.linspace(0, 1, size, dtype=np.float32)

    def make(start: int, stop: int) -> Array:
        numbers = np.arange(start, stop, dtype=np.float32)[:, None, None, None]
        return np.broadcast_to(numbers + ramp[None, None, :, None], (stop - start, 1, size, size))

    own = 0
    for plan in (small, large):
        stack = write_stack(folder / "tiles.zarr", plan.n_patches, size, make, rows=4096)
        for blend in ("crop", "gaussian") if plan is large else ("crop",):
            peak, seconds = peak_anonymous(stitch_command(plan, stack, folder / "out.zarr", blend))
            own = own or peak
            print(
                f"{plan.n_patches:9,} tiles, {blend}: {seconds:6.1f} s, anonymous memory {peak / 1e6:6.0f} MB, "
                f"beyond the program's own {(peak - own) / 1e6:6.0f} MB (to reach: 512)"
            )


STREAM = """
import sys
import numpy as np
import patchplan

plan = patchplan.open_plan(sys.argv[1])
order = np.random.default_rng(0).permutation(plan.n_patches)
noise = np.random.default_rng(1).normal(0, 1, (1, 256, 256)).astype("f4")
with patchplan.Stitcher(plan, sys.argv[2], memory="512MB", workers=2, overwrite=True) as stitcher:
    for index in order:
        stitcher.add(index, noise + np.float32(index))
"""


def bench_stream(folder: Path) -> None:
    """The same for a Stitcher whose tiles come in random order: nearly all of them wait on the disk."""
    own = 0
    for side in (300, 16_384):
        plan = square_plan(folder, side, tiled(256, 64))
        peak, seconds = peak_anonymous([sys.executable, "-c", STREAM, str(plan.path), str(folder / "out.zarr")])
        own = own or peak
        print(
            f"Stitcher, {plan.n_patches:,} tiles of 256 in random order: {seconds:.1f} s, anonymous memory beyond the "
            f"program's own {(peak - own) / 1e6:.0f} MB (to reach: 512)"
        )


def stitch_command(plan: patchplan.Plan, stack: Path, output: Path, blend: str) -> list[str]:
    """Return the whole command."""
    options = ("--memory", "512MB", "--workers", str(THREADS), "--blend", blend, "--overwrite", "--quiet")
    return [sys.executable, "-m", "patchplan", "stitch", str(plan.path), str(stack), "-o", str(output), *options]


def peak_anonymous(command: list[str]) -> tuple[int, float]:
    """Run a command and return the peak of its anonymous memory in bytes, sampled from outside, and its seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(command)
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        found = [line for line in status.read_text().splitlines() if line.startswith("RssAnon")]
        peak = max(peak, int(found[0].split()[1]) * 1024) if found else peak
        time.sleep(0.005)
    assert process.returncode == 0
    return peak, time.perf_counter() - start


def bench_scaling(folder: Path) -> None:
    """Seconds per tile of grids and of free tables, in memory, one thread."""
    size = 32
    for name in ("tiled", "random"):
        times = []
        for side in (1024, 4096, 12_288):
            patching = tiled(size, 8) if name == "tiled" else {"name": "random", "patch_size": size, "seed": 1}
            plan = square_plan(folder, side, patching)
            tiles = predictions(plan.n_patches, size)
            seconds = min(_seconds(plan, tiles) for _ in range(3))
            times.append(seconds / plan.n_patches)
            print(f"{name:8} {plan.n_patches:9,} tiles: {times[-1] * 1e6:6.2f} us per tile")
        print(f"{name:8} the most tiles take {times[-1] / times[1]:.2f} times as long per tile as a tenth of them")


def _seconds(plan: patchplan.Plan, tiles: Array) -> float:
    start = time.perf_counter()
    patchplan.stitch(plan, tiles, workers=1)
    return time.perf_counter() - start


BENCHES = {
    "crop": bench_crop,
    "zarr": bench_zarr,
    "tiff": bench_tiff,
    "memory": bench_memory,
    "stream": bench_stream,
    "scaling": bench_scaling,
}


def main() -> None:
    """Run those that are named, or all."""
    for name in sys.argv[1:] or BENCHES:
        with tempfile.TemporaryDirectory() as folder:
            BENCHES[name](Path(folder))


if __name__ == "__main__":
    main()

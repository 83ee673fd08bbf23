"""Blocks on the workers of Dask. Run: python -m tests.benchmarks.bench_dask, with the names of some.

workers  2 worker processes against 1: blocks per second where decoding dominates, in runs of some seconds
waves    the same blocks against a bare client.map in waves of as many
tiny     10^5 blocks of 16 x 16: memory of the scheduler, a process of its own, on the way
tasks    the same, a task for each block: distributed remembers the names of the last 10^5 tasks, 0.5 KB each
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import zarr
from distributed import Client

import patchplan
from patchplan.cluster import session as sessions
from patchplan.cluster.worker import do_piece
from patchplan.stitching import on_cluster, running
from tests.benchmarks.stitch_cases import square_plan, tiled
from tests.cluster.serving import serving

SIDE, TILE = 8192, 256
PARTS = (1, 10, 50, 100)
REPEATS = 5


@contextmanager
def workers(n: int) -> Iterator[Client]:
    """Start worker processes of a thread each."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), n) as client:
        yield client


def stack_of(folder: Path, n: int) -> Path:
    """Write tiles that take long to decode for their size: gzip of few values in no order. All are the same."""
    path = folder / "tiles.zarr"
    group: Any = zarr.open_group(path, mode="w")
    form, codec = (1, TILE, TILE), zarr.codecs.GzipCodec(level=6)
    tiles = group.create_array("tiles", shape=(n, *form), dtype="f4", chunks=(1, *form), compressors=codec)
    group.create_array("index", shape=(n,), dtype="i8", chunks=(n,))[:] = np.arange(n)
    tiles[0] = np.random.default_rng(0).integers(0, 16, form).astype("f4")
    for k in range(1, n):
        chunk = path / "tiles" / "c" / str(k) / "0" / "0" / "0"
        chunk.parent.mkdir(parents=True)
        os.link(path / "tiles" / "c" / "0" / "0" / "0" / "0", chunk)
    return path


class Timed:
    """Seconds of the blocks alone."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, *args: Any) -> None:
        begun = time.perf_counter()
        on_cluster.compute(*args)
        self.seconds = time.perf_counter() - begun


def seconds_of(plan: patchplan.Plan, tiles: Path, folder: Path, client: Client, **options: Any) -> float:
    """Stitch, and return the seconds that the blocks took."""
    with patch.object(running, "compute", Timed()) as timed:
        patchplan.stitch(
            plan, tiles, folder / "out.zarr", blend="gaussian", levels=1, scheduler=client, overwrite=True, **options
        )  # fmt: skip
    return timed.seconds


def bench_workers(folder: Path) -> None:
    """Each worker has its own process; both numbers are of one machine, in turn."""
    plan = square_plan(folder, 2 * SIDE, tiled(TILE, 64))
    tiles = stack_of(folder, plan.n_patches)
    n_blocks = (2 * SIDE // 512) ** 2
    with workers(1) as one, workers(2) as two:
        times = []
        for client in (one, two):
            seconds_of(plan, tiles, folder, client, shards=512)  # imports
        for _ in range(REPEATS):
            times.append([seconds_of(plan, tiles, folder, client, shards=512) for client in (one, two)])
    rates = [n_blocks / median(column) for column in zip(*times, strict=True)]
    gain = median(a / b for a, b in times)
    print(f"blocks per second: 1 worker {rates[0]:.1f}, 2 workers {rates[1]:.1f}, gain {gain:.2f} (to reach: 1.4)")


def in_waves(session: Any, pieces: Any, *, at_once: int, again: Any = None) -> Iterator[tuple[Any, Any]]:
    """Do pieces as a bare client.map would."""
    del again
    rest, client = iter(pieces), session._client
    while wave := list(islice(rest, sessions.AHEAD * session.n_workers)):
        messages = [json.dumps(piece.message) for piece in wave]
        same = ([session._brief] * len(wave), [at_once] * len(wave))
        futures = client.map(do_piece, *same, messages, [piece.numbers for piece in wave], pure=False)
        yield from zip((piece.item for piece in wave), (told[2] for told in client.gather(futures)), strict=True)


def bench_waves(folder: Path) -> None:
    """Of blocks that take some milliseconds each, and of larger ones."""
    plan = square_plan(folder, SIDE // 2, tiled(TILE, 64))
    tiles = stack_of(folder, plan.n_patches)
    with workers(2) as client:
        for chunk in (128, 512):
            seconds_of(plan, tiles, folder, client, chunks=chunk, shards="none")
            pairs = []
            for _ in range(REPEATS):
                with patch.object(on_cluster, "choose_box", lambda work, *_: work.renderer.block):
                    ours = seconds_of(plan, tiles, folder, client, chunks=chunk, shards="none")
                    with patch.object(sessions.DaskSession, "do", in_waves):
                        pairs.append((ours, seconds_of(plan, tiles, folder, client, chunks=chunk, shards="none")))
            n = (SIDE // 2 // chunk) ** 2
            ours, floor = (median(column) for column in zip(*pairs, strict=True))
            times = median(a / b for a, b in pairs)
            print(
                f"{n:,} blocks of {chunk}: {ours:.2f} s ({ours / n * 1e3:.2f} ms each), client.map in waves "
                f"{floor:.2f} s, ratio {times:.2f} (to reach: 1.3)"
            )


def bench_tiny(folder: Path) -> None:
    """Boxes of many blocks, as always."""
    _with_scheduler(folder)


def bench_tasks(folder: Path) -> None:
    """A task for each block, as nobody would have it otherwise."""
    with patch.object(on_cluster, "choose_box", lambda work, *_: work.renderer.block):
        _with_scheduler(folder)


def _with_scheduler(folder: Path) -> None:
    """Stitch on a scheduler and two workers that are processes of their own."""
    side, chunk, port = 5060, 16, 8799
    plan = square_plan(folder, side, tiled(TILE, 64))
    tiles = stack_of(folder, plan.n_patches)
    address = f"tcp://127.0.0.1:{port}"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([*command, "--no-dashboard"], stderr=subprocess.DEVNULL) as scheduler:
        try:
            worker = [
                sys.executable,
                "-m",
                "distributed.cli.dask_worker",
                address,
                "--nthreads",
                "1",
                "--nworkers",
                "2",
            ]
            with subprocess.Popen([*worker, "--local-directory", str(folder)], stderr=subprocess.DEVNULL) as nannies:
                try:
                    _fill_tiny(plan, tiles, folder, address, scheduler.pid, chunk)
                finally:
                    nannies.terminate()
        finally:
            scheduler.terminate()


def _fill_tiny(plan: patchplan.Plan, tiles: Path, folder: Path, address: str, pid: int, chunk: int) -> None:
    begun, seen = time.perf_counter(), {}

    def look(what: str, done: int, total: int) -> None:
        reached = max((part for part in PARTS if done * 100 >= part * total), default=None)
        if what == "pixels" and reached is not None and reached not in seen:
            seen[reached] = rss(pid)

    patchplan.stitch(
        plan, tiles, folder / "out.zarr", levels=1, chunks=chunk, shards="none", scheduler=address, progress=look
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    print(f"{(5060 // chunk + 1) ** 2:,} blocks in {seconds:.0f} s; MB of the scheduler by % done: {seen}")


def rss(pid: int) -> float:
    """Return the memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1000


BENCHES = {"workers": bench_workers, "waves": bench_waves, "tiny": bench_tiny, "tasks": bench_tasks}


if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHES:
        with tempfile.TemporaryDirectory() as scratch:
            BENCHES[name](Path(scratch))

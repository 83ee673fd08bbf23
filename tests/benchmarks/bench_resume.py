"""Going on with a stopped run, and its journal's cost. Run: python -m tests.benchmarks.bench_resume, with names.

resume    a run that was 99 % done, in blocks or in the pyramid, resumed: against the whole run, with start and audit
journal   many small boxes with a journal, against the same boxes when nothing is noted
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

import patchplan
from patchplan.stitching.ledger import ImageLedger
from tests.benchmarks.measure import ratio, report
from tests.benchmarks.stitch_cases import predictions, square_plan, tiled, write_stack

DONE = 0.99
THREADS = 2
SIDE, CHUNK = 24576, 256


def command(folder: Path, plan: patchplan.Plan, stack: Path, *more: str) -> list[str]:
    """Return the whole command."""
    words = ("--chunks", str(CHUNK), "--shards", "none", "--workers", str(THREADS), "--quiet", *more)
    return [
        sys.executable,
        "-m",
        "patchplan",
        "stitch",
        str(plan.path),
        str(stack),
        "-o",
        str(folder / "out.zarr"),
        *words,
    ]


def seconds_of(words: list[str]) -> float:
    """Run a command and return how long it takes."""
    begun = time.perf_counter()
    subprocess.run(words, check=True)
    return time.perf_counter() - begun


def stop(folder: Path, plan: patchplan.Plan, stack: Path, phase: str, levels: str) -> Path:
    """Interrupt a run when so much of a phase is done; return what it leaves."""

    def interrupt(what: str, done: int, total: int) -> None:
        if what == phase and done >= DONE * total:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        patchplan.stitch(
            plan, stack, folder / "out.zarr", chunks=CHUNK, shards="none", workers=THREADS, memory="256MB",
            levels=levels if levels == "auto" else int(levels), progress=interrupt,
        )  # fmt: skip
    return folder / "out.zarr.partial"


def bench_resume(folder: Path) -> None:
    """A run of 9,216 chunks, without further levels where it is stopped in its pixels."""
    plan = square_plan(folder, SIDE, tiled(256, 64))
    pool = predictions(1024, 256)
    stack = write_stack(folder / "tiles.zarr", plan.n_patches, 256, lambda start, stop: pool[: stop - start])
    again = folder / "again"
    again.mkdir()
    for phase, levels in (("pixels", "1"), ("blocks of the pyramid", "auto")):
        whole = [seconds_of(command(again, plan, stack, "--overwrite", "--levels", levels)) for _ in range(3)]
        looked = [seconds_of(command(again, plan, stack, "--overwrite", "--dry-run")) for _ in range(3)]
        print(f"undisturbed {median(whole):.2f} s, of which start and audit {median(looked):.2f} s")
        left = stop(folder, plan, stack, phase, levels)
        times = []
        for _ in range(3):
            shutil.rmtree(again)
            again.mkdir()
            shutil.copytree(left, again / left.name)
            times.append(seconds_of(command(again, plan, stack, "--resume", "--levels", levels)))
        shutil.rmtree(left)
        print(
            f"resumed when {DONE:.0%} of {phase} were done: {median(times):.2f} s, "
            f"{median(times) / median(whole):.1%} of the whole; beyond start and audit "
            f"{(median(times) - median(looked)) / (median(whole) - median(looked)):.1%}"
        )


def bench_journal(folder: Path) -> None:
    """The least memory, so that boxes are small: a record for each."""
    plan = square_plan(folder, 2048, tiled(64, 16))
    tiles = predictions(plan.n_patches, 64)
    for chunk in (16, 64):
        ours = partial(
            patchplan.stitch, plan, tiles, folder / "out.zarr", chunks=chunk, shards="none", levels=1, workers=1,
            memory="27MB", overwrite=True,
        )  # fmt: skip

        ours()
        measured = ratio(ours, partial(unnoted, ours), repeats=5)
        report(f"2048^2, chunks {chunk}, with and without a journal", measured, 1.05)


def unnoted(run: Callable[[], object]) -> None:
    """Run without a record of what is written."""
    with patch.object(ImageLedger, "note", lambda *_: None):
        run()


BENCHES = {"resume": bench_resume, "journal": bench_journal}


def main() -> None:
    """Run those that are named, or all."""
    for name in sys.argv[1:] or BENCHES:
        with tempfile.TemporaryDirectory() as folder:
            BENCHES[name](Path(folder))


if __name__ == "__main__":
    main()

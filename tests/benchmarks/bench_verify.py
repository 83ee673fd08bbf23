"""Verifying outputs against a floor: one thread that reads the same files and hashes them.

Run: python -m tests.benchmarks.bench_verify. Files are in the page cache, so that hashing and what is around
it are measured, not the disk.
"""

import hashlib
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import patchplan
from patchplan.publish.checksums import manifest_of, write_checksums
from tests.benchmarks.measure import peak_of, ratio, report

CASES = {
    "16 shards of 32 MB": (16, 32 << 20, 1.2),
    "8,192 chunks of 64 kB": (8192, 64 << 10, 1.4),
    "30,000 files of 1 kB": (30_000, 1000, 3.0),
}
"""How many files, their bytes, and the ratio to reach."""


def make(output: Path, n: int, size: int) -> None:
    """Write files of noise as Zarr lays them out: rows of 256 chunks."""
    content = os.urandom(size)
    for k in range(n):
        folder = output / "0" / "c" / str(k // 256)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / str(k % 256)).open("wb") as file:
            file.write(content)


def floor(files: list[str]) -> None:
    """Read and hash, and nothing else."""
    buffer = memoryview(bytearray(1 << 20))
    for name in files:
        digest = hashlib.sha256()
        with open(name, "rb", buffering=0) as file:  # noqa: PTH123 - as fast as it gets
            while n := file.readinto(buffer):
                digest.update(buffer[:n])
        digest.hexdigest()


def check(output: Path, workers: int) -> None:
    """Verify, and find nothing."""
    assert patchplan.verify(output, workers=workers).ok


def bench(folder: Path, what: str) -> None:
    """Writing checksums and verifying, with one thread and with two."""
    output = folder / "out.zarr"
    n, size, most = CASES[what]
    make(output, n, size)
    files = [str(path) for path in sorted(output.rglob("*")) if path.is_file()]
    hashed = partial(floor, files)
    for workers in (1, 2):
        written = partial(write_checksums, output, output.name, manifest_of(output), threads=workers)
        report(f"checksums of {what}, {workers} threads", ratio(written, hashed, 3), most)
        report(f"verify {what}, {workers} threads", ratio(partial(check, output, workers), hashed, 3), most)


def bench_many(folder: Path, n: int) -> None:
    """As many files as a slide has chunks, in one folder: seconds and memory of processes of their own."""
    output = folder / "many"
    output.mkdir()
    for k in range(n):
        os.close(os.open(output / str(k), os.O_CREAT | os.O_WRONLY))
    start = ["import patchplan.api", "from pathlib import Path", f"output = Path({str(output)!r})"]
    write = [
        "from patchplan.publish.checksums import *",
        "write_checksums(output, output.name, manifest_of(output), threads=2)",
    ]
    verify = ["assert patchplan.api.verify(output, workers=2).ok"]
    base = peak_of("\n".join([*start, "import numpy"]))
    for what, code in (("checksums", write), ("verify", verify)):
        begun = time.perf_counter()
        peak = peak_of("\n".join(start + code))
        seconds = time.perf_counter() - begun
        print(f"{what}, {n:,} files in one folder: {seconds:.1f} s, {peak - base:.0f} MB beyond imports (to reach: 50)")


def main() -> None:
    """Run all; `--quick` has a tenth of the many files."""
    for what in CASES:
        with tempfile.TemporaryDirectory() as name:
            bench(Path(name), what)
    with tempfile.TemporaryDirectory() as name:
        bench_many(Path(name), 100_000 if "--quick" in sys.argv else 1_000_000)


if __name__ == "__main__":
    main()

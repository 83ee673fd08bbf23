"""Journals against floors. Run: python -m tests.benchmarks.bench_journal.

The floor of reading is numpy.fromfile and one checksum of all bytes; that of appending is a bare os.write of as many.
"""

import os
import tempfile
import time
import zlib
from functools import partial
from pathlib import Path

import numpy as np

from patchplan.journal import RECORD, Journal, Records, pieces, read_journal
from tests.benchmarks.measure import ratio, report

BLOCKS, APPENDS = 1_000_000, 50_000


def on_disk() -> None:
    """There is no data."""


def blocks(n: int) -> Records:
    """Pieces of one block each, of a plane of a thousand per row."""
    number = np.arange(n)
    start = np.stack([number // 1000, number % 1000], axis=1)
    return pieces(0, 0, 0, start, (1, 1), 0, number.astype(np.uint64) * 0x9E3779B97F4A7C15)


def read_by_hand(path: Path) -> None:
    """Read records, and one checksum of them all."""
    zlib.crc32(np.fromfile(path, RECORD).data.cast("B"))


def append_one_by_one(path: Path) -> None:
    """Make each record and append it, as an engine does."""
    journal = Journal.begin(path, 0, on_disk)
    for k in range(APPENDS):
        journal.append(pieces(0, 0, 0, (k // 1000, k % 1000), (1, 1), 0, k))
    journal.close()


def write_by_hand(path: Path) -> None:
    """Hand as many bytes to the system."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC)
    record = bytes(RECORD.itemsize)
    for _ in range(APPENDS):
        os.write(handle, record)
    os.close(handle)


def main() -> None:
    """Run all."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "journal"
        records = blocks(BLOCKS)
        start = time.perf_counter()
        Journal.begin(path, 0, on_disk, records).close()
        print(f"{BLOCKS:,} records begun anew: {time.perf_counter() - start:.2f} s (to reach: about 1)")
        assert read_journal(path, 0).entries["stamp"].tolist() == records["stamp"].tolist()
        measured = ratio(partial(read_journal, path, 0), partial(read_by_hand, path))
        report(f"{BLOCKS:,} records read and verified", measured, 20)
        small = Path(name) / "small"
        measured = ratio(partial(append_one_by_one, small), partial(write_by_hand, Path(name) / "floor"), repeats=5)
        report(f"{APPENDS:,} records made and appended one by one", measured, 40)
        print(f"{APPENDS / measured[0]:,.0f} a second, {measured[0] / APPENDS * 1e6:.0f} us each")


if __name__ == "__main__":
    main()

"""Appending by many threads, and to disks that do not take it."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.journal import Journal, read_journal
from tests.journal.making import RUN, SIZE, a_folder, nothing, numbered, stamps

real_write = os.write


def test_threads_append_at_once_and_each_finds_its_records_in_order(tmp_path):
    journal = Journal.begin(tmp_path / "journal", RUN, nothing)

    def work(thread: int) -> None:
        for k in range(0, 300, 3):
            journal.append(numbered(*(1000 * thread + k + i for i in range(3))))
            if k == 150:
                journal.sync()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    journal.close()
    found = read_journal(tmp_path / "journal", RUN)
    numbers = stamps(found.entries)
    assert found.lost == 0
    assert len(numbers) == 2400
    for thread in range(8):
        assert [n % 1000 for n in numbers if n // 1000 == thread] == list(range(300))


def test_a_batch_is_handed_to_the_system_at_once(tmp_path):
    journal = Journal.begin(tmp_path / "journal", RUN, nothing)
    with mock.patch("os.write", side_effect=real_write) as write:
        journal.append(numbered(1, 2, 3))
    journal.close()
    assert [len(call.args[1]) for call in write.call_args_list] == [3 * SIZE]


class FullDisk:
    """A disk that takes so many bytes, and then no more until there is room."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, handle: int, raw: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        part = raw[: self.room]
        self.room -= len(part)
        return real_write(handle, part)


@given(st.integers(0, 6 * SIZE), st.lists(st.integers(1, 3), min_size=1, max_size=5), st.booleans())
def test_on_a_full_disk_a_batch_is_in_the_journal_or_it_is_not(room, sizes, can_cut):
    """Where even the cut fails, the next record makes it."""
    with a_folder() as folder:
        path = folder / "journal"
        journal = Journal.begin(path, RUN, nothing)
        disk, written, number = FullDisk(room), [], 0
        for size in sizes:
            numbers = list(range(number, number + size))
            number += size
            with suppress(OSError), mock.patch("os.write", disk.write), cutting(can_cut):
                journal.append(numbered(*numbers))
                written += numbers
        journal.append(numbered(number))
        journal.close()
        found = read_journal(path, RUN)
        assert path.stat().st_size % SIZE == 0
    assert stamps(found.entries) == [*written, number]
    assert found.lost == 0


def cutting(works: bool) -> "mock._patch[object]":
    real = os.ftruncate
    return mock.patch("os.ftruncate", real if works else mock.Mock(side_effect=OSError(5, "broken disk")))


LIMITED = """
import resource, sys
from pathlib import Path
from patchplan.journal import Journal, pieces
path = Path(sys.argv[1])
journal = Journal.begin(path, int(sys.argv[2]), lambda: None)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for k in range(100):
    try:
        journal.append(pieces(0, 0, 0, (0,), (1,), 0, [2 * k, 2 * k + 1]))
    except OSError as error:
        print(k, error.strerror, path.stat().st_size)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(pieces(0, 0, 0, (0,), (1,), 0, 99))
"""


def test_where_files_may_not_grow_the_journal_stays_whole_and_goes_on_when_they_may(tmp_path):
    """1000 bytes are the header, 7 pairs, and 40 bytes of the next pair."""
    path = tmp_path / "journal"
    run = subprocess.run([sys.executable, "-c", LIMITED, path, str(RUN)], capture_output=True, text=True, check=True)
    assert run.stdout == f"7 File too large {15 * SIZE}\n"
    found = read_journal(path, RUN)
    assert stamps(found.entries) == [*range(14), 99]
    assert found.lost == 0


def test_an_interrupt_while_a_record_is_written_leaves_whole_records(tmp_path):
    journal = Journal.begin(tmp_path / "journal", RUN, nothing)

    def interrupted(handle: int, raw: bytes) -> int:
        real_write(handle, raw[:10])
        raise KeyboardInterrupt

    with mock.patch("os.write", interrupted), pytest.raises(KeyboardInterrupt, match=r"^$"):
        journal.append(numbered(1))
    journal.append(numbered(2))
    journal.close()
    found = read_journal(tmp_path / "journal", RUN)
    assert (stamps(found.entries), found.lost) == ([2], 0)


def test_a_closed_journal_takes_no_records_and_may_be_closed_again(tmp_path):
    journal = Journal.begin(tmp_path / "journal", RUN, nothing)
    journal.close()
    journal.close()
    with pytest.raises(ValueError, match="the journal is closed"):
        journal.append(numbered(1))


def test_closing_waits_for_a_sync_under_way(tmp_path):
    begun, may_end = threading.Event(), threading.Event()

    def flush() -> None:
        begun.set()
        assert may_end.wait(10)

    journal = Journal.begin(tmp_path / "journal", RUN, flush)
    with ThreadPoolExecutor(2) as pool:
        sync = pool.submit(journal.sync)
        assert begun.wait(10)
        close = pool.submit(journal.close)
        assert not close.done()
        may_end.set()
        sync.result(10)
        close.result(10)


APPENDING = """
import os, sys
from itertools import count
from pathlib import Path
from patchplan.journal import Journal, pieces
journal = Journal.begin(Path(sys.argv[1]), int(sys.argv[2]), lambda: None)
for k in count():
    journal.append(pieces(0, 0, 0, (0,), (1,), 0, k))
    os.write(1, b".")
"""


@pytest.mark.parametrize("wanted", [1, 100, 3000])
def test_a_killed_process_loses_nothing_that_it_has_appended(tmp_path, wanted):
    path = tmp_path / "journal"
    with subprocess.Popen([sys.executable, "-c", APPENDING, path, str(RUN)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = len(process.stdout.read(wanted))
        process.kill()
        told += len(process.stdout.read())
    found = read_journal(path, RUN)
    assert stamps(found.entries) in (list(range(told)), list(range(told + 1)))
    assert found.lost == 0

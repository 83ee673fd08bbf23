"""When records and what they tell of are on the disk."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from patchplan.journal import Journal, read_journal
from patchplan.journal.writing import SYNC_SECONDS
from tests.journal.making import RUN, machine, nothing, numbered, stamps


def after_another_boot(path: Path) -> list[int]:
    with machine(2):
        return stamps(read_journal(path, RUN).entries)


class Clock:
    """Time that passes when told to, and while data is flushed."""

    def __init__(self, flush_seconds: float = 0.0) -> None:
        self.now = 1000.0
        self.flush_seconds = flush_seconds
        self.flushed: list[float] = []

    def flush(self) -> None:
        self.now += self.flush_seconds
        self.flushed.append(self.now)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    return clock


def test_data_then_journal_then_the_record_that_says_so(tmp_path, monkeypatch):
    path = tmp_path / "journal"
    order = []
    journal = Journal.begin(path, RUN, lambda: order.append(("data", path.stat().st_size)))
    monkeypatch.setattr(os, "fsync", lambda handle: order.append(("journal", os.fstat(handle).st_size)))
    journal.append(numbered(1))
    journal.sync()
    journal.close()
    assert order == [("data", 128), ("journal", 128)]
    assert path.stat().st_size == 192


def test_records_appended_while_data_is_flushed_do_not_wait_and_are_not_said_to_be_on_the_disk(tmp_path):
    path = tmp_path / "journal"
    begun, may_end = threading.Event(), threading.Event()

    def flush() -> None:
        begun.set()
        assert may_end.wait(10)

    with machine(1):
        journal = Journal.begin(path, RUN, flush)
        journal.append(numbered(1))
        with ThreadPoolExecutor(1) as pool:
            sync = pool.submit(journal.sync)
            assert begun.wait(10)
            journal.append(numbered(2))
            may_end.set()
            sync.result(10)
        journal.close()
        assert stamps(read_journal(path, RUN).entries) == [1, 2]
    assert after_another_boot(path) == [1]


def test_an_append_syncs_when_the_last_sync_is_long_ago(tmp_path, clock):
    journal = Journal.begin(tmp_path / "journal", RUN, clock.flush)
    for k in range(1, 12):
        clock.now += SYNC_SECONDS / 5
        journal.append(numbered(k))
        assert len(clock.flushed) == k // 5
    journal.close()


def test_where_a_sync_takes_long_the_next_one_is_late_by_twenty_times_that(tmp_path, clock):
    clock.flush_seconds = 3.0
    journal = Journal.begin(tmp_path / "journal", RUN, clock.flush)
    journal.sync()
    clock.now += 59.0
    journal.append(numbered(1))
    assert len(clock.flushed) == 1
    clock.now += 1.0
    journal.append(numbered(2))
    assert len(clock.flushed) == 2
    journal.close()


def test_of_threads_that_append_when_a_sync_is_due_one_syncs_and_the_others_go_on(tmp_path, clock):
    begun, may_end = threading.Event(), threading.Event()
    syncs = []

    def flush() -> None:
        syncs.append(1)
        begun.set()
        assert may_end.wait(10)

    journal = Journal.begin(tmp_path / "journal", RUN, flush)
    clock.now += 2 * SYNC_SECONDS
    with ThreadPoolExecutor(1) as pool:
        syncing = pool.submit(journal.append, numbered(1))
        assert begun.wait(10)
        for k in range(5):
            journal.append(numbered(2 + k))
        may_end.set()
        syncing.result(10)
    journal.close()
    assert len(syncs) == 1


def test_what_the_disk_did_not_take_is_no_longer_in_the_journal(tmp_path):
    """The system reports such a loss once; a run in the same boot would go on as if the blocks were there."""
    path = tmp_path / "journal"
    flush = mock.Mock()
    journal = Journal.begin(path, RUN, flush)
    journal.append(numbered(1))
    journal.sync()
    journal.append(numbered(2))
    flush.side_effect = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        journal.sync()
    for again in (lambda: journal.append(numbered(3)), journal.sync):
        with pytest.raises(OSError, match="Input/output error"):
            again()
    journal.close()
    found = read_journal(path, RUN)
    assert (stamps(found.entries), found.lost) == ([1], 0)


def test_a_run_that_went_on_keeps_what_it_was_given_when_the_disk_takes_no_more(tmp_path):
    path = tmp_path / "journal"
    flush = mock.Mock()
    journal = Journal.begin(path, RUN, flush, numbered(1, 2))
    journal.append(numbered(3))
    flush.side_effect = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        journal.sync()
    journal.close()
    assert stamps(read_journal(path, RUN).entries) == [1, 2]


def test_closing_does_not_sync(tmp_path):
    flush = mock.Mock()
    Journal.begin(tmp_path / "journal", RUN, flush).close()
    assert not flush.called


def test_a_journal_of_this_boot_needs_no_sync(tmp_path):
    journal = Journal.begin(tmp_path / "journal", RUN, nothing)
    journal.append(numbered(1))
    assert stamps(read_journal(tmp_path / "journal", RUN).entries) == [1]
    journal.close()

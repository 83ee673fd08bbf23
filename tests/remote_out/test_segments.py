"""A journal in an object store gives back what it was given."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import OutputError
from patchplan.journal import Kind, is_complete, mark, pieces, read_journal, segments
from patchplan.journal.segments import ObjectJournal

RUN = 77


def nothing() -> None:
    """There is no lock."""


def records(first: int, n: int):
    return pieces(0, 0, 0, (0, 0), (1, 1), 0, np.arange(first, first + n, dtype=np.uint64))


def stamps(path) -> list[int]:
    found: list[int] = read_journal(path, RUN).entries["stamp"].tolist()
    return found


@settings(max_examples=8)
@given(parts=st.lists(st.lists(st.integers(1, 5), max_size=4), min_size=1, max_size=3))
def test_runs_that_go_on_keep_all_records_in_order(bucket_of_all, parts):
    """Whatever is appended and put, in however many runs, is read, once and in its order."""
    path, n = bucket_of_all / str(time.monotonic_ns()) / "journal", 0
    for run in parts:
        known = read_journal(path, RUN)
        journal = ObjectJournal.begin(path, RUN, nothing, known.entries)
        for number in run:
            journal.append(records(n, number))
            n += number
            journal.sync()
        journal.close()
    assert stamps(path) == list(range(n))


def test_what_waits_is_put_after_a_while(bucket, monkeypatch):
    monkeypatch.setattr(segments, "PUT_SECONDS", 0.05)
    journal = ObjectJournal.begin(bucket / "journal", RUN, nothing)
    journal.append(records(0, 3))
    deadline = time.monotonic() + 5
    while stamps(bucket / "journal") != [0, 1, 2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    journal.close()


def test_many_threads_lose_nothing(bucket, monkeypatch):
    monkeypatch.setattr(segments, "PUT_SECONDS", 0.01)
    journal = ObjectJournal.begin(bucket / "journal", RUN, nothing)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: journal.append(records(i, 1)), range(200)))
    journal.sync()
    journal.close()
    assert sorted(stamps(bucket / "journal")) == list(range(200))


def test_what_a_run_adds_that_was_taken_for_gone_is_not_read(bucket):
    gone = ObjectJournal.begin(bucket / "journal", RUN, nothing)
    gone.append(records(0, 2))
    gone.sync()
    ObjectJournal.begin(bucket / "journal", RUN, nothing, read_journal(bucket / "journal", RUN).entries).close()
    gone.append(records(2, 2))
    gone.sync()
    assert stamps(bucket / "journal") == [0, 1]


def test_a_run_that_must_not_go_on_puts_nothing(bucket):
    journal = ObjectJournal.begin(bucket / "journal", RUN, nothing)

    def refused() -> None:
        raise OutputError("another run has taken over")

    journal._flush = refused
    journal.append(records(0, 2))
    with pytest.raises(OutputError, match="taken over"):
        journal.sync()
    with pytest.raises(OutputError, match="taken over"):
        journal.append(records(2, 1))
    assert stamps(bucket / "journal") == []
    assert not journal.keeps_something()


def test_complete_is_what_is_said_last(bucket):
    path = bucket / "journal"
    assert not is_complete(path, RUN)
    journal = ObjectJournal.begin(path, RUN, nothing)
    assert not is_complete(path, RUN)
    journal.append(mark(Kind.COMPLETE))
    journal.sync()
    assert is_complete(path, RUN)
    assert not is_complete(path, RUN + 1)
    journal.append(records(0, 1))
    journal.sync()
    assert not is_complete(path, RUN)


def test_damage_is_found(bucket):
    path = bucket / "journal"
    journal = ObjectJournal.begin(path, RUN, nothing)
    journal.append(records(0, 3))
    journal.sync()
    _, last = path.iterdir()
    body = bytearray(last.read_bytes())
    body[70] ^= 1
    last.write_bytes(bytes(body))
    found = read_journal(path, RUN)
    assert (found.entries["stamp"].tolist(), found.lost) == ([1, 2], 1)
    with pytest.raises(OutputError, match="is the journal of another run"):
        read_journal(path, 1)
    (path / "notes.txt").write_bytes(b"")
    with pytest.raises(OutputError, match=r"notes\.txt: is no part of a journal"):
        read_journal(path, RUN)

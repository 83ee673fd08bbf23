"""Whatever happens to a journal, what is read of it was written, and can be trusted."""

import errno
import os
import tracemalloc
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.errors import OutputError
from patchplan.journal import RECORD, Journal, Kind, mark, read_journal
from patchplan.journal.header import HEADER, header
from patchplan.journal.records import sealed
from tests.journal.making import (
    RUN,
    SIZE,
    a_folder,
    batch,
    batches,
    machine,
    nothing,
    numbered,
    said,
    stamps,
    write_journal,
)


@given(batches)
def test_what_was_written_in_any_batches_is_read_in_order(parts):
    with a_folder() as folder:
        written = write_journal(folder / "journal", parts)
        found = read_journal(folder / "journal", RUN)
    assert said(found.entries) == said(written)
    assert found.lost == 0


@given(batches, st.data())
def test_of_a_journal_cut_at_any_byte_the_whole_records_before_are_read(parts, data):
    with a_folder() as folder:
        path = folder / "journal"
        written = write_journal(path, parts)
        length = data.draw(st.integers(SIZE, path.stat().st_size))
        os.truncate(path, length)
        found = read_journal(path, RUN)
    assert said(found.entries) == said(written[: length // SIZE - 1])
    assert found.lost == (1 if length % SIZE else 0)


@given(batches.filter(lambda parts: any(map(len, parts))), st.data())
def test_of_a_journal_with_a_changed_byte_all_other_records_are_read(parts, data):
    with a_folder() as folder:
        path = folder / "journal"
        written = write_journal(path, parts)
        raw = bytearray(path.read_bytes())
        place = data.draw(st.integers(SIZE, len(raw) - 1))
        raw[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(raw)
        found = read_journal(path, RUN)
    hit = place // SIZE - 1
    assert said(found.entries) == said(np.delete(written, hit))
    assert found.lost == 1


@given(st.integers(0, SIZE - 1), st.integers(1, 255))
def test_a_header_with_a_changed_byte_is_refused(place, change):
    with a_folder() as folder:
        path = folder / "journal"
        write_journal(path, [numbered(1, 2)])
        raw = bytearray(path.read_bytes())
        raw[place] ^= change
        path.write_bytes(raw)
        with pytest.raises(OutputError, match="damaged"):
            read_journal(path, RUN)


@given(st.binary(max_size=400))
def test_any_bytes_after_the_header_are_records_or_lost(tail):
    with a_folder() as folder:
        path = folder / "journal"
        write_journal(path, [numbered(1, 2)])
        with path.open("ab") as file:
            file.write(tail)
        found = read_journal(path, RUN)
    assert stamps(found.entries) == [1, 2]
    assert found.lost == -(-len(tail) // SIZE)


@given(st.lists(st.one_of(batch, st.none()), max_size=8), st.integers(0, 2), st.integers(1, 4))
def test_after_another_boot_what_came_before_the_last_sync_is_read(steps, boot, at_once):
    with a_folder() as folder:
        path = folder / "journal"
        synced: list[bytes] = []
        all_of_it: list[bytes] = []
        with machine(0 if boot == 0 else 1):
            journal = Journal.begin(path, RUN, nothing)
            for step in steps:
                if step is None:
                    journal.sync()
                    synced = list(all_of_it)
                else:
                    journal.append(step)
                    all_of_it += said(step)
            journal.close()
        with machine(boot), mock.patch("patchplan.journal.reading._BATCH", at_once):
            found = read_journal(path, RUN)
    assert said(found.entries) == (all_of_it if boot == 1 else synced)
    assert found.lost == (0 if boot == 1 else len(all_of_it) - len(synced))


@given(st.lists(st.booleans(), max_size=12), st.data())
def test_after_another_boot_damage_never_brings_back_what_was_not_synced(steps, data):
    """True is a sync, False a record numbered by its place in the file."""
    with a_folder() as folder:
        path = folder / "journal"
        synced = 0
        with machine(1):
            journal = Journal.begin(path, RUN, nothing)
            for place, sync in enumerate(steps, 1):
                if sync:
                    journal.sync()
                    synced = place
                else:
                    journal.append(numbered(place))
            journal.close()
        raw = bytearray(path.read_bytes())[: data.draw(st.integers(SIZE, path.stat().st_size))]
        for place in data.draw(st.lists(st.integers(SIZE, len(raw) - 1), max_size=3)) if len(raw) > SIZE else []:
            raw[place] ^= 0xFF
        path.write_bytes(raw)
        with machine(2):
            found = read_journal(path, RUN)
    numbers = stamps(found.entries)
    assert numbers == sorted(set(numbers))
    assert all(number < synced and not steps[number - 1] for number in numbers)


def test_a_boot_that_is_not_known_is_not_the_same_boot(tmp_path):
    with machine(0):
        write_journal(tmp_path / "journal", [numbered(1)])
        assert len(read_journal(tmp_path / "journal", RUN).entries) == 0


def test_records_of_unknown_kinds_are_lost(tmp_path):
    strange = numbered(1, 2)
    strange["kind"] = [Kind.HEADER, max(Kind) + 1]
    write_journal(tmp_path / "journal", [strange, mark(Kind.COMPLETE)])
    found = read_journal(tmp_path / "journal", RUN)
    assert found.entries["kind"].tolist() == [Kind.COMPLETE]
    assert found.lost == 2


def test_a_missing_journal_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"journal: cannot be read: No such file.*--overwrite"):
        read_journal(tmp_path / "journal", RUN)


@pytest.mark.parametrize("length", [0, 1, SIZE - 1])
def test_a_journal_without_a_whole_header_is_refused(tmp_path, length):
    write_journal(tmp_path / "journal", [])
    os.truncate(tmp_path / "journal", length)
    with pytest.raises(OutputError, match=rf"journal: has {length} bytes, and a journal has 64 or more"):
        read_journal(tmp_path / "journal", RUN)


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "journal").write_bytes(b"\x89PNG" * 100)
    with pytest.raises(OutputError, match="is no journal"):
        read_journal(tmp_path / "journal", RUN)


def test_a_journal_of_another_run_is_refused(tmp_path):
    write_journal(tmp_path / "journal", [numbered(1)])
    with pytest.raises(OutputError, match="of another run, fedcba9876543210, and this is 0000000000000001"):
        read_journal(tmp_path / "journal", 1)


def test_a_journal_of_another_version_is_refused(tmp_path):
    newer = header(RUN).view(HEADER)
    newer["version"] = 9
    (tmp_path / "journal").write_bytes(sealed(newer.view(RECORD)).tobytes())
    with pytest.raises(OutputError, match="of version 9, and this patchplan reads 1"):
        read_journal(tmp_path / "journal", RUN)


def test_a_folder_or_a_pipe_in_its_place_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(OutputError, match=f"{name}: is no file"):
            read_journal(tmp_path / name, RUN)


def test_a_journal_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    write_journal(tmp_path / "journal", [])
    monkeypatch.setattr(Path, "open", mock.Mock(side_effect=PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(OutputError, match="journal: cannot be read: Permission denied"):
        read_journal(tmp_path / "journal", RUN)


def test_reading_takes_little_more_memory_than_the_records(tmp_path):
    n = 200_000
    write_journal(tmp_path / "journal", [numbered(*range(n))])
    tracemalloc.start()
    try:
        found = read_journal(tmp_path / "journal", RUN)
        assert tracemalloc.get_traced_memory()[1] < 100 * n + 10_000_000
    finally:
        tracemalloc.stop()
    assert stamps(found.entries) == list(range(n))

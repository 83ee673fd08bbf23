"""A journal is begun whole and on the disk, or the old one stays."""

import signal
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.journal import RECORD, Journal, read_journal
from tests.journal.making import RUN, a_folder, batch, machine, nothing, numbered, said, stamps, write_journal


@given(batch, batch, st.integers(1, 4))
def test_a_run_that_goes_on_keeps_what_it_was_given_in_any_boot_and_what_it_adds_in_this_one(old, new, at_once):
    with a_folder() as folder, mock.patch("patchplan.journal.writing._BATCH", at_once):
        path = folder / "journal"
        with machine(1):
            write_journal(path, [numbered(7, 8, 9)])
            journal = Journal.begin(path, RUN, nothing, old)
            journal.append(new)
            journal.close()
            here = read_journal(path, RUN)
        with machine(2):
            elsewhere = read_journal(path, RUN)
    assert said(here.entries) == said(old) + said(new)
    assert said(elsewhere.entries) == said(old)
    assert (here.lost, elsewhere.lost) == (0, len(new))


def test_a_journal_that_goes_on_is_compact(tmp_path):
    """However often a run is stopped, its journal holds what is needed: header, entries and one SYNCED."""
    path = tmp_path / "journal"
    write_journal(path, [numbered(1, 2)])
    for _ in range(3):
        Journal.begin(path, RUN, nothing, read_journal(path, RUN).entries).close()
    assert path.stat().st_size == 4 * RECORD.itemsize


def test_data_is_on_the_disk_before_old_entries_are_declared_to_be(tmp_path):
    path = tmp_path / "journal"
    write_journal(path, [numbered(1)])
    before = path.read_bytes()
    seen = []
    Journal.begin(path, RUN, lambda: seen.append(path.read_bytes()), numbered(2)).close()
    assert seen == [before]


def test_a_new_journal_waits_for_no_data(tmp_path):
    flush = mock.Mock()
    Journal.begin(tmp_path / "journal", RUN, flush).close()
    Journal.begin(tmp_path / "journal", RUN, flush, np.zeros(0, RECORD)).close()
    assert not flush.called


def test_where_the_data_cannot_be_flushed_the_old_journal_goes(tmp_path):
    path = tmp_path / "journal"
    write_journal(path, [numbered(1)])
    with pytest.raises(OSError, match="broken disk"):
        Journal.begin(path, RUN, mock.Mock(side_effect=OSError(5, "broken disk")), numbered(2))
    assert not path.exists(), "nobody can trust any more what it told"


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "patchplan.journal.writing.sealed"])
def test_a_failure_before_the_new_one_has_the_name_leaves_the_old_one_alone(tmp_path, call):
    path = tmp_path / "journal"
    write_journal(path, [numbered(1)])
    with mock.patch(call, side_effect=OSError(28, "disk full")), pytest.raises(OSError, match="disk full"):
        Journal.begin(path, RUN, nothing, numbered(1, 2))
    assert stamps(read_journal(path, RUN).entries) == [1]
    assert [left.name for left in tmp_path.iterdir()] == ["journal"]


KILLED = """
import os, signal, sys
from pathlib import Path
from patchplan.journal import Journal, read_journal
path = Path(sys.argv[1])
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
Journal.begin(path, int(sys.argv[2]), lambda: None, read_journal(path, int(sys.argv[2])).entries[:1])
"""


def test_a_kill_before_the_new_one_has_the_name_leaves_the_old_one_and_does_not_hinder_the_next(tmp_path):
    path = tmp_path / "journal"
    write_journal(path, [numbered(1, 2, 3)])
    run = subprocess.run([sys.executable, "-c", KILLED, path, str(RUN)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert sorted(left.name for left in tmp_path.iterdir()) == ["journal", "journal.new"]
    found = read_journal(path, RUN)
    assert stamps(found.entries) == [1, 2, 3]
    Journal.begin(path, RUN, nothing, found.entries).close()
    assert [left.name for left in tmp_path.iterdir()] == ["journal"]

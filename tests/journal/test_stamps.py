"""Whether files are those that were written, by what the system says of them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.journal import stamp
from tests.journal.making import a_folder

STAMP = 0xABE4_A855_3FBF_B344
"""Of a file of 3 bytes and an absent one, as it was when this was written: journals outlive processes."""

Told = tuple[int, int] | None

told: st.SearchStrategy[Told] = st.none() | st.tuples(st.integers(0, 2), st.integers(0, 2))


def make(folder: Path, files: list[Told]) -> list[Path]:
    """Make files of these sizes and times; None is absent."""
    folder.mkdir()
    for number, file in enumerate(files):
        if file is not None:
            size, time = file
            (folder / str(number)).write_bytes(bytes(size))
            os.utime(folder / str(number), ns=(0, 1_700_000_000_000_000_000 + time))
    return [folder / str(number) for number in range(len(files))]


@given(st.lists(told, max_size=4), st.lists(told, max_size=4))
def test_stamps_are_equal_if_sizes_and_times_are_and_only_then(first, second):
    with a_folder() as folder:
        stamps = stamp(make(folder / "a", first)), stamp(make(folder / "b", second))
    assert (stamps[0] == stamps[1]) == (first == second)


def test_a_stamp_does_not_depend_on_the_process_and_fits_a_record(tmp_path):
    paths = make(tmp_path / "a", [(3, 7), None])
    assert stamp(paths) == stamp(map(str, paths)) == STAMP
    assert 0 <= stamp(paths) < 2**64


def test_a_file_below_one_that_is_no_folder_is_absent(tmp_path):
    (tmp_path / "file").touch()
    assert stamp([tmp_path / "file" / "chunk"]) == stamp([tmp_path / "nothing"])


def test_what_cannot_be_looked_at_is_not_taken_for_absent(tmp_path):
    with pytest.raises(OSError, match="File name too long"):
        stamp([tmp_path / ("a" * 300)])

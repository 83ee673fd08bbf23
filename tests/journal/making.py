"""Records to write, journals to damage, and machines that were started anew."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from patchplan.journal import RECORD, Journal, Kind, Records, mark, pieces

RUN = 0xFEDC_BA98_7654_3210
SIZE = RECORD.itemsize


def u(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


def triples() -> st.SearchStrategy[tuple[int, int, int]]:
    return st.tuples(u(32), u(32), u(32))


entry = st.one_of(
    st.builds(pieces, u(32), u(32), u(64), triples(), triples(), u(64), u(64)),
    st.builds(mark, st.just(Kind.IMAGE), u(32)),
    st.just(mark(Kind.COMPLETE)),
)
batch = st.lists(entry, max_size=5).map(lambda parts: np.concatenate([np.zeros(0, RECORD), *parts]))
batches = st.lists(batch, max_size=6)


def nothing() -> None:
    """Data that is on the disk already."""


def numbered(*numbers: int) -> Records:
    """Pieces that are told apart by their stamps."""
    return pieces(0, 0, 0, (0, 0, 0), (1, 1, 1), 0, np.array(numbers, np.uint64))


def said(records: Records) -> list[bytes]:
    """What records say, without their checksums."""
    return [record.tobytes()[:-4] for record in records]


def stamps(records: Records) -> list[int]:
    return [int(stamp) for stamp in records["stamp"]]


@contextmanager
def a_folder() -> Iterator[Path]:
    """A folder for the many journals of a law, which need not wait for the disk."""
    with tempfile.TemporaryDirectory() as name, mock.patch("os.fsync"):
        yield Path(name)


def machine(boot: int) -> "mock._patch[mock.Mock]":
    """The machine in one of its boots, 0 where the system does not say."""
    return mock.patch("patchplan.journal.header.this_boot", return_value=boot)


def write_journal(path: Path, parts: list[Records]) -> Records:
    """Write a journal of these parts and return all they hold."""
    journal = Journal.begin(path, RUN, nothing)
    for part in parts:
        journal.append(part)
    journal.close()
    return np.concatenate([np.zeros(0, RECORD), *parts])

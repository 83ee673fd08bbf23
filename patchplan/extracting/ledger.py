"""Which batches are written: by a run that was stopped, as its journal says and its files bear out, and by this one.

A record of the journal tells of one batch: `sample` is its first row, which may be larger than other fields hold.
"""

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.extracting.batches import Batch
from patchplan.journal import AnyJournal, Kind, ObjectJournal, Recording, Records, pieces, stamp
from patchplan.journal.stamps import changed
from patchplan.objects import Location
from patchplan.tiles.writing.writer import TileWriter


class Ledger:
    """The batches of one output.

    Parameters
    ----------
    recording : Recording
        What an earlier run noted, and where what is written is noted.
    writer : TileWriter
        Knows the files of a batch.
    index : range or IntArray
        The index of each row.
    """

    def __init__(self, recording: Recording, writer: TileWriter, index: range | IntArray) -> None:
        self._journal: AnyJournal = recording.journal
        self._writer, self._index = writer, index
        self._kept: list[tuple[int, int, int]] = []  # first row, rows and stamp, in an object store
        found = self._holding(recording.records, index)
        order = np.argsort(found[:, 0], kind="stable")
        self._start, self._count = found[order].T
        self.n_rows = int(self._count.sum())
        """Rows that an earlier run has written."""

    def _holding(self, records: Records, index: range | IntArray) -> IntArray:
        """Return first row and number of rows of the batches whose files are as they were noted."""
        records = records[records["kind"] == Kind.PIECE]
        columns = (records["sample"], records["count"][:, -1], records["stamp"])
        found, before = {}, self._writer.stamps()
        for start, count, told in zip(*(column.tolist() for column in columns), strict=True):
            rows = np.asarray(index[start : start + count], np.int64)
            if len(rows) == count and before(self._writer.files(start, rows)) == told:
                found[start] = count
                self._keep(start, count, told)
        return np.array(list(found.items()), np.int64).reshape(-1, 2)

    def has(self, batch: Batch) -> bool:
        """Tell whether an earlier run has written a batch."""
        at = int(np.searchsorted(self._start, batch.start))
        return at < len(self._start) and (self._start[at], self._count[at]) == (batch.start, len(batch.index))

    def note(self, batch: Batch, told: int | None = None) -> None:
        """Note that a batch is written. Threads may call it at once.

        `told` is the stamp of its files, where who wrote them has taken it.
        """
        told = stamp(self._writer.files(batch.start, batch.index)) if told is None else told
        self._journal.append(pieces(0, 0, batch.start, (0,), (len(batch.index),), 0, told))
        self._keep(batch.start, len(batch.index), told)

    def _keep(self, start: int, count: int, told: int) -> None:
        if isinstance(self._journal, ObjectJournal):
            self._kept.append((start, count, told))

    def check(self, place: Location) -> None:
        """Raise OutputError if objects are not as they were written.

        A store has one place for all runs of a name, and a process that was taken for gone may still write there.
        """
        now = self._writer.stamps()
        for start, count, told in self._kept:
            if now(self._writer.files(start, np.asarray(self._index[start : start + count], np.int64))) != told:
                raise changed(place, f"the batch of rows {start} to {start + count - 1}")

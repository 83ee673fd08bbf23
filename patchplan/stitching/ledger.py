"""Which blocks a run that was stopped has written, as its journal says and its files bear out; this one adds its own.

A record of the journal tells of one box that was written: all of its blocks count, or none.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.journal import RECORD, AnyJournal, Kind, ObjectJournal, Records, mark, pieces, stamp

AT_ONCE = 1 << 16
"""Records that are looked at together."""

Stamp = Callable[[int, Sequence[int], Sequence[int]], int]
"""What is to be said now of the files of a box: sample, start and stop in (Z)YX."""


class ImageLedger:
    """The blocks of one output.

    Parameters
    ----------
    data_idx : int
    journal : Journal or None
        Where what is written is noted; None for outputs in memory.
    records : Records
        What an earlier run noted of this image.
    resumed : bool
        Whether there was one, which may have left more than it noted.

    Attributes
    ----------
    done : bool array
        Blocks (S, (Z), Y, X) that the earlier run has written; there after `open`.
    share : bool array or None
        Blocks of the share that is to be written.
    filled : int
        Pixels of written blocks that no tile covers.
    """

    def __init__(self, data_idx: int, journal: AnyJournal | None, records: Records, *, resumed: bool) -> None:
        self._data_idx, self._journal, self.resumed = data_idx, journal, resumed
        self._records = records
        self._images = records[records["kind"] == Kind.IMAGE]
        self._lock = Lock()
        self._kept: bytearray | None = bytearray() if isinstance(journal, ObjectJournal) else None
        self.filled = 0
        self.done: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.share: NDArray[np.bool_] | None = None

    def open(self, n_samples: int, spatial: Sequence[int], block: Sequence[int], stamp_of: Stamp) -> None:
        """Find out which blocks need not be written again: those whose files are as they were noted."""
        self._spatial, self._block, self._stamp = tuple(spatial), tuple(block), stamp_of
        grid = tuple(-(-n // size) for n, size in zip(spatial, block, strict=True))
        self.done = np.zeros((n_samples, *grid), np.bool_)
        self.filled = 0
        for sample_idx, first, last, filled, noted in self._boxes(n_samples, grid):
            start = [a * size for a, size in zip(first, block, strict=True)]
            stop = [min(b * size, n) for b, size, n in zip(last, block, spatial, strict=True)]
            part = self.done[sample_idx][tuple(map(slice, first, last))]
            if not part.any() and stamp_of(sample_idx, start, stop) == noted:
                part[...] = True
                self.filled += filled
                if self._kept is not None:
                    count = [b - a for a, b in zip(first, last, strict=True)]
                    self._keep(pieces(self._data_idx, 0, sample_idx, first, count, filled, noted))

    def _boxes(self, n_samples: int, grid: tuple[int, ...]) -> Iterator[tuple[int, list[int], list[int], int, int]]:
        """Yield the boxes that are noted: sample, first and last block, pixels that no tile covers, stamp."""
        for records in _of_level(self._records, 0):
            yield from _boxes_of(records, n_samples, grid)

    def _keep(self, record: Records) -> None:
        """Keep what holds until the end, for `kept_boxes` and `units`; who calls it holds the lock or is alone."""
        if self._kept is not None:
            self._kept += record.tobytes()

    def kept_boxes(self) -> Iterator[tuple[int, list[int], list[int], int]]:
        """Yield the boxes that are written in an object store: sample, start and stop in (Z)YX, stamp of its files."""
        n_samples, *grid = self.done.shape
        for records in _of_level(np.frombuffer(bytes(self._kept or b""), RECORD), 0):
            for sample_idx, first, last, _, noted in _boxes_of(records, n_samples, tuple(grid)):
                start = [a * size for a, size in zip(first, self._block, strict=True)]
                stop = [min(b * size, n) for b, size, n in zip(last, self._block, self._spatial, strict=True)]
                yield sample_idx, start, stop, noted

    @property
    def todo(self) -> NDArray[np.bool_]:
        """Blocks to write, by sample and place in the grid: of a share, its own only."""
        return ~self.done if self.share is None else ~self.done & self.share

    @property
    def already(self) -> NDArray[np.bool_]:
        """Blocks that were written before: of a share, its own only."""
        return self.done if self.share is None else self.done & self.share

    def note(
        self, sample_idx: int, start: Sequence[int], stop: Sequence[int], filled: int, told: int | None = None
    ) -> None:
        """Note that a box is written; start in (Z)YX, at a block's first pixel. Threads may call it at once.

        `told` is the stamp of its files, where who wrote them has taken it.
        """
        with self._lock:
            self.filled += filled
        first = [a // size for a, size in zip(start, self._block, strict=True)]
        count = [-(-b // size) - a for a, b, size in zip(first, stop, self._block, strict=True)]
        if self._journal is not None:
            told = self._stamp(sample_idx, start, stop) if told is None else told
            self._append(pieces(self._data_idx, 0, sample_idx, first, count, filled, told))

    def _append(self, record: Records) -> None:
        if self._journal is not None:
            self._journal.append(record)
        if self._kept is not None:
            with self._lock:
                self._keep(record)

    def units(self, level: int, n: int) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
        """Return which of the n pieces of a further level were written, and their stamps."""
        written, stamps = np.zeros(n, np.bool_), np.zeros(n, np.uint64)
        mine = np.frombuffer(bytes(self._kept or b""), RECORD)
        for records in chain(_of_level(self._records, level), _of_level(mine, level)):
            found = records[records["sample"] < n]
            written[found["sample"]] = True
            stamps[found["sample"]] = found["stamp"]
        return written, stamps

    def note_unit(self, level: int, number: int, told: int) -> None:
        """Note that a piece of a further level is written; `told` is the stamp of its files and of those it is of."""
        self._append(pieces(self._data_idx, level, number, (0,), (1,), 0, told))

    def take_finished(self, files: Sequence[Path] | None = None) -> bool:
        """Take the image for finished if an earlier run finished it, and these files have not changed since."""
        if not len(self._images) or (files is not None and self._images["stamp"][-1] != stamp(files)):
            return False
        self.filled = int(self._images["filled"][-1])
        return True

    def note_finished(self, files: Sequence[Path]) -> None:
        """Note that the image is complete; `files` tell by their stamp whether it still is as it was."""
        if self._journal is not None:
            record = mark(Kind.IMAGE, self._data_idx, self.filled)
            record["stamp"] = stamp(files)
            self._journal.append(record)


def _of_level(records: Records, level: int) -> Iterator[Records]:
    """Yield the records of the pieces of a level, some at a time: there may be millions."""
    for start in range(0, len(records), AT_ONCE):
        part = records[start : start + AT_ONCE]
        yield part[(part["kind"] == Kind.PIECE) & (part["level"] == level)]


def _boxes_of(
    records: Records, n_samples: int, grid: tuple[int, ...]
) -> Iterator[tuple[int, list[int], list[int], int, int]]:
    """Yield sample, first and last block, pixels that no tile covers and stamp of the records that fit the grid."""
    ndim = len(grid)
    first = records["start"][:, -ndim:].astype(np.int64)
    last = first + records["count"][:, -ndim:]
    fits = (records["sample"] < n_samples) & (last <= grid).all(axis=1)
    columns = (records["sample"], first, last, records["filled"], records["stamp"])
    yield from zip(*(column[fits].tolist() for column in columns), strict=True)


class Ledger:
    """The blocks of all outputs of a run: a journal, and what was in it when the run began."""

    def __init__(
        self, journal: AnyJournal | None = None, records: Records | None = None, *, resumed: bool = False
    ) -> None:
        self._journal, self._resumed = journal, resumed
        records = np.zeros(0, RECORD) if records is None else records
        images = np.ascontiguousarray(records["image"])
        if np.any(images[1:] < images[:-1]):
            order: IntArray = np.argsort(images, kind="stable")
            records, images = records[order], images[order]
        self._records, self._images = records, images

    def image(self, data_idx: int) -> ImageLedger:
        """Return the blocks of one output."""
        first, last = np.searchsorted(self._images, [data_idx, data_idx + 1])
        return ImageLedger(data_idx, self._journal, self._records[first:last], resumed=self._resumed)

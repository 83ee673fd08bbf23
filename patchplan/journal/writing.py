"""Writing a journal while the run goes on."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from patchplan.journal.header import header
from patchplan.journal.records import RECORD, Kind, Records, mark, sealed
from patchplan.publish.locks import flush_folder

SYNC_SECONDS = 5.0
"""So much work may be lost when the machine goes down, or more where the disk is slow."""

_SYNC_SHARE = 20
"""A sync is followed by at least so many times as long without one."""

_BATCH = 1 << 14
"""Records that are written at once to a journal of a run that goes on."""


class Journal:
    """A journal that is open for writing, by any number of threads of one process.

    Make one with `begin`. Append a record only when the data it tells of is handed to the system.
    """

    def __init__(self, path: Path, flush: Callable[[], None]) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self._flush = flush
        self._size = os.fstat(self._handle).st_size
        self._synced = self._size
        self._open = True
        self._failure: OSError | None = None
        self._torn = False
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._due = time.monotonic() + SYNC_SECONDS

    @classmethod
    def begin(cls, path: Path, run: int, flush: Callable[[], None], entries: Records | None = None) -> "Journal":
        """Write a new journal in the place of any old one, whole and on the disk, and open it.

        Parameters
        ----------
        path : Path
            The file.
        run : int
            The run it is of.
        flush : callable
            Waits until all data that was handed to the system is on the output's disk.
        entries : Records, optional
            What an earlier journal told, for a run that goes on.
        """
        if entries is not None and len(entries):
            try:
                flush()  # they are declared to be on the disk, whoever wrote what they tell of
            except OSError:
                # the system tells of a loss only once: nobody can trust them any more
                path.unlink(missing_ok=True)
                raise
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        try:
            with new.open("xb") as file:
                file.write(header(run).tobytes())
                if entries is not None and len(entries):
                    file.writelines(_declared(entries))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)
        return cls(path, flush)

    def append(self, records: Records) -> None:
        """Write records, and sync when it is time, while other threads go on appending.

        Raises
        ------
        OSError
            If the records could not be written, and then none of them is in the journal; or if a sync failed.
        """
        self._write(sealed(records))
        with self._writing:
            due = time.monotonic() >= self._due
            if due:
                self._due = math.inf
        if due:
            self.sync()

    def sync(self) -> None:
        """Wait until all records so far, and the data they tell of, are on the disk, and note that.

        Raises
        ------
        OSError
            If the disk did not take them; the journal has lost what was not on the disk, and takes no more.
        """
        with self._syncing:
            begun = time.monotonic()
            with self._writing:
                self._check_open()
                size, self._due = self._size, math.inf
            try:
                self._flush()
                os.fsync(self._handle)
            except OSError as error:
                self._give_up(error)
                raise
            self._write(sealed(mark(Kind.SYNCED, filled=size // RECORD.itemsize)))
            self._synced = size
            now = time.monotonic()
            self._due = now + max(SYNC_SECONDS, _SYNC_SHARE * (now - begun))

    def keeps_something(self) -> bool:
        """Tell whether there is anything to go on with."""
        return os.fstat(self._handle).st_size > RECORD.itemsize

    def close(self) -> None:
        """Close the file, when a sync under way has ended; it is not synced."""
        with self._syncing, self._writing:
            if self._open:
                self._open = False
                os.close(self._handle)

    def _write(self, records: Records) -> None:
        """Append all or none of the records."""
        left = records.tobytes()
        with self._writing:
            self._check_open()
            if self._torn:
                os.ftruncate(self._handle, self._size)
            size = self._size + len(left)
            self._torn = True
            try:
                while left:  # once, but for a disk that is full, and then the second time says so
                    left = left[os.write(self._handle, left) :]
            except BaseException:
                with suppress(OSError):  # the next record tries again
                    os.ftruncate(self._handle, self._size)
                    self._torn = False
                raise
            self._size = size
            self._torn = False

    def _give_up(self, failure: OSError) -> None:
        """Forget what may not have reached the disk: the system tells of such a loss only once, and drops the data."""
        with self._writing:
            self._failure = failure
            with suppress(OSError):
                os.ftruncate(self._handle, self._synced)

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._open:
            raise ValueError("the journal is closed")


def _declared(entries: Records) -> Iterator[bytes]:
    """Yield records of an earlier journal, and that they and the header are on the disk."""
    for at in range(0, len(entries), _BATCH):
        yield sealed(entries[at : at + _BATCH]).tobytes()
    yield sealed(mark(Kind.SYNCED, filled=1 + len(entries))).tobytes()

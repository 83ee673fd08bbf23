"""A journal in an object store, where nothing can be appended: objects of some records each, put one after the other.

journal/000001-000000   header | what the runs before had noted
journal/000001-000001   header | PIECE | PIECE | ...

A run begins a generation of its own, and removes those before; what one that was taken for gone still adds to its
own is not read any more. An object is there as a whole or not at all, and for good.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np

from patchplan.errors import OutputError
from patchplan.journal.header import header, same_boot
from patchplan.journal.records import RECORD, Kind, Records, intact, sealed
from patchplan.objects import ObjectPath

PUT_SECONDS = 5.0
"""So much work may be lost when a process is killed, or more where the store is slow."""

_PUT_SHARE = 20
"""An object is followed by at least so many times as long without one as it took to put it."""

_READERS = 16


class ObjectJournal:
    """A journal that is open for writing, by any number of threads of one process.

    Make one with `begin`. Append a record only when the data it tells of is stored.
    """

    def __init__(self, path: ObjectPath, run: int, flush: Callable[[], None], generation: int, n_entries: int) -> None:
        self._path, self._run, self._flush, self._generation = path, run, flush, generation
        self._number, self._n_entries = 1, n_entries
        self._waiting: list[bytes] = []
        self._timer: threading.Timer | None = None
        self._failure: Exception | None = None
        self._open = True
        self._writing, self._putting = threading.Lock(), threading.Lock()
        self._due = time.monotonic() + PUT_SECONDS

    @classmethod
    def begin(
        cls, path: ObjectPath, run: int, flush: Callable[[], None], entries: Records | None = None
    ) -> "ObjectJournal":
        """Put a new journal in the place of any old one, and open it.

        Parameters
        ----------
        path : ObjectPath
            Where its objects go.
        run : int
            The run it is of.
        flush : callable
            Called before an object is put; raises OutputError where the run is not to go on.
        entries : Records, optional
            What an earlier journal told, for a run that goes on.
        """
        names = _names(path)
        generation = 1 + max((int(name.partition("-")[0]) for name in names), default=0)
        told = np.zeros(0, RECORD) if entries is None else entries
        flush()
        (path / _name(generation, 0)).write_bytes(header(run).tobytes() + sealed(told).tobytes())
        path.delete_below(lambda name: name in names)
        return cls(path, run, flush, generation, len(told))

    def append(self, records: Records) -> None:
        """Take records, and put all that wait when it is time; otherwise they are put a little later.

        Raises
        ------
        OSError
            If what was taken could not be put.
        """
        with self._writing:
            self._check_open()
            self._waiting.append(sealed(records).tobytes())
            left = self._due - time.monotonic()
            if left > 0 and self._timer is None:
                self._timer = threading.Timer(left, self._put_late)
                self._timer.daemon = True
                self._timer.start()
        if left <= 0:
            self.sync()

    def sync(self) -> None:
        """Put all records so far.

        Raises
        ------
        OSError
            If the store did not take them; the journal takes no more then.
        """
        with self._putting:
            with self._writing:
                self._check_open()
                body, self._waiting = b"".join(self._waiting), []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            begun = time.monotonic()
            try:
                self._flush()
                if body:
                    place = self._path / _name(self._generation, self._number)
                    place.write_bytes(header(self._run).tobytes() + body)
            except Exception as error:
                self._failure = error
                raise
            self._number += 1
            self._n_entries += len(body) // RECORD.itemsize
            now = time.monotonic()
            self._due = now + max(PUT_SECONDS, _PUT_SHARE * (now - begun))

    def _put_late(self) -> None:
        with suppress(Exception):  # who appends next is told
            self.sync()

    def keeps_something(self) -> bool:
        """Put what waits, as far as the store takes it, and tell whether there is anything to go on with."""
        with suppress(Exception):
            self.sync()
        return self._n_entries > 0

    def close(self) -> None:
        """Take no more; what waits is not put."""
        with self._putting, self._writing:
            self._open = False
            if self._timer is not None:
                self._timer.cancel()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._open:
            raise ValueError("the journal is closed")


def read_segments(path: ObjectPath, run: int) -> tuple[Records, int]:
    """Return the records of the last generation in order, damaged ones left out, and how many these are.

    Raises
    ------
    OutputError
        If an object is none of a journal, or of one of another run or version.
    """
    names = _last_generation(path)
    with ThreadPoolExecutor(_READERS) as pool:
        parts = deque(pool.map(lambda name: _read(path / name, run), names))
    lost = sum(lost for _, lost in parts)
    return np.concatenate([np.zeros(0, RECORD), *(records for records, _ in parts)]), lost


def ends_complete(path: ObjectPath, run: int) -> bool:
    """Tell whether the last record is that all is done; what is not there, or damaged, does not say so."""
    names = _last_generation(path)
    try:
        records, lost = _read(path / names[-1], run) if names else (np.zeros(0, RECORD), 0)
    except OSError:
        return False
    return bool(len(records)) and not lost and int(records["kind"][-1]) == Kind.COMPLETE


def _read(path: ObjectPath, run: int) -> tuple[Records, int]:
    raw = path.read_bytes()
    same_boot(path, raw[: RECORD.itemsize], run)
    n = len(raw) // RECORD.itemsize
    records = np.frombuffer(raw, RECORD, n)[1:]
    whole = intact(records)
    return records[whole], -(-len(raw) // RECORD.itemsize) - 1 - int(np.count_nonzero(whole))


def _last_generation(path: ObjectPath) -> list[str]:
    names = sorted(_names(path))
    return [name for name in names if name.partition("-")[0] == names[-1].partition("-")[0]]


def _names(path: ObjectPath) -> list[str]:
    names = [one.name for one in path.iterdir()]
    strange = next((name for name in names if not _is_name(name)), None)
    if strange is not None:
        raise OutputError(f"{path / strange}: is no part of a journal; move it elsewhere, or use --overwrite")
    return names


def _name(generation: int, number: int) -> str:
    return f"{generation:06}-{number:09}"


def _is_name(name: str) -> bool:
    first, _, second = name.partition("-")
    return len(first) == 6 and len(second) == 9 and (first + second).isdecimal()

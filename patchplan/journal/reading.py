"""What a journal tells of a run that was stopped."""

import os
from collections import deque
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import OutputError
from patchplan.journal.header import same_boot
from patchplan.journal.records import RECORD, Kind, Records, intact
from patchplan.journal.segments import ends_complete, read_segments
from patchplan.objects import Location, ObjectPath

_BATCH = 1 << 14
"""Records that are read at once."""

_ENTRIES = (Kind.PIECE, Kind.IMAGE, Kind.COMPLETE)


@dataclass(frozen=True)
class Found:
    """What can be trusted of a journal.

    Parameters
    ----------
    entries : Records
        Records of kind PIECE, IMAGE and COMPLETE, in the order in which they were written.
    lost : int
        Records that were torn or damaged, or that were not known to be on the disk when the machine went down.
    """

    entries: Records
    lost: int


def read_journal(path: Location, run: int) -> Found:
    """Read a journal.

    Parameters
    ----------
    path : Path
        The file.
    run : int
        The run that it must be of.

    Raises
    ------
    OutputError
        If it cannot be read, is no journal, or is one of another run or version.
    """
    if isinstance(path, ObjectPath):
        return Found(*read_segments(path, run))
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise OutputError(
                f"{path}: is no file, and the journal should be there; --overwrite begins anew (a share: remove it)"
            )
        with path.open("rb") as file:
            return _read(file, all_count=same_boot(path, file.read(RECORD.itemsize), run))
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{path}: cannot be read: {error.strerror or error}; --overwrite begins anew (a share: remove it)"
        ) from None


def is_complete(path: Location, run: int) -> bool:
    """Tell whether the last thing that a journal says, and can be trusted to say, is that all is done.

    Reads a few records only. A journal that is not there, or damaged, does not say so.
    """
    if isinstance(path, ObjectPath):
        return ends_complete(path, run)
    size = RECORD.itemsize
    try:
        with path.open("rb") as file:
            all_count = same_boot(path, file.read(size), run)
            n = file.seek(0, os.SEEK_END) // size
            first = max(1, n - 2)
            file.seek(first * size)
            records = np.frombuffer(file.read((n - first) * size).ljust(size, b"\0"), RECORD)
    except OSError:
        return False
    kinds = np.where(intact(records), records["kind"], 0).tolist()
    if kinds[-1] == Kind.COMPLETE:
        return all_count
    return kinds == [Kind.COMPLETE, Kind.SYNCED] and (all_count or int(records["filled"][-1]) > first)


def _read(file: BinaryIO, *, all_count: bool) -> Found:
    """Read what follows the header, where all intact records count or those known to be on the disk."""
    parts: deque[Records] = deque()
    places: list[NDArray[np.int64]] = []
    lost, synced, place = 0, 0, 1
    while raw := file.read(_BATCH * RECORD.itemsize):
        records = np.frombuffer(raw, RECORD, len(raw) // RECORD.itemsize)
        whole, kinds = intact(records), records["kind"]
        entries, syncs = whole & np.isin(kinds, _ENTRIES), whole & (kinds == Kind.SYNCED)
        lost += -(-len(raw) // RECORD.itemsize) - int(np.count_nonzero(entries | syncs))
        synced = max(synced, int(records["filled"][syncs].max(initial=0)))
        parts.append(records[entries])
        places.append(place + np.flatnonzero(entries))
        place += len(records)
    total = sum(map(len, parts))
    known = total if all_count else sum(int(np.count_nonzero(batch < synced)) for batch in places)
    return Found(_joined(parts, total)[:known], lost + total - known)


def _joined(parts: deque[Records], total: int) -> Records:
    """Join arrays, letting go of each when it is copied, so that there are never two of all."""
    joined = np.empty(total, RECORD)
    at = 0
    while parts:
        part = parts.popleft()
        joined[at : at + len(part)] = part
        at += len(part)
    return joined

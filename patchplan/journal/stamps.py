"""Whether files are still those that were written."""

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import cast

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.errors import OutputError
from patchplan.objects import Location, ObjectPath, Status

File = Path | str | ObjectPath

Stamp = Callable[[Iterable[File]], int]

_ABSENT = (-1, 0)
"""In place of size and time: a chunk that holds only the fill value is not stored."""

_NO_OBJECT = 0

_FEW = 8
"""Objects of a folder that are asked for one by one; of more the folder is listed."""


def stamp(files: Iterable[File]) -> int:
    """Return a 64-bit number that changes when one of the files gets another size or time of change, or comes or goes.

    Of objects the entity tag counts in place of the time. Bytes are not read. Call it when the files are closed and
    have their names.
    """
    files = list(files)
    if files and isinstance(files[0], ObjectPath):
        return _digest(_asked(cast("list[ObjectPath]", files)))
    told: list[int] = []
    for file in files:
        try:
            found = os.stat(str(file))  # noqa: PTH116 - a Path per file takes longer than asking for it
            told += (found.st_size, found.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            told += _ABSENT
    return _digest(told)


def stamps_before(folder: Location) -> Stamp:
    """Return what gives the stamps of files in a folder as long as nobody writes there: objects are listed once."""
    return _Listed(folder) if isinstance(folder, ObjectPath) else stamp


def changed(place: Location, what: str) -> OutputError:
    """Return the error of what is not as it was written, in a store where nothing has a place of its own."""
    return OutputError(
        f"{place}: {what} is not as it was written: a process of a run that was stopped, or somebody else, wrote "
        "there; use --resume to write it again"
    )


class _Listed:
    """What a listing tells, when it is first asked; 16 bytes per object."""

    def __init__(self, folder: ObjectPath) -> None:
        self._folder = folder
        self._names: IntArray | None = None

    def __call__(self, files: Iterable[File]) -> int:
        if self._names is None:
            pairs = ((_number(name), _told(about)) for name, about in self._folder.listing())
            found = np.fromiter(pairs, np.dtype((np.int64, 2)))
            self._names, self._stamps = found[np.argsort(found[:, 0], kind="stable")].T
        start = f"{self._folder}/"
        wanted = np.array([_number(str(file).removeprefix(start)) for file in files], np.int64)
        places = np.searchsorted(self._names, wanted)
        known = np.append(self._names, 0)[places] == wanted
        return _digest(np.where(known, np.append(self._stamps, 0)[places], _NO_OBJECT).tolist())


def _asked(files: Sequence[ObjectPath]) -> list[int]:
    """Return a number for each object as it is now."""
    folders: dict[ObjectPath, list[int]] = {}
    for place, file in enumerate(files):
        folders.setdefault(file.parent, []).append(place)
    told = [_NO_OBJECT] * len(files)
    for folder, places in folders.items():
        if len(places) > _FEW:
            wanted = {files[place].name: place for place in places}
            for name, about in folder.listing():
                if name in wanted:
                    told[wanted[name]] = _told(about)
            continue
        for place in places:
            with suppress(FileNotFoundError):
                told[place] = _told(files[place].stat())
    return told


def _told(about: Status) -> int:
    return _number(f"{about.size} {about.etag}")


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def _digest(told: Sequence[int]) -> int:
    return int.from_bytes(blake2b(struct.pack(f"<{len(told)}q", *told), digest_size=8).digest(), "little")

"""Comparing an output with its checksums: what has changed, is missing, is too much, or cannot be read."""

import os
import stat
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from patchplan.errors import OutputError
from patchplan.publish.checksums import full_name, manifest_of, path_of, read_checksums, size_of
from patchplan.publish.hashing import Hasher, Told, walk

Thing = TypeVar("Thing")
MOST = 10_000
"""Findings of each kind that are kept."""

_NAMES = 1 << 12
"""Names that are looked up at a time."""


class Changed(NamedTuple):
    """A file whose bytes are others."""

    path: str
    found: str
    expected: str


class Unreadable(NamedTuple):
    """A file, link or folder that is not read, and why."""

    path: str
    why: str


class Missing(NamedTuple):
    """A file that is not there."""

    path: str


class Kept(Generic[Thing]):
    """The first of many things, and how many there are."""

    def __init__(self) -> None:
        self.first: list[Thing] = []
        self.n = 0

    def add(self, thing: Thing) -> None:
        """Count it, and keep it if it is among the first."""
        self.n += 1
        if len(self.first) < MOST:
            self.first.append(thing)


@dataclass
class Findings:
    """How an output differs from its checksums: `n_files` have one, `bytes` are read. Paths begin with its name."""

    n_files: int = 0
    bytes: int = 0
    changed: Kept[Changed] = field(default_factory=Kept)
    missing: Kept[str] = field(default_factory=Kept)
    extra: Kept[str] = field(default_factory=Kept)
    unreadable: Kept[Unreadable] = field(default_factory=Kept)

    def add(self, outcome: Changed | Unreadable | Missing | None) -> None:
        """Count a file that has a checksum, and what is wrong with it."""
        self.n_files += 1
        match outcome:
            case Changed():
                self.changed.add(outcome)
            case Unreadable():
                self.unreadable.add(outcome)
            case Missing():
                self.missing.add(outcome.path)


def check_checksums(output: Path, *, threads: int, progress: Told | None = None) -> Findings:
    """Read an output again and compare it with the checksums beside it.

    Links in it are not followed. Beside the findings, 8 bytes are held per file.

    Parameters
    ----------
    output : Path
        A file or a folder; its checksums have the same name with `.sha256` behind it.
    threads : int
        How many files are read at once.
    progress : callable, optional
        Called with how many bytes are read, and how many there are.

    Raises
    ------
    OutputError
        If there is no such output, or if its checksums are missing, cannot be read, or are of something else.
    """
    _check_there(output)
    manifest, name = manifest_of(output), output.name
    findings, known, total = Findings(), array("q"), 0
    for below, _ in read_checksums(manifest, name):
        known.append(hash(below))
        total += 0 if progress is None else size_of(output, below)
    if not known:
        raise OutputError(f"{manifest}: is empty; make the output again with --checksums")
    with Hasher(threads, progress, total) as hasher:
        compared = partial(_compared, output, hasher, lru_cache(_NAMES)(os.path.islink))
        for outcome in hasher.each(compared, read_checksums(manifest, name)):
            findings.add(outcome)
        findings.bytes = hasher.bytes
    _find_extra(output, known, findings)
    return findings


def _check_there(output: Path) -> None:
    try:
        output.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise OutputError(f"{output}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise OutputError(f"{output}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _compared(
    output: Path, hasher: Hasher, is_link: Callable[[str], bool], entry: tuple[str, str]
) -> Changed | Unreadable | Missing | None:
    """Compare a file with its digest."""
    below, expected = entry
    name = shown(full_name(output.name, below))
    try:
        why = _obstacle(output, below, is_link)
        if why is not None:
            return Unreadable(name, why)
        found = hasher.hash(path_of(output, below))
    except (FileNotFoundError, NotADirectoryError):
        return Missing(name)
    except OSError as error:
        return Unreadable(name, error.strerror or str(error))
    return None if found == expected else Changed(name, found, expected)


def _obstacle(output: Path, below: str, is_link: Callable[[str], bool]) -> str | None:
    """Return why a file must not be opened: it would lead elsewhere, or wait for ever."""
    for folder in accumulate(below.split("/")[:-1], "{}/{}".format):
        if is_link(path_of(output, folder)):
            return f"{shown(full_name(output.name, folder))} is a link, which is not followed"
    mode = os.stat(path_of(output, below), follow_symlinks=not below).st_mode  # noqa: PTH116 - a Path per file is slow
    if stat.S_ISLNK(mode):
        return "is a link, which is not followed"
    if stat.S_ISDIR(mode):
        return "is a folder"
    return None if stat.S_ISREG(mode) else "is no plain file"


def _find_extra(output: Path, known: "array[int]", findings: Findings) -> None:
    """Find what is in the output and has no checksum; `known` are the hashes of the paths that have one."""
    import numpy as np

    numbers = np.frombuffer(known, np.int64)
    numbers.sort()

    def refused(below: str, error: OSError) -> None:
        findings.unreadable.add(Unreadable(shown(full_name(output.name, below)), error.strerror or str(error)))

    paths = (below for below, _ in walk(output, refused))
    while some := list(islice(paths, _NAMES)):
        wanted = np.array([hash(below) for below in some], np.int64)
        places = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        for place in np.flatnonzero(numbers[places] != wanted).tolist():
            findings.extra.add(shown(full_name(output.name, some[place])))


def shown(name: str) -> str:
    """Return a name that JSON can hold, whatever its bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")

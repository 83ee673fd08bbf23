r"""Checksums of an output, in a file beside it that sha256sum reads and writes, too.

    <64 hexadecimal digits>  out.zarr/0/c/0/0

A name with a backslash, a line feed or a carriage return has them as `\\`, `\n`, `\r`, and a backslash before the
digits says so.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import overload

from patchplan.errors import ConfigError, OutputError
from patchplan.objects import Location, ObjectPath
from patchplan.publish.hashing import Hasher, Told, walk

_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_LETTERS = {escape: letter for letter, escape in _ESCAPES.items()}
_LINE = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *]([^\0]+)", re.DOTALL)
_LONGEST = 1 << 16
"""Bytes of a line, at most: several times the longest path that systems know, with every letter escaped."""

# an empty part, one or two dots; where \ and : separate parts, too, no name of ours has them
_STRAYS = re.compile(r"(?:\A|/)\.{0,2}(?:/|\Z)" + ("" if os.sep == "/" else r"|[\\:]"))


@overload
def manifest_of(output: Path) -> Path: ...
@overload
def manifest_of(output: ObjectPath) -> ObjectPath: ...
@overload
def manifest_of(output: Location) -> Location: ...
def manifest_of(output: Location) -> Location:
    """Return the file of an output's checksums."""
    return output.parent / f"{output.name}.sha256"


def check_checksummed(path: Location | None) -> None:
    """Raise ConfigError if an output cannot have checksums: they are made, and compared, of files on a disk."""
    if isinstance(path, ObjectPath):
        raise ConfigError(f"{path}: --checksums and verify: allowed for outputs on a disk only")


def check_manifest(path: Path) -> None:
    """Raise OutputError if a file that stands where checksums go holds something else, which would be lost."""
    with path.open("rb") as file:
        line = file.readline(_LONGEST).rstrip(b"\r\n")
    if line and _LINE.fullmatch(line) is None:
        raise OutputError(f"{path}: is no file of checksums, and would be lost; move it elsewhere")


def write_checksums(output: Path, name: str, manifest: Path, *, threads: int, progress: Told | None = None) -> int:
    """Hash all files of a finished output and write their checksums; return how many files there are.

    The same output gives the same bytes. They are not flushed to the disk.

    Parameters
    ----------
    output : Path
        A file, or a folder of any depth, as it stands now.
    name : str
        The name that it will have.
    manifest : Path
        Where to write.
    threads : int
        How many files are read at once.
    progress : callable, optional
        Called with how many bytes are read, and how many there are.

    Raises
    ------
    OutputError
        If there is a link in the output, or anything else that is no plain file.
    OSError
        If the output cannot be read, or the manifest not written.
    """
    total = 0 if progress is None else sum(size_of(output, below) for below, _ in walk(output))
    n = 0
    with Hasher(threads, progress, total) as hasher, manifest.open("wb") as lines:

        def hashed(below: str) -> bytes:
            return line_of(full_name(name, below), hasher.hash(path_of(output, below)))

        for line in hasher.each(hashed, _plain(output)):
            lines.write(line)
            n += 1
    return n


def _plain(output: Path) -> Iterator[str]:
    for below, file in walk(output):
        if not file:
            raise OutputError(f"{path_of(output, below)}: is no plain file, and has no checksum; remove it")
        yield below


def line_of(name: str, digest: str) -> bytes:
    r"""Return the line of a file.

    Examples
    --------
    >>> line_of("a\\b", "0" * 64)[61:]
    b'0000  a\\\\b\n'
    """
    raw = os.fsencode(name)
    escaped = re.sub(rb"[\\\n\r]", lambda found: _ESCAPES[found[0]], raw)
    return b"%s%s  %s\n" % (b"\\" if escaped != raw else b"", digest.encode(), escaped)


def read_checksums(manifest: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yield the path in the output of each file, and its digest; "" is the path of an output that is a file.

    Parameters
    ----------
    manifest : Path
        Lines as sha256sum writes them, also for binary files and with line ends of Windows.
    name : str
        Name of the output.

    Raises
    ------
    OutputError
        If there is no such file, or a line is damaged, leads out of the output, or is about another.
    """
    for number, line in enumerate(_lines(manifest), 1):
        try:
            entry = _parsed(line, name)
        except ValueError as error:
            raise OutputError(f"{manifest}: line {number}: {error}") from None
        yield entry


def _lines(manifest: Path) -> Iterator[bytes]:
    try:
        with manifest.open("rb") as lines:
            while line := lines.readline(_LONGEST):
                yield line
    except FileNotFoundError:
        raise OutputError(f"{manifest}: no such file; stitch and extract write it with --checksums") from None
    except OSError as error:
        raise OutputError(f"{manifest}: cannot be read: {error.strerror or error}") from None


def _parsed(line: bytes, name: str) -> tuple[str, str]:
    text = line.removesuffix(b"\n").removesuffix(b"\r")
    found = _LINE.fullmatch(text)
    if found is None or len(line) == _LONGEST:
        start = text[:80].decode("utf-8", "backslashreplace")
        raise ValueError(f"found {start!r}; allowed: 64 hexadecimal digits, two spaces and a name, as of sha256sum")
    escaped, digest, raw = found.groups()
    file = os.fsdecode(_unescaped(raw) if escaped else raw).removeprefix("./")
    first, slash, below = file.partition("/")
    if first != name:
        raise ValueError(
            f"found {file!r}; allowed: {name} and files in it; if it was renamed, give it its old name again"
        )
    if slash and _STRAYS.search(below):
        raise ValueError(f"found {file!r}; allowed: {name} and files in it, without empty parts, . and ..")
    return below, digest.decode().lower()


def _unescaped(raw: bytes) -> bytes:
    def letter(found: re.Match[bytes]) -> bytes:
        if found[0] not in _LETTERS:
            raise ValueError(
                f"found {found[0].decode('utf-8', 'replace')!r} in an escaped name; allowed: \\\\, \\n, \\r"
            )
        return _LETTERS[found[0]]

    return re.sub(rb"\\.?", letter, raw, flags=re.DOTALL)


def full_name(name: str, below: str) -> str:
    """Return the name of a file with that of its output."""
    return f"{name}/{below}" if below else name


def path_of(output: Path, below: str) -> str:
    """Return where a file of an output is."""
    return f"{output}{os.sep}{below}" if below else str(output)


def size_of(output: Path, below: str) -> int:
    """Return the bytes of a file, or 0 where it cannot be told."""
    try:
        return os.stat(path_of(output, below), follow_symlinks=not below).st_size  # noqa: PTH116 - a Path per file is slow
    except OSError:
        return 0

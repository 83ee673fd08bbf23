"""An object as a file to read from: seekable, and fetched in blocks, of which the last ones are kept."""

import io
import os
import threading
from collections import OrderedDict
from typing import BinaryIO, NamedTuple, Protocol

from patchplan.objects.status import Status

BLOCK = 1 << 16
"""Bytes that are fetched at least: directories of TIFF files are small and lie near each other."""

KEPT_BYTES = 32 << 20


class Readable(Protocol):
    """An object; its text is its URL."""

    def stat(self) -> Status:
        """Return what the store says of it."""

    def read_range(self, start: int, stop: int, *, etag: str | None = None) -> bytes:
        """Return the bytes [start, stop) of what has this tag."""


Key = tuple[str, str, int]
"""URL, version and number of a block."""


class Known(NamedTuple):
    """What need not be asked for again: bytes in all, what changes when it is written, how it begins, and its tag."""

    size: int
    version: str
    head: bytes
    etag: str | None = None


class _Blocks:
    """Blocks of objects, the least recently used dropped first: a file that is looked at twice is fetched once."""

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)  # a child may inherit a lock that nobody releases

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, key: Key) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Key, block: bytes) -> None:
        with self._lock:
            self._kept[key] = block
            while len(self._kept) > KEPT_BYTES // BLOCK:
                self._kept.popitem(last=False)


_BLOCKS = _Blocks()


class ObjectFile(io.RawIOBase):
    """The blocks of an object, fetched when they are read."""

    def __init__(self, path: Readable, known: Known | None = None) -> None:
        super().__init__()
        if known is None:
            status = path.stat()
            known = Known(status.size, f"{status.etag} {status.mtime} {status.size}", b"", status.etag)
        self.name = str(path)
        self._etag = known.etag
        self._path, self._size, self._version, self._at = path, known.size, known.version, 0
        if len(known.head) >= BLOCK:
            _BLOCKS.keep((self.name, self._version, 0), known.head[:BLOCK])

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"found place {start + offset}; allowed: 0 and more")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: "io.BytesIO | memoryview | bytearray") -> int:  # type: ignore[override]
        """Fetch as many bytes as fit."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        stop = min(self._at + len(view), self._size)
        if stop <= self._at:
            return 0
        found = self._fetch(self._at, stop)
        view[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _fetch(self, start: int, stop: int) -> bytes:
        if stop - start > KEPT_BYTES // 4:
            return self._path.read_range(start, stop, etag=self._etag)
        first = start // BLOCK
        return b"".join(self._blocks(first, -(-stop // BLOCK)))[start - first * BLOCK : stop - first * BLOCK]

    def _blocks(self, first: int, last: int) -> list[bytes]:
        """Return the blocks [first, last), all that lies between those that are not kept by one request."""
        found = [_BLOCKS.get((self.name, self._version, number)) for number in range(first, last)]
        absent = [number for number, block in enumerate(found, first) if block is None]
        if absent:
            low, high = absent[0], absent[-1] + 1
            data = self._path.read_range(low * BLOCK, min(high * BLOCK, self._size), etag=self._etag)
            for number in range(low, high):
                block = data[(number - low) * BLOCK : (number - low + 1) * BLOCK]
                _BLOCKS.keep((self.name, self._version, number), block)
                found[number - first] = block
        return [block for block in found if block is not None]


def open_object(path: Readable, known: Known | None = None) -> BinaryIO:
    """Open an object to read; FileNotFoundError if it is not there."""
    return io.BufferedReader(ObjectFile(path, known))

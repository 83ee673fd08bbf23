"""The chain of pages of a TIFF file, walked before tifffile does, which can circle in a broken one for hours."""

import os
import struct
from pathlib import Path

from patchplan.images.boundary import RefusedError

_HEAD = 1 << 16


class _Bytes:
    """Bytes at any place of a file; the first are read at once, which is all of a small file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._head = self._file.read(_HEAD)

    def at(self, offset: int, n: int) -> bytes:
        if offset + n <= len(self._head):
            return self._head[offset : offset + n]
        if len(self._head) < _HEAD:
            return b""
        self._file.seek(offset)
        return self._file.read(n)

    def close(self) -> None:
        self._file.close()


def check_chain(path: Path) -> None:
    """Refuse a file whose pages form a circle."""
    there = _Bytes(path)
    try:
        _walk(there, os.path.getsize(path))  # noqa: PTH202 (no second Path object per file)
    finally:
        there.close()


def _walk(there: _Bytes, size: int) -> None:
    head = there.at(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    offset_form, count_form, entry = (order + "Q", order + "Q", 20) if big else (order + "I", order + "H", 12)
    place = 8 if big else 4
    seen: set[int] = set()
    while True:
        text = there.at(place, struct.calcsize(offset_form))
        if len(text) < struct.calcsize(offset_form):
            return
        offset = struct.unpack(offset_form, text)[0]
        if not 0 < offset < size:
            return
        if offset in seen:
            raise RefusedError(f"is broken: after {len(seen)} pages the next is one of them again")
        seen.add(offset)
        text = there.at(offset, struct.calcsize(count_form))
        if len(text) < struct.calcsize(count_form):
            return
        place = offset + len(text) + entry * struct.unpack(count_form, text)[0]

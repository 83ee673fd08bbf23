"""The chain of pages of a TIFF file, walked before tifffile does, which can circle in a broken one for hours."""

import struct
from typing import BinaryIO

from patchplan.images.boundary import RefusedError
from patchplan.images.paths import Seen


class _Bytes:
    """Bytes at any place of a file, which is opened only where its head does not hold them."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._file: BinaryIO | None = None

    def at(self, offset: int, n: int) -> bytes:
        head = self._seen.head
        if offset + n <= len(head) or len(head) >= self._seen.size:
            return head[offset : offset + n]
        if self._file is None:
            self._file = self._seen.path.open("rb", buffering=0)
        self._file.seek(offset)
        return self._file.read(n)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def check_chain(seen: Seen) -> None:
    """Refuse a file whose pages form a circle."""
    there = _Bytes(seen)
    try:
        _walk(there, seen.size)
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

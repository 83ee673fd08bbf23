"""The chain of pages of a TIFF file, walked before tifffile does, which can circle in a broken one for hours."""

import struct
from typing import BinaryIO, NamedTuple

from patchplan.images.boundary import RefusedError
from patchplan.images.paths import Seen

MAX_TAGS = 4096
"""Tags of a page; tifffile refuses more."""

MAX_TAG_BYTES = 1 << 26
"""Bytes of a tag: 8 million tiles with 8 bytes each."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by its type."""

_NEVER_READ = frozenset({700, 34377, 34675, 37724})
"""Tags that may be long and are not read: XMP, Photoshop's resources and layers, a colour profile."""


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


class _Form(NamedTuple):
    """How numbers and tags are written; `entry` is code, type, count and value of a tag."""

    offset: str
    number: str
    entry: str
    first: int


def check_chain(seen: Seen) -> None:
    """Refuse a file whose pages form a circle, or have a tag that is too large to be read when opening."""
    there = _Bytes(seen)
    try:
        _walk(there, seen.size)
    finally:
        there.close()


def _form(head: bytes) -> _Form | None:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    if struct.unpack(order + "H", head[2:4])[0] == 43:
        return _Form(order + "Q", order + "Q", order + "HHQ8x", 8)
    return _Form(order + "I", order + "H", order + "HHI4x", 4)


def _walk(there: _Bytes, size: int) -> None:
    form = _form(there.at(0, 16))
    if form is None:
        return
    place, width = form.first, struct.calcsize(form.entry)
    seen: set[int] = set()
    while (offset := _number(there, place, form.offset)) is not None and 0 < offset < size:
        if offset in seen:
            raise RefusedError(f"is broken: after {len(seen)} pages the next is one of them again")
        seen.add(offset)
        n_tags = _number(there, offset, form.number)
        if n_tags is None or n_tags > MAX_TAGS:
            return
        offset += struct.calcsize(form.number)
        place = offset + width * n_tags
        _check_tags(there.at(offset, width * n_tags), form.entry, size)


def _number(there: _Bytes, place: int, form: str) -> int | None:
    """Return a number, None behind the end of the file."""
    text = there.at(place, struct.calcsize(form))
    return int(struct.unpack(form, text)[0]) if len(text) == struct.calcsize(form) else None


def _check_tags(text: bytes, entry: str, size: int) -> None:
    """Refuse a tag whose value tifffile would read in vain; one larger than the file it ignores."""
    width = struct.calcsize(entry)
    for code, kind, count in struct.iter_unpack(entry, text[: len(text) // width * width]):
        if count > MAX_TAG_BYTES // 8 and code not in _NEVER_READ:
            n_bytes = count * _SIZES.get(kind, 1)
            if MAX_TAG_BYTES < n_bytes <= size:
                raise RefusedError(f"tag {code} claims {n_bytes:,} bytes; allowed are {MAX_TAG_BYTES:,}")

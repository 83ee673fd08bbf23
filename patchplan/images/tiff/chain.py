"""The chain of pages of a TIFF file, walked before tifffile does, which can circle in a broken one for hours."""

import struct
from typing import BinaryIO, Literal, NamedTuple

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
            self._file = self._seen.open()
        self._file.seek(offset)
        return self._file.read(n)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Form(NamedTuple):
    """How numbers and tags are written; `entry` is code, type, count and value of a tag, `order` that of bytes."""

    offset: str
    number: str
    entry: str
    first: int
    order: Literal["little", "big"]


class Chain(NamedTuple):
    """How many pages there are, and the fewest pixels (width times length) that one of them has."""

    n_pages: int
    fewest_pixels: int


def check_chain(seen: Seen) -> Chain:
    """Refuse a file whose pages form a circle, or have a tag that is too large to be read when opening."""
    there = _Bytes(seen)
    try:
        return _walk(there, seen.size)
    finally:
        there.close()


def _form(head: bytes) -> _Form | None:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    endian: Literal["little", "big"] = "little" if order == "<" else "big"
    if struct.unpack(order + "H", head[2:4])[0] == 43:
        return _Form(order + "Q", order + "Q", order + "HHQ8s", 8, endian)
    return _Form(order + "I", order + "H", order + "HHI4s", 4, endian)


def _walk(there: _Bytes, size: int) -> Chain:
    form = _form(there.at(0, 16))
    if form is None:
        return Chain(0, 1)
    place, width = form.first, struct.calcsize(form.entry)
    seen: set[int] = set()
    fewest: int | None = None
    while (offset := _number(there, place, form.offset)) is not None and 0 < offset < size:
        if offset in seen:
            raise RefusedError(f"is broken: after {len(seen)} pages the next is one of them again")
        seen.add(offset)
        n_tags = _number(there, offset, form.number)
        if n_tags is None or n_tags > MAX_TAGS:
            break
        offset += struct.calcsize(form.number)
        place = offset + width * n_tags
        pixels = _check_tags(there.at(offset, width * n_tags), form, size)
        fewest = pixels if fewest is None else min(fewest, pixels)
    return Chain(len(seen), fewest or 1)


def _number(there: _Bytes, place: int, form: str) -> int | None:
    """Return a number, None behind the end of the file."""
    text = there.at(place, struct.calcsize(form))
    return int(struct.unpack(form, text)[0]) if len(text) == struct.calcsize(form) else None


def _check_tags(text: bytes, form: _Form, size: int) -> int:
    """Refuse a tag whose value tifffile would read in vain; one larger than the file it ignores.

    Returns the page's width times its length, 1 for one that does not say.
    """
    width = struct.calcsize(form.entry)
    sides = {256: 1, 257: 1}
    for code, kind, count, value in struct.iter_unpack(form.entry, text[: len(text) // width * width]):
        if code in sides:
            sides[code] = int.from_bytes(value[: _SIZES.get(kind, 1)], form.order)
        if count > MAX_TAG_BYTES // 8 and code not in _NEVER_READ:
            n_bytes = count * _SIZES.get(kind, 1)
            if MAX_TAG_BYTES < n_bytes <= size:
                raise RefusedError(f"tag {code} claims {n_bytes:,} bytes; allowed are {MAX_TAG_BYTES:,}")
    return sides[256] * sides[257]

"""Chunks of a PNG file, by their lengths, seeking past what is not kept."""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from patchplan.images.boundary import RefusedError

MAX_CHUNKS = 10_000
"""Chunks before the pixels."""

KEPT_BYTES = 1 << 20
"""Bytes of chunks kept for the fingerprint; of later ones only name and length."""

_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Channels after decoding by PNG colour type; a palette is expanded to RGB."""

_END = b"\0\0\0\0IEND"
_HEADER = 33


class PngHeader(NamedTuple):
    """What the chunks before the pixels say."""

    depth: int
    height: int
    width: int
    channels: int
    metadata: bytes


def read_header(file: BinaryIO) -> PngHeader:
    """Read the chunks before the pixels."""
    head = file.read(_HEADER)
    if len(head) < _HEADER or head[12:16] != b"IHDR":
        raise RefusedError("is a broken PNG: it has no header")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if colour not in _CHANNELS:
        raise RefusedError(f"is a broken PNG: colour type {colour}")
    kept, transparent = bytearray(head), False
    for n, (start, length) in enumerate(_chunks(file)):
        if start[4:] in (b"IDAT", b"IEND"):
            break
        if n >= MAX_CHUNKS:
            raise RefusedError(f"is a broken PNG: more than {MAX_CHUNKS:,} chunks before its pixels")
        transparent |= start[4:] == b"tRNS"
        kept += start + file.read(min(length, max(0, KEPT_BYTES - len(kept))))
    # png_decode turns a transparent colour into an alpha channel
    channels = _CHANNELS[colour] + (transparent and colour in (0, 2, 3))
    return PngHeader(depth, height, width, channels, bytes(kept))


def is_whole(file: BinaryIO) -> bool:
    """Return whether the end chunk is there, looked for at the end of the file first."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 12))
    if file.read(8) == _END:
        return True
    file.seek(_HEADER)
    return any(start == _END for start, _ in _chunks(file))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield head and length (checksum included) of each chunk from here on, the file behind the head."""
    while len(start := file.read(8)) == 8:
        place, length = file.tell(), struct.unpack(">I", start[:4])[0] + 4
        yield start, length
        file.seek(place + length)

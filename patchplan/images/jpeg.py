"""Segments of a JPEG file, found as libjpeg finds them: by their lengths, seeking past what is not kept."""

import io
import re
import struct
from typing import BinaryIO, NamedTuple

MAX_SEGMENTS = 10_000
KEPT_BYTES = 1 << 20
"""Bytes of segments kept for the fingerprint; of later ones only the length."""

_BLOCK = 1 << 16
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment: TEM, restarts, start of image."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END = 0xDA, 0xD9


class Frame(NamedTuple):
    """What the frame header claims; `precision` in bits."""

    precision: int
    height: int
    width: int
    channels: int


class JpegHeader(NamedTuple):
    """The frame, the segments up to it, and where the first scan starts; None for what is not there."""

    frame: Frame | None
    metadata: bytes
    scan: int | None


def read_header(file: BinaryIO) -> JpegHeader:
    """Read what comes before the first scan."""
    frame, kept = None, bytearray()
    file.seek(0)
    for _ in range(MAX_SEGMENTS):
        marker = _next_marker(file)
        if marker in _ALONE:
            continue
        start = file.tell()
        text = file.read(2)
        if marker in (None, _END) or len(text) < 2:
            break
        if marker == _SCAN:
            return JpegHeader(frame, bytes(kept), start)
        length = struct.unpack(">H", text)[0]
        if frame is None:
            body = file.read(max(0, length - 2)) if len(kept) < KEPT_BYTES or marker in _FRAMES else b""
            kept += text + body
            if marker in _FRAMES and len(body) >= 6:
                frame = Frame(*struct.unpack(">BHHB", body[:6]))
        file.seek(start + length)
    return JpegHeader(frame, bytes(kept), None)


def is_whole(file: BinaryIO, scan: int) -> bool:
    """Return whether the end marker is there: within pixels it cannot occur.

    Looked for at the end first, and from the scan on only where something else follows the image.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(scan, size - _BLOCK))
    if b"\xff\xd9" in file.read(_BLOCK):
        return True
    file.seek(scan)
    last = b""
    while block := file.read(1 << 20):
        if b"\xff\xd9" in last + block:
            return True
        last = block[-1:]
    return False


def _next_marker(file: BinaryIO) -> int | None:
    """Go behind the next marker and return it; None at the end of the file."""
    while True:
        start = file.tell()
        block = file.read(_BLOCK)
        found = _MARKER.search(block)
        if found is not None:
            file.seek(start + found.end())
            return int(found[1][0])
        if len(block) < _BLOCK:
            return None
        if block.endswith(b"\xff"):
            file.seek(-1, io.SEEK_CUR)

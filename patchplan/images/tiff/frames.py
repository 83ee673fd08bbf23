"""How large an image a segment of a TIFF holds by its own header, which decoders believe, not the file's tags.

A segment of 600 bytes may thus claim 4 GB. Codecs without a header (deflate, LZW, zstd, ...) decode into as
many bytes as the tags give. Each reader below knows a codec by its first bytes.
"""

import io
import struct
from collections.abc import Callable

from patchplan.images import jpeg
from patchplan.images.boundary import RefusedError

MAX_EXCESS = 4
"""Times the values of its segment that a frame may have: strips may hold more rows than are used, and alpha."""

Claim = tuple[int, int, int]
"""Height, width, channels."""


def check_frame(data: bytes, segment: tuple[int, ...], what: str) -> None:
    """Refuse data whose header claims a much larger image than the segment (d l w c) it is to fill."""
    claim = claimed(data)
    allowed = segment[0] * segment[1] * segment[2] * segment[3]
    if claim is not None and claim[0] * claim[1] * claim[2] > MAX_EXCESS * allowed:
        height, width, channels = claim
        raise RefusedError(
            f"{what} is broken: it holds an image of {height:,} x {width:,}, {channels} channels; "
            f"the file says {segment[1]:,} x {segment[2]:,}, {segment[3]} channels"
        )


def claimed(data: bytes) -> Claim | None:
    """Return what a header claims, None for data without one that we know."""
    for magic, read in _READERS.items():
        if data.startswith(magic):
            try:
                return read(data)
            except (struct.error, IndexError):
                return None  # too short for its decoder too
    return None


def _jpeg(data: bytes) -> Claim | None:
    frame = jpeg.read_header(io.BytesIO(data)).frame
    return None if frame is None else (frame.height, frame.width, frame.channels)


def _png(data: bytes) -> Claim:
    width, height = struct.unpack_from(">II", data, 16)
    return height, width, 1


def _webp(data: bytes) -> Claim | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[27:30], "little"), 1 + int.from_bytes(data[24:27], "little"), 3
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF), 3
    width, height = struct.unpack_from("<HH", data, 26)
    return height & 0x3FFF, width & 0x3FFF, 3


def _jpeg2000(data: bytes) -> Claim:
    """Read the size marker that a codestream starts with."""
    right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
    return max(0, bottom - top), max(0, right - left), struct.unpack_from(">H", data, 40)[0]


def _boxes(data: bytes) -> Claim | None:
    """Find the codestream of a JPEG 2000 or JPEG XL container."""
    place = 0
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        start = place + 8
        if length == 1:
            length, start = struct.unpack_from(">Q", data, start)[0], start + 8
        inside = {b"jp2c": 0, b"jxlc": 0, b"jxlp": 4}.get(kind)
        if inside is not None:
            return claimed(data[start + inside : start + inside + 64])
        if length < 8:
            break
        place += length
    return None


def _jpeg_xl(data: bytes) -> Claim:
    """Read the size header, a string of bits (ISO/IEC 18181-1, D.2)."""
    bits = _Bits(data[2:18])
    small = bits.take(1)

    def size() -> int:
        if small:
            return 8 * (1 + bits.take(5))
        return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])

    height, ratio = size(), bits.take(3)
    over, under = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio]
    return height, height * over // under if ratio else size(), 1


class _Bits:
    """Bits of a string, the lowest of its first byte first."""

    def __init__(self, text: bytes) -> None:
        self._left = int.from_bytes(text, "little")

    def take(self, n: int) -> int:
        value = self._left & ((1 << n) - 1)
        self._left >>= n
        return value


def _jpeg_xr(data: bytes) -> Claim | None:
    """Read the codestream that the container points to; sizes in the container itself are not believed."""
    place = struct.unpack_from("<I", data, 4)[0]
    for n in range(struct.unpack_from("<H", data, place)[0]):
        tag, _, _, start = struct.unpack_from("<HHII", data, place + 2 + 12 * n)
        if tag == 0xBCC0:
            short = data[start + 10] & 0x80
            width, height = struct.unpack_from(">HH" if short else ">II", data, start + 12)
            return height + 1, width + 1, 1
    return None


def _lerc2(data: bytes) -> Claim:
    version = struct.unpack_from("<i", data, 6)[0]
    height, width, depth = struct.unpack_from("<iii", data, 14 if version >= 3 else 10)
    return height, width, depth if version >= 4 else 1


def _lerc1(data: bytes) -> Claim:
    height, width = struct.unpack_from("<ii", data, 18)
    return height, width, 1


_READERS: dict[bytes, Callable[[bytes], Claim | None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"RIFF": _webp,
    b"\xff\x4f\xff\x51": _jpeg2000,
    b"\0\0\0\x0cjP  ": _boxes,
    b"\0\0\0\x0cJXL ": _boxes,
    b"\xff\x0a": _jpeg_xl,
    b"II\xbc": _jpeg_xr,
    b"Lerc2 ": _lerc2,
    b"CntZImage ": _lerc1,
}

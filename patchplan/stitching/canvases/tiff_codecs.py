"""Compressed tiles of a TIFF from chunks of a scratch store.

A chunk holds the pixels of a tile in the same order, so with zstd or no compression it is the tile. What Zarr
lacks, or libdeflate does twice as fast, is compressed again from chunks that cost little.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_ZLIB_LEVEL = 6

_AHEAD = 4
"""Tiles per thread that are compressed before they are written."""

TILES_HELD = 2 * _AHEAD + 6
"""Tiles per thread in memory at most: compressed ones may be larger, others are on their way."""


@dataclass(frozen=True)
class TileCodec:
    """What chunks are compressed with ("zstd:LEVEL" or "none"), and how tifffile calls what tiles are."""

    scratch: str
    tiff: str | None


def tile_codec(compression: str | None) -> TileCodec:
    """Return how tiles are compressed; zlib by default, which every program reads."""
    name = compression or "zlib"
    if name == "none":
        return TileCodec("none", None)
    if name.startswith("zstd"):
        return TileCodec(name, "zstd")
    return TileCodec("zstd:1", name)


def encoded_tiles(chunks: Iterable[Path], codec: TileCodec, tile_bytes: int, threads: int) -> Iterator[bytes]:
    """Yield tiles in the order of their chunks, a few ahead; a chunk that is not there is zeros.

    `tile_bytes` is the size of a tile before compression.
    """
    encode = _encoder(codec)
    empty = encode(bytes(tile_bytes))
    recode = _recoder(codec, encode)

    def tile(chunk: Path) -> bytes:
        try:
            stored = chunk.read_bytes()
        except FileNotFoundError:
            return empty
        return recode(stored)

    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[bytes]] = deque()
        for chunk in chunks:
            pending.append(pool.submit(tile, chunk))
            if len(pending) > _AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _encoder(codec: TileCodec) -> Callable[[bytes], bytes]:
    """Return what compresses the pixels of a tile."""
    import imagecodecs

    encoders: dict[str | None, Callable[[bytes], bytes]] = {
        None: bytes,
        "zstd": lambda pixels: bytes(imagecodecs.zstd_encode(pixels)),
        "zlib": lambda pixels: bytes(imagecodecs.deflate_encode(pixels, _ZLIB_LEVEL)),
        "lzw": lambda pixels: bytes(imagecodecs.lzw_encode(pixels)),
    }
    return encoders[codec.tiff]


def _recoder(codec: TileCodec, encode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return what makes a tile of a chunk as it is stored."""
    import imagecodecs

    if codec.tiff in (None, "zstd"):
        return bytes
    return lambda stored: encode(bytes(imagecodecs.zstd_decode(stored)))

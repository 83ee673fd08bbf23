"""An OME-TIFF image.

A torn TIFF cannot be continued, and its pages follow each other, so pixels go to a scratch Zarr store first: a
chunk is one tile of one page. When all levels are there, the file is written in one pass, tile by tile.
"""

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from itertools import count, product
from math import prod
from pathlib import Path
from typing import Any

from patchplan.stitching.canvases.compression import v2_codec
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.canvases.options import CanvasOptions, has_mean
from patchplan.stitching.canvases.protocol import MakeBlocks, Progress
from patchplan.stitching.canvases.stored import Storage, StoredLevels
from patchplan.stitching.canvases.stored_canvas import StoredCanvas
from patchplan.stitching.canvases.tiff_codecs import TILES_HELD, encoded_tiles, tile_codec
from patchplan.stitching.canvases.units import ome_symbol
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger

_TILE = 512
_DEPTH = 16
"""Planes of a block: a tile of a volume is not read again for each of its planes."""

_CLASSIC_LIMIT = 2**32 * 2 // 3
"""Bytes of pixels up to which a file is no BigTIFF: compression may make noise a third larger."""


class OmeTiffCanvas(StoredCanvas):
    """A block is a tile of a page, or of some pages of a volume."""

    def __init__(self, path: Path, frame: Frame, options: CanvasOptions, threads: int) -> None:
        self._path = path
        self._options = options
        self._threads = threads
        self._codec = tile_codec(options.compression)
        self._tile = _tile_of(frame, options)
        block = block_of(frame, options)
        storage = Storage(
            version=2,
            chunks=(*(1 for _ in block[:-2]), *self._tile),
            shards=None,
            codec=v2_codec(self._codec.scratch, frame.dtype),
            threads=threads,
            whole_chunks=True,
        )
        scratch_of(path).mkdir(exist_ok=True)
        levels = make_levels(frame, options.levels, halve_z=False)
        stored = StoredLevels(scratch_of(path), frame, levels, storage)
        super().__init__(block, stored, mean=has_mean(frame, options))

    def finish_bytes(self) -> int:
        """Return an upper bound of what pyramid and final pass take, one after the other."""
        return max(self.pyramid.build_bytes(), TILES_HELD * self._threads * self._tile_bytes())

    def finish(
        self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None
    ) -> None:
        """Build the pyramid, write the file, and remove the scratch store."""
        import tifffile

        self.pyramid.build(ledger, progress, elsewhere)
        counts = [prod(self._stored.chunk_counts(number)) for number in range(len(self._stored.levels))]
        ticks = count(1)
        with tifffile.TiffWriter(self._path, bigtiff=self._is_big(sum(counts)), byteorder="<", ome=True) as file:
            for number in range(len(counts)):
                tiles = encoded_tiles(self._chunks(number), self._codec, self._tile_bytes(), self._threads)
                self._write_level(file, number, _counted(tiles, ticks, sum(counts), progress))
        ledger.note_finished([self._path])
        shutil.rmtree(scratch_of(self._path))

    def _write_level(self, file: Any, number: int, tiles: Iterator[bytes]) -> None:
        rgb = self.frame.axes.endswith("C")
        file.write(
            tiles,
            shape=self._stored.levels[number].shape,
            dtype=self.frame.dtype.newbyteorder("<"),
            tile=self._tile,
            compression=self._codec.tiff,
            photometric="rgb" if rgb else "minisblack",
            planarconfig="contig" if rgb else None,
            subfiletype=int(number > 0),
            subifds=None if number else len(self._stored.levels) - 1,
            metadata=None if number else self._metadata(),
        )

    def _chunks(self, number: int) -> Iterator[Path]:
        """Yield the files of a level's chunks, there or not, in the order of pages and tiles."""
        folder = scratch_of(self._path) / str(number)
        for index in product(*(range(n) for n in self._stored.chunk_counts(number))):
            yield folder / "/".join(map(str, index))

    def _tile_bytes(self) -> int:
        samples = self.frame.shape[-1] if self.frame.axes.endswith("C") else 1
        return prod(self._tile) * samples * self.frame.dtype.itemsize

    def _is_big(self, n_tiles: int) -> bool:
        return n_tiles * self._tile_bytes() > _CLASSIC_LIMIT

    def _metadata(self) -> dict[str, Any]:
        frame = self.frame
        sizes = {letter: frame.size_of(letter) for letter in "ZYX"}
        known = {letter: size for letter, size in sizes.items() if size is not None}
        return {
            "axes": frame.axes,
            "Name": frame.name,
            "UUID": str(self._options.uuid),
            "Creator": f"patchplan {version('patchplan')}",
            **{f"PhysicalSize{letter}": size for letter, size in known.items()},
            **{f"PhysicalSize{letter}Unit": ome_symbol(frame.pixel_unit) for letter in known},
        }


def _counted(tiles: Iterator[bytes], ticks: Iterator[int], total: int, progress: Progress | None) -> Iterator[bytes]:
    for tile in tiles:
        if progress is not None:
            progress("tiles of the TIFF", next(ticks), total)
        yield tile


def scratch_of(path: Path) -> Path:
    """Return the folder with the scratch store, beside the file that grows."""
    return path.with_name(f".{path.name}.scratch")


def block_of(frame: Frame, options: CanvasOptions) -> tuple[int, ...]:
    """Return the pixels of a block in (Z)YX."""
    depth = (min(_DEPTH, frame.spatial[0]),) if len(frame.space) == 3 else ()
    return (*depth, *_tile_of(frame, options))


def _tile_of(frame: Frame, options: CanvasOptions) -> tuple[int, ...]:
    """Return rows and columns of a tile, multiples of 16, no larger than the image needs."""
    asked = options.chunks or (_TILE, _TILE)
    return tuple(min(size, -(-n // 16) * 16) for size, n in zip(asked[-2:], frame.spatial[-2:], strict=True))

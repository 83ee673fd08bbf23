"""The further levels of stored arrays: each is made from the finished one before it, block by block.

Blocks depend on neither memory nor threads, so that another run, or another process, goes on with the same ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import count, pairwise, product
from math import prod
from threading import Lock
from typing import NamedTuple

import numpy as np

from patchplan.images.layout import Box
from patchplan.images.zarr.traffic import Pixels
from patchplan.journal import stamp
from patchplan.journal.stamps import Stamp, changed, stamps_before
from patchplan.objects import ObjectPath
from patchplan.publish.documents import remove_files
from patchplan.stitching.canvases.downsample import first_pixels, mean_pixels
from patchplan.stitching.canvases.protocol import MakeBlocks, Progress
from patchplan.stitching.canvases.stored import StoredLevels
from patchplan.stitching.ledger import ImageLedger

FEW = 4
"""Blocks of a level that are sooner made than sent elsewhere."""

_PIECE = 1 << 18
"""Pixels that one thread halves at a time, at least: smaller chunks are taken several at once."""

_BLOCK = 1 << 22
"""Pixels of a level that are written at a time where there are no shards."""

_Each = Callable[[Callable[[Box], None], Iterable[Box]], Iterable[None]]


class _Open(NamedTuple):
    number: int
    source: Pixels
    target: Pixels


class Pyramid:
    """Levels 1, 2, ... of some arrays: means of the level before, or the first of its pixels."""

    def __init__(self, stored: StoredLevels, *, mean: bool) -> None:
        self._stored = stored
        self._halve = mean_pixels if mean else first_pixels
        self._open: _Open | None = None
        self._lock = Lock()

    def build_bytes(self) -> int:
        """Return how much memory `build` takes at most: a block, its encoded copy, and what threads halve."""
        stored, size, most = self._stored, self._stored.frame.dtype.itemsize, 0
        for number, (below, level) in enumerate(pairwise(stored.levels), 1):
            block = prod(map(min, self._unit(number), level.shape)) * size
            chunk = prod(map(min, stored.chunks_of(number - 1), below.shape))
            piece = max(chunk, _PIECE * prod(level.step)) * size
            # a piece is held as it is stored, as it is read, and halved
            held = 4 * stored.threads * min(piece, 4 * block)
            most = max(most, block + stored.encoding_bytes(block) + held)
        return most

    def build(self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None) -> None:
        """Make all levels that the ledger does not know to be made, here or `elsewhere`.

        Nothing is written to full resolution from here on.
        """
        self._stored.close()  # so that no run over many images holds many files open
        numbers = range(1, len(self._stored.levels))
        total, ticks = sum(prod(self._counts(number)) for number in numbers), count(1)

        def tick() -> None:
            if progress is not None:
                progress("blocks of the pyramid", next(ticks), total)

        with ThreadPoolExecutor(self._stored.threads) as pool, closing(self):

            def here(number: int, blocks: Iterable[int], again: Callable[[int], None]) -> Iterator[tuple[int, int]]:
                del again
                yield from ((block, self.make(number, block, pool.map)) for block in blocks)

            for number in numbers:
                few = prod(self._counts(number)) < FEW
                make = here if elsewhere is None or few else elsewhere
                todo = self._todo(number, ledger, tick)
                for block, told in make(number, todo, partial(self._clear, number)):
                    ledger.note_unit(number, block, told)
                    tick()

    def _todo(self, number: int, ledger: ImageLedger, tick: Callable[[], None]) -> Iterator[int]:
        """Yield the blocks of a level that are to be made; tick for those that are."""
        n, before = prod(self._counts(number)), stamps_before(self._stored.folder)
        written, stamps = ledger.units(number, n)
        for block in range(n):
            # it is no longer right when what it was made of was written again
            if written[block] and int(stamps[block]) == before(self._files(number, block)):
                tick()
                continue
            if ledger.resumed:
                self._clear(number, block)
            yield block

    def check(self, ledger: ImageLedger, now: Stamp) -> None:
        """Raise OutputError if what was written, or what it was made of, is not as it was noted."""
        for number in range(1, len(self._stored.levels)):
            written, stamps = ledger.units(number, prod(self._counts(number)))
            for block in np.flatnonzero(written).tolist():
                if now(self._files(number, block)) != int(stamps[block]):
                    raise changed(self._stored.folder / str(number), f"block {block} of the pyramid")

    def _clear(self, number: int, block: int) -> None:
        """Remove what may have been begun of a block."""
        remove_files(self._stored.files(number, self._box(number, block)))

    def make(self, number: int, block: int, each: _Each = map) -> int:
        """Make and write a block of a level; return the stamp of its files and of those it is made of."""
        box, step = self._box(number, block), self._stored.levels[number].step
        source, target = self._opened(number)
        pixels = np.empty([piece.stop - piece.start for piece in box], source.dtype)

        def fill(part: Box) -> None:
            wanted = _below(part, step, source.shape)
            inside = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))
            pixels[inside] = self._halve(source.read(wanted), step)

        chunks = tuple(max(1, n // s) for n, s in zip(source.chunks, step, strict=True))
        for _ in each(fill, _boxes(box, _grown(chunks, pixels.shape, _PIECE))):
            pass
        target.write(box, pixels)
        return stamp(self._files(number, block))

    def _opened(self, number: int) -> tuple[Pixels, Pixels]:
        """Return a level's source and itself; the source is not older than when the level was begun."""
        with self._lock:
            if self._open is None or self._open.number != number:
                self._open = _Open(number, self._stored.open(number - 1), self._stored.open(number, write=True))
            return self._open.source, self._open.target

    def close(self) -> None:
        """Let go of the level that was made last."""
        with self._lock:
            if self._open is not None:
                self._open.source.close()
                self._open.target.close()
                self._open = None

    def _files(self, number: int, block: int) -> list[str] | list[ObjectPath]:
        """Return the files that a block is made of, and its own."""
        box, levels = self._box(number, block), self._stored.levels
        below = _below(box, levels[number].step, levels[number - 1].shape)
        return self._stored.files(number - 1, below) + self._stored.files(number, box)  # type: ignore[operator]

    def _box(self, number: int, block: int) -> Box:
        """Return the pixels of a block."""
        place = np.unravel_index(block, self._counts(number))
        sizes = zip(map(int, place), self._unit(number), self._stored.levels[number].shape, strict=True)
        return tuple(slice(i * size, min((i + 1) * size, n)) for i, size, n in sizes)

    def _counts(self, number: int) -> list[int]:
        """Return the number of blocks of a level on each axis."""
        shape = self._stored.levels[number].shape
        return [-(-n // size) for n, size in zip(shape, self._unit(number), strict=True)]

    def _unit(self, number: int) -> tuple[int, ...]:
        """Return the pixels of a level that are made at once."""
        shards, shape = self._stored.shards_of(number), self._stored.levels[number].shape
        return shards or _grown(self._stored.chunks_of(number), shape, _BLOCK)


def _below(box: Box, step: Sequence[int], shape: Sequence[int]) -> Box:
    """Return the pixels of the level before, of this shape, that a box of a level is made of."""
    return tuple(slice(p.start * s, min(p.stop * s, n)) for p, s, n in zip(box, step, shape, strict=True))


def _grown(chunks: tuple[int, ...], shape: tuple[int, ...], pixels: int) -> tuple[int, ...]:
    """Return whole chunks, doubled from the last axis on until they have that many pixels or are all."""
    sizes = list(chunks)
    while prod(sizes) < pixels and any(size < n for size, n in zip(sizes, shape, strict=True)):
        for axis in reversed(range(len(sizes))):
            if prod(sizes) < pixels and sizes[axis] < shape[axis]:
                sizes[axis] *= 2
    return tuple(sizes)


def _boxes(box: Box, unit: Sequence[int]) -> Iterator[Box]:
    """Yield the boxes that cut a box, starting at its corner."""
    axes = (
        [slice(start, min(start + size, piece.stop)) for start in range(piece.start, piece.stop, size)]
        for piece, size in zip(box, unit, strict=True)
    )
    yield from product(*axes)

"""The run: boxes of whole blocks, computed and written once each, in bounded memory, by any number of threads.

What the ledger of an image knows to be written is left out.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.amounts import memory_text
from patchplan.errors import ConfigError
from patchplan.stitching.canvases.protocol import Canvas
from patchplan.stitching.ledger import ImageLedger
from patchplan.stitching.render import Renderer
from patchplan.stitching.shares import block_pixels

Progress = Callable[[str, int, int], None]
MAX_BOX = 1 << 28
"""Bytes of output that are computed at once: more would gain nothing."""

BOXES_PER_WORKER = 4

TILE_BYTES = 400
"""What is held of each tile of a box beside its pixels: where it goes, in a few copies."""

OVERHEAD = 24 << 20
"""What libraries and the heap take beyond what is asked of them (measured)."""


@dataclass(frozen=True)
class ImageWork:
    """One image: what computes its pixels and where they go.

    `tile_pixels` is the size of the largest tile at the scale of the plan, `density` tiles per pixel of the output.
    """

    renderer: Renderer
    canvas: Canvas
    ledger: ImageLedger
    tile_pixels: int
    density: float

    @property
    def n_todo(self) -> int:
        """Pixels to write, channels counted once."""
        return int(self.block_pixels[self.ledger.todo].sum())

    @property
    def block_pixels(self) -> NDArray[np.int64]:
        """Pixels of each block (S, (Z), Y, X), channels counted once."""
        return block_pixels(self.canvas.frame.n_samples, self.renderer.spatial, self.renderer.block)

    def box_bytes(self, shape: Sequence[int]) -> int:
        """Return the memory that a box of this shape, (Z)YX, takes from reading to writing."""
        renderer, canvas = self.renderer, self.canvas
        rules, pixels = renderer.rules, prod(shape)
        out = 0 if canvas.view(0) is not None else pixels * rules.out_channels * rules.dtype.itemsize
        sums = rules.bytes_per_pixel() * pixels
        if not rules.direct:
            sums = min(sums, max(renderer.scratch_bytes, rules.bytes_per_pixel() * renderer.least_pixels(shape)))
        writing = canvas.write_bytes((rules.out_channels, *shape))
        tiles = int(self.density * pixels + 1) * TILE_BYTES + renderer.tile_bytes(self.tile_pixels)
        return out + sums + writing + tiles + renderer.tiles.read_bytes()

    def task(self, number: int, sample_idx: int, first: Sequence[int], last: Sequence[int]) -> "Task":
        """Return the box of the blocks [first, last) of a sample."""
        block, spatial = self.renderer.block, self.renderer.spatial
        start = tuple(i * n for i, n in zip(first, block, strict=True))
        stop = tuple(min(i * n, size) for i, n, size in zip(last, block, spatial, strict=True))
        return Task(number, sample_idx, start, stop)

    @property
    def block_bytes(self) -> int:
        """The memory that one block takes."""
        return self.box_bytes([min(a, b) for a, b in zip(self.renderer.block, self.renderer.spatial, strict=True)])


def usable(memory: int) -> int:
    """Return what of the memory is for computing: a part holds chunks of tiles, some is nobody's."""
    return memory - memory // 16 - OVERHEAD


def check_memory(works: Sequence[ImageWork], memory: int, workers: int, part: int = 1) -> int:
    """Return how many workers the memory is enough for; ConfigError if for none.

    `part` says that only one part in so many is for computing.
    """
    block = max([1, *(work.block_bytes for work in works)])
    least = max([block, *(work.canvas.finish_bytes() for work in works)]) * part
    if least > usable(memory):
        raise ConfigError(
            f"--memory: found {memory_text(memory)}; one block of the output and its tiles take more: "
            f"give at least {memory_text((least + OVERHEAD) * 16 // 15 + 1)}, or smaller --chunks or --shards"
        )
    return max(1, min(workers, usable(memory) // (block * part)))


def choose_box(work: ImageWork, n_samples: int, memory: int, workers: int) -> tuple[int, ...]:
    """Return how many pixels of an image to compute at once: whole blocks, longest along X, then Y, then Z.

    The larger, the fewer tiles are read twice; but all workers should have something to do.
    """
    block, spatial = work.renderer.block, work.renderer.spatial
    n_blocks = [-(-n // size) for n, size in zip(spatial, block, strict=True)]
    most = max(1, prod(n_blocks) * n_samples // (workers * BOXES_PER_WORKER)) if workers > 1 else prod(n_blocks)
    per_pixel = work.renderer.rules.out_channels * work.renderer.rules.dtype.itemsize
    box = [1] * len(block)
    for axis in reversed(range(len(block))):
        for n in range(n_blocks[axis], 1, -1):
            tried = [*box[:axis], n, *box[axis + 1 :]]
            shape = [min(a * b, c) for a, b, c in zip(tried, block, spatial, strict=True)]
            if prod(tried) <= most and prod(shape) * per_pixel <= MAX_BOX and work.box_bytes(shape) <= memory:
                box = tried
                break
        if box[axis] < n_blocks[axis]:
            break
    return tuple(a * b for a, b in zip(box, block, strict=True))


@dataclass(frozen=True)
class Task:
    """A box of one sample of one image."""

    work: int
    sample_idx: int
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """Pixels of the box, channels counted once."""
        return prod(b - a for a, b in zip(self.start, self.stop, strict=True))


def tasks(works: Sequence[ImageWork], boxes: Sequence[tuple[int, ...]]) -> Iterator[Task]:
    """Yield the boxes of all images in order, but for blocks that are written: of a box that has some, the others."""
    for number, (work, box) in enumerate(zip(works, boxes, strict=True)):
        todo, block = work.ledger.todo, work.renderer.block
        size = [a // b for a, b in zip(box, block, strict=True)]
        for sample_idx in range(len(todo)):
            grid = todo[sample_idx]
            for start in product(*(range(0, n, k) for n, k in zip(grid.shape, size, strict=True))):
                stop = tuple(min(a + k, n) for a, k, n in zip(start, size, grid.shape, strict=True))
                for first, last in _runs(grid, start, stop):
                    yield work.task(number, sample_idx, first, last)


Corner = tuple[int, ...]


def _runs(grid: NDArray[np.bool_], start: Corner, stop: Corner) -> Iterator[tuple[Corner, Corner]]:
    """Yield the boxes of blocks that are to be done between two corners: all of them, or runs along X."""
    part = grid[tuple(map(slice, start, stop))]
    if part.all():
        yield start, stop
        return
    for line in np.argwhere(part.any(axis=-1)).tolist():
        where = [a + i for a, i in zip(start, line, strict=False)]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], part[tuple(line)], [False]]))).reshape(-1, 2)
        for first, last in (edges + start[-1]).tolist():
            yield (*where, first), (*(i + 1 for i in where), last)


class Run:
    """Computes and writes all boxes of several images."""

    def __init__(self, works: Sequence[ImageWork], memory: int, workers: int, progress: Progress | None) -> None:
        self.works = works
        self.workers = check_memory(works, memory, workers)
        share = usable(memory) // self.workers
        self.boxes = [choose_box(work, work.canvas.frame.n_samples, share, self.workers) for work in works]
        self._progress = progress
        self._total = sum(work.n_todo for work in works)
        self._queue = tasks(works, self.boxes)
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Do all boxes that are not done."""
        if self.workers == 1:
            self._work()
            return
        with ThreadPoolExecutor(self.workers, "stitch") as pool:
            running = [pool.submit(self._work) for _ in range(self.workers)]
            try:
                self._wait(running)
            finally:
                self._stopped.set()
                _wait_out(pool)

    def _wait(self, running: Sequence["Future[None]"]) -> None:
        done, _ = wait(running, return_when=FIRST_EXCEPTION)
        for one in done:
            one.result()

    def _work(self) -> None:
        buffer = Buffer()
        while not self._stopped.is_set():
            with self._lock:
                task = next(self._queue, None)
            if task is None:
                return
            do_box(self.works[task.work], task, buffer)
            with self._lock:
                if self._progress is not None:
                    self._progress("pixels", task.pixels, self._total)


def _wait_out(pool: ThreadPoolExecutor) -> None:
    """Wait for the boxes under way, also if interrupted again: nobody writes when the locks are let go."""
    while True:
        try:
            pool.shutdown()
            return
        except KeyboardInterrupt:
            continue


class Buffer:
    """Memory for one box, used again for the next."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def shaped(self, shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an uninitialised array in it."""
        n = prod(shape) * dtype.itemsize
        if n > len(self._bytes):
            self._bytes = np.empty(n, np.uint8)
        return self._bytes[:n].view(dtype).reshape(shape)


def do_box(work: ImageWork, task: Task, buffer: Buffer) -> None:
    """Compute one box, write it, and note that it is written."""
    view = work.canvas.view(task.sample_idx)
    rules = work.renderer.rules
    if view is not None:
        box = (slice(None), *map(slice, task.start, task.stop))
        filled = work.renderer.render(task.sample_idx, task.start, task.stop, view[box])
    else:
        shape = (rules.out_channels, *(b - a for a, b in zip(task.start, task.stop, strict=True)))
        out = buffer.shaped(shape, rules.dtype)
        filled = work.renderer.render(task.sample_idx, task.start, task.stop, out)
        if work.ledger.resumed:
            work.canvas.clear(task.sample_idx, task.start, task.stop)
        work.canvas.write(task.sample_idx, task.start, out)
    work.ledger.note(task.sample_idx, task.start, task.stop, filled)


class Counted:
    """Progress over several runs as one."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def skip(self, done: int) -> None:
        """Add what an earlier run has done."""
        self._done += done

    def __call__(self, what: str, done: int, total: int) -> None:
        """Add what is done; `total` is of one run only."""
        self._done += done
        if self._progress is not None:
            self._progress(what, self._done, self._total)

"""The run: boxes of whole blocks, computed and written once each, in bounded memory, by any number of threads.

What the ledger of an image knows to be written is left out.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.stitching.canvases.protocol import Canvas
from patchplan.stitching.render import Renderer
from patchplan.stitching.work import ImageWork, Task, check_memory, choose_box, usable

Progress = Callable[[str, int, int], None]


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
    filled = compute_box(work.renderer, work.canvas, task, buffer, begun=work.ledger.resumed)
    work.ledger.note(task.sample_idx, task.start, task.stop, filled)


def compute_box(renderer: Renderer, canvas: Canvas, task: Task, buffer: Buffer, *, begun: bool = False) -> int:
    """Compute one box and write it; return how many pixels no tile covers. What was `begun` before is cleared."""
    view, rules = canvas.view(task.sample_idx), renderer.rules
    if view is not None:
        box = (slice(None), *map(slice, task.start, task.stop))
        return renderer.render(task.sample_idx, task.start, task.stop, view[box])
    shape = (rules.out_channels, *(b - a for a, b in zip(task.start, task.stop, strict=True)))
    out = buffer.shaped(shape, rules.dtype)
    filled = renderer.render(task.sample_idx, task.start, task.stop, out)
    if begun:
        canvas.clear(task.sample_idx, task.start, task.stop)
    canvas.write(task.sample_idx, task.start, out)
    return filled


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

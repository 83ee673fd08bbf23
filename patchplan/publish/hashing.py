"""SHA-256 of the files of an output: walked in a fixed order, read in threads, in bounded memory."""

import hashlib
import heapq
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Told = Callable[[int, int], None]
"""Called with how many bytes are read, and how many there are."""

_BLOCK = 1 << 20
"""Bytes that a thread reads at a time."""

_TASK_SECONDS = 0.01
"""How long a thread works before it hands over what it has: small files go to it several at once."""

_TASK_ITEMS = 64

_NAMES = 1 << 16
"""Names of a folder that are held; one with more is listed several times."""


def walk(output: Path, refused: Callable[[str, OSError], None] | None = None) -> Iterator[tuple[str, bool]]:
    """Yield what an output consists of, by its path in it, and whether it is a plain file; never through links.

    Shorter names come first, so that the numbers of chunks are in order. An output that is a file has the path "".

    Parameters
    ----------
    output : Path
        A file or a folder.
    refused : callable, optional
        Called with a folder that cannot be listed, and why; by default that is raised.
    """
    if not output.is_dir():
        yield "", stat.S_ISREG(output.stat().st_mode)
        return
    pending = [_listed(output, "", refused)]
    while pending:
        for path, folder, file in pending[-1]:
            if folder:
                pending.append(_listed(output, path, refused))
                break
            yield path, file
        else:
            pending.pop()


def _listed(
    output: Path, below: str, refused: Callable[[str, OSError], None] | None
) -> Iterator[tuple[str, bool, bool]]:
    """Yield the entries of a folder: path in the output, whether it is a folder, whether it is a plain file."""
    last = (0, "", False, False)
    while True:
        try:
            with os.scandir(output / below) as entries:
                batch = heapq.nsmallest(_NAMES, (key for key in map(_key, entries) if key > last))
        except OSError as error:
            if refused is None:
                raise
            refused(below, error)
            return
        for _, name, folder, file in batch:
            yield f"{below}/{name}" if below else name, folder, file
        if len(batch) < _NAMES:
            return
        last = batch[-1]


def _key(entry: os.DirEntry[str]) -> tuple[int, str, bool, bool]:
    name = entry.name
    return len(name), name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)


class Hasher:
    """Threads that hash files. Left early, they stop at their next block.

    Parameters
    ----------
    threads : int
        How many; each has one buffer.
    progress : callable, optional
        Called in the thread of the caller only.
    total : int
        How many bytes there are, for `progress`.
    """

    def __init__(self, threads: int, progress: Told | None = None, total: int = 0) -> None:
        self.bytes = 0
        self._progress, self._total = progress, total
        self._underway = 2 * threads
        self._pool = ThreadPoolExecutor(threads, "patchplan-hash")
        self._buffers = threading.local()
        self._counting = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *stopped_by: object) -> None:
        self._stopped = True
        self._pool.shutdown(cancel_futures=True)

    def hash(self, path: str) -> str:
        """Return the SHA-256 of a file in hexadecimal digits."""
        if not hasattr(self._buffers, "one"):
            self._buffers.one = memoryview(bytearray(_BLOCK))
        buffer: memoryview = self._buffers.one
        digest = hashlib.sha256()
        with FileIO(path) as file:
            while n := file.readinto(buffer):
                if self._stopped:
                    raise CancelledError
                digest.update(buffer[:n])
                with self._counting:
                    self.bytes += n
        return digest.hexdigest()

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield what `work`, called in the threads, makes of each item, in their order; few are under way at once."""
        waiting = iter(items)
        tasks: deque[Future[tuple[list[Result], float]]] = deque()
        size = 1
        while True:
            while len(tasks) < self._underway and (some := list(islice(waiting, size))):
                tasks.append(self._pool.submit(_timed, work, some))
            if not tasks:
                return
            results, seconds = self._finished(tasks.popleft())
            if seconds > _TASK_SECONDS:
                size = max(1, size // 2)
            elif seconds < _TASK_SECONDS / 2:
                size = min(_TASK_ITEMS, 2 * size)
            yield from results

    def _finished(self, task: "Future[tuple[list[Result], float]]") -> tuple[list[Result], float]:
        while self._progress is not None:
            done = wait((task,), timeout=0.1).done
            self._progress(self.bytes, self._total)
            if done:
                break
        return task.result()


def _timed(work: Callable[[Item], Result], items: list[Item]) -> tuple[list[Result], float]:
    start = time.perf_counter()
    return [work(item) for item in items], time.perf_counter() - start

"""The worker's side: what is open for a run, and the pieces that are done with it."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Condition, Lock
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from patchplan.cluster.versions import difference
from patchplan.errors import ClusterError, PatchplanError
from patchplan.objects import is_url
from patchplan.publish.locks import flush_disk, open_folder

PROCESS = uuid4().hex
"""Tells this process from one that had its address before."""

MAX_OPEN = 2
"""Runs that a process has open at a time; others are let go when nobody works on them."""

ENDED = 64
"""Runs that are over and remembered: a piece of theirs may come late."""


class Bench(Protocol):
    """What a worker has open for a run."""

    def do(self, message: dict[str, Any], numbers: NDArray[np.int64] | None) -> Any:
        """Do a piece; several threads may at once. Returns JSON."""

    def close(self) -> None:
        """Let go of all."""


class _Run:
    """A run in this process: opened by the first piece, closed when it is over and nobody works on it."""

    def __init__(self, brief: str) -> None:
        told = json.loads(brief)
        self.name: str = told["run"]
        self._told, self._lock = told, Lock()
        self._bench: Bench | None = None
        self._turn, self._working = Condition(), 0
        self.users = 0  # who counts them holds the lock of all runs

    def bench(self) -> Bench:
        """Return what is open, after opening it for the first piece."""
        with self._lock:
            if self._bench is None:
                self._bench = self._open()
            return self._bench

    def _open(self) -> Bench:
        told = self._told
        problem = look(told["versions"], told["paths"])
        if problem is not None:
            raise ClusterError(f"{where()} {problem}")
        if told["disk"] is not None and self.name not in _disks:
            _disks[self.name] = open_folder(Path(told["disk"]))  # from now on it tells of what is not written
        module, name = told["opener"].split(":")
        bench: Bench = getattr(import_module(module), name)(told["brief"], told["threads"])
        return bench

    @contextmanager
    def turn(self, at_once: int) -> Iterator[None]:
        """Wait until fewer threads work than may at once."""
        with self._turn:
            self._turn.wait_for(lambda: self._working < at_once)
            self._working += 1
        try:
            yield
        finally:
            with self._turn:
                self._working -= 1
                self._turn.notify()

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            if self._bench is not None:
                self._bench.close()
                self._bench = None


_runs: dict[str, _Run] = {}
_ended: dict[str, None] = {}
_disks: dict[str, int | None] = {}
_lock = Lock()


def do_piece(brief: str, at_once: int, message: str, numbers: NDArray[np.int64] | None) -> Any:
    """Do a piece of a run; return who did it, its address and process, and what came of it.

    Errors that a user can mend are returned, so that nobody logs or repeats them.
    """
    try:
        with _using(brief) as run, run.turn(at_once):
            return address(), PROCESS, run.bench().do(json.loads(message), numbers)
    except (PatchplanError, MemoryError) as error:
        return error
    except OSError as error:
        error.add_note(f"this happened on {where()}")
        return error


@contextmanager
def _using(brief: str) -> Iterator[_Run]:
    """Yield a run, which is not closed meanwhile."""
    with _lock:
        run = _runs.get(brief)
        if run is None:
            run = _Run(brief)
            if run.name in _ended:
                raise ClusterError(f"{where()} was asked for a piece of a run that is over")
            idle = [key for key, other in _runs.items() if not other.users]
            for key in idle[: max(0, len(_runs) + 1 - MAX_OPEN)]:
                _runs.pop(key).close()
            _runs[brief] = run
        run.users += 1
    try:
        yield run
    finally:
        with _lock:
            run.users -= 1


async def flush_run(name: str) -> tuple[str, OSError | None]:
    """Wait until all that this process has written for a run is on the disk; return who it is, and what failed."""
    try:
        await asyncio.to_thread(flush_disk, _disks.get(name))  # heartbeats go on
    except OSError as error:
        return PROCESS, error
    return PROCESS, None


async def end_run(name: str, patience: float) -> bool:
    """Let go of a run as soon as nobody works on it; tell whether that was so in time, in seconds."""
    with _lock:
        _ended[name] = None
        while len(_ended) > ENDED:
            del _ended[next(iter(_ended))]
        mine = [_runs.pop(key) for key, run in list(_runs.items()) if run.name == name]
    disk = _disks.pop(name, None)
    if disk is not None:
        os.close(disk)
    until = time.monotonic() + patience
    for run in mine:
        while run.users:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.02)
        run.close()
    return True


def look(versions: dict[str, str], paths: list[str]) -> str | None:
    """Return why this process cannot take part: another version of something, or a path that it does not see."""
    problem = difference(versions)
    if problem is not None:
        return f"{problem}: both decide bytes; install the same there"
    unseen = next((path for path in paths if not is_url(path) and not Path(path).exists()), None)
    if unseen is None:
        return None
    return f"does not see {unseen}; workers need the same files under the same names, such as on a shared disk"


def where() -> str:
    """Return which worker this is."""
    return f"worker {address()}" if address() else "this worker"


def address() -> str:
    """Return the address of this worker."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return ""

"""A run on a cluster: pieces as tasks of dask.distributed, a few at a time, done again where workers are lost."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from patchplan.cluster.idle import Idle
from patchplan.cluster.interrupts import Interrupts
from patchplan.cluster.keeping import Keeping
from patchplan.cluster.protocol import Item, Piece
from patchplan.cluster.worker import do_piece, end_run
from patchplan.errors import ClusterError, PatchplanError

if TYPE_CHECKING:
    from distributed import Future

    from patchplan.cluster.dask import DaskCluster

AHEAD = 3
"""Pieces that are under way per thread of the workers: one at work, others so that none waits for the scheduler."""

LEAST = 4
"""Pieces that are asked for while there is no worker: what tells an adaptive cluster to grow."""

ALONE = 2
"""How often a piece whose workers died, time after time, is tried while nothing else is: then it is what kills them."""

HOPELESS = 12
"""Pieces in a row whose workers died, time after time, and none was done: nobody goes on then."""

NAMED = 3
"""Pieces that an error names."""

PATIENCE = 300.0
"""Seconds that workers have to end what they do when a run is stopped."""

ENDING = 10.0
"""Seconds for which idle workers are asked to forget a run."""

Key = tuple[str, int]

SECONDS = 1.0
"""After which it is asked again how many workers there are."""


class DaskSession:
    """A run whose pieces are tasks. The brief is a task, too: whichever worker is lost, another makes it anew."""

    def __init__(
        self,
        cluster: "DaskCluster",
        opener: str,
        brief: dict[str, Any],
        paths: list[str],
        disk: Path | None,
        interrupts: Interrupts,
    ) -> None:
        self._interrupts = interrupts
        self._cluster, self._client = cluster, cluster.client
        self.name = uuid4().hex[:12]
        self.threads = cluster.threads()
        told = {"run": self.name, "opener": opener, "brief": brief, "threads": self.threads}
        told |= {"versions": cluster.versions, "paths": paths, "disk": None if disk is None else str(disk.absolute())}
        text = json.dumps(told)
        self._brief = self._client.submit(str, text, key=f"patchplan-run-{self.name}", pure=False)
        self._numbers = count()
        self._under_way: dict[Key, tuple[Future, Piece[Any]]] = {}
        self._ended: SimpleQueue[Key] = SimpleQueue()
        self._counted, self._n_workers, self._at_once = -SECONDS, 1, 1
        self._in_row = 0  # pieces whose workers died, and none was done since
        self._keeping = Keeping(cluster, self.name, interrupts.check, flush=disk is not None)
        self._idle = Idle(cluster)

    @property
    def n_workers(self) -> int:
        """Pieces that all workers do at once now; at least 1."""
        now = time.monotonic()
        if now - self._counted >= SECONDS:
            self._n_workers = sum(min(n, self.threads) for n in self._cluster.workers().values())
            self._counted = now
        return max(1, self._n_workers)

    def do(
        self, pieces: Iterable[Piece[Item]], *, at_once: int, again: Callable[[Item], None] | None = None
    ) -> Iterator[tuple[Item, Any]]:
        """Yield items and results as they come; see `Session.do`."""
        self._at_once = at_once
        together: list[Piece[Item]] = []
        yield from self._pass(pieces, together)
        alone: list[Piece[Item]] = []
        yield from self._pass(_again(together, again), alone)
        deadly = []
        for piece in alone:  # it, or what was given to the same workers, kills them
            left = [piece]
            for _ in range(ALONE):
                todo, left = left, []
                yield from self._pass(_again(todo, again), left)
            deadly += left
        if deadly:
            raise _deadly(deadly)

    def _pass(self, pieces: Iterable[Piece[Item]], killed: list[Piece[Item]]) -> Iterator[tuple[Item, Any]]:
        """Do each piece once; note those whose workers died."""
        rest = iter(pieces)
        while True:
            most = max(LEAST, AHEAD * self.n_workers)
            if len(self._under_way) <= most * (AHEAD - 1) // AHEAD:  # some at once, which costs less than one by one
                self._submit(list(islice(rest, most - len(self._under_way))))
            if not self._under_way:
                yield from self._keeping.kept(killed)
                return
            for piece, result in self._results(self._wait()):
                if result is None:
                    killed.append(piece)
                    self._in_row += 1
                    if self._in_row > HOPELESS:
                        raise _deadly(killed)
                elif isinstance(result[0], BaseException):
                    raise result[0]
                else:
                    self._in_row = 0
                    self._keeping.hold(piece, *result[0])
            if self._keeping.is_due:
                yield from self._keeping.kept(killed)

    def _submit(self, pieces: Sequence[Piece[Any]]) -> None:
        if not pieces:
            return
        keys = [(f"patchplan-piece-{self.name}", next(self._numbers)) for _ in pieces]
        futures = self._client.map(
            do_piece,
            [self._brief] * len(pieces),
            [self._at_once] * len(pieces),
            [json.dumps(piece.message) for piece in pieces],
            [piece.numbers for piece in pieces],
            key=keys,
            pure=False,
        )
        for future, piece in zip(futures, pieces, strict=True):
            self._under_way[future.key] = future, piece
            future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def _wait(self) -> list[Key]:
        """Return the keys of what has ended, one at least."""
        ended: list[Key] = []
        while not ended:
            self._interrupts.check()
            with suppress(Empty):
                ended.append(self._ended.get(timeout=SECONDS))
            while not self._ended.empty():
                ended.append(self._ended.get())
            if not ended and self._client.status not in ("running", "connecting"):
                raise self._cluster.lost()
            if not ended and not self._cluster.workers():
                self._cluster.wait()
            if not ended:
                self._idle.tell()
        self._idle.none()
        return ended

    def _results(self, ended: list[Key]) -> Iterator[tuple[Piece[Any], tuple[Any] | None]]:
        """Yield pieces and what came of them; None for one whose workers died, maybe when it was done."""
        futures = {key: self._under_way.pop(key) for key in ended}
        # looked at once: what was done is begun anew, and done again, when its worker dies with the result
        status = {key: future.status for key, (future, _) in futures.items()}
        good = [future for key, (future, _) in futures.items() if status[key] == "finished"]
        results = self._gathered(good) if good else {}
        lost = {future.key for future in good} - results.keys()
        for key, (future, piece) in futures.items():
            if key in results:
                yield piece, (results[key],)
            else:
                yield piece, None if key in lost else self._failure(future, status[key])

    def _gathered(self, futures: "Sequence[Future]") -> dict[Key, Any]:
        """Return results by key; without those that were lost with the workers that held them."""
        with suppress(Exception):
            return dict(zip((one.key for one in futures), self._client.gather(futures), strict=True))
        found: dict[Key, Any] = {}
        for future in futures:
            with suppress(Exception):
                found[future.key] = future.result(timeout=SECONDS * 10)
        if not found:
            self._cluster.workers()  # raises if it is the scheduler that is gone
        return found

    def _failure(self, future: "Future", status: str) -> tuple[BaseException] | None:
        """Return why a piece failed, by what it was found to be; None if its workers died."""
        from distributed.scheduler import KilledWorker

        error = future.exception() if status == "error" else None
        if isinstance(error, KilledWorker):
            return None
        if status in ("pending", "lost"):
            return None  # it was done, and is no more
        if error is None:
            return (self._cluster.lost(),)
        if self._cluster.lacks_us(error):
            return (self._cluster.without_us("a worker"),)
        return (error,)

    def stop(self) -> bool:
        """Take back what is under way, and wait until no worker works on it; tell whether that is sure.

        A second Ctrl-C ends the waiting.
        """
        busy = [future for future, _ in self._under_way.values()]
        self._under_way.clear()
        try:
            if self._client.status != "running":
                return not busy
            if busy:
                self._client.cancel(busy)
            what = "workers to end what they do (Ctrl-C again: do not wait)"
            found = self._cluster.ask(end_run, self.name, PATIENCE, seconds=PATIENCE, what=what)
            self._brief.release()
        except (KeyboardInterrupt, PatchplanError, OSError, RuntimeError):
            return not busy
        return False not in found.values()

    def end(self) -> None:
        """Let workers forget the run, in which nothing is under way any more."""
        with suppress(PatchplanError, OSError, RuntimeError):
            self._cluster.ask(end_run, self.name, SECONDS, seconds=ENDING)
            self._brief.release()


def _again(pieces: Iterable[Piece[Item]], told: Callable[[Item], None] | None) -> Iterator[Piece[Item]]:
    """Yield pieces once more, after telling of each."""
    for piece in pieces:
        if told is not None:
            told(piece.item)
        yield piece


def _deadly(pieces: Sequence[Piece[Any]]) -> ClusterError:
    names = "; ".join(piece.name for piece in pieces[-NAMED:])
    return ClusterError(
        f"{names}: all workers that began with it died, time after time; see their logs, and give them more memory or "
        "take a smaller --memory"
    )

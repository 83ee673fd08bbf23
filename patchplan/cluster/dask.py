"""The workers of a scheduler of dask.distributed."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchplan.cluster.asking import answered, asked, named
from patchplan.cluster.interrupts import Interrupts
from patchplan.cluster.session import DaskSession
from patchplan.cluster.versions import versions
from patchplan.cluster.worker import look
from patchplan.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
"""The address of worker processes that are started here."""

LOOK = 1.0
"""Seconds after which it is asked again how many workers there are."""

SOON = 5.0
"""Seconds in which an answer is expected; whoever waits longer is told."""

UNHEARD = 10.0
"""Seconds without a sign of life after which a worker is named."""

PATIENCE = 60.0
"""Seconds after which workers are done without."""

STILL_WRITING = "workers that did not answer may still write a block of this run, which no later one takes for its own"

LOG = logging.getLogger("patchplan.cluster")


class DaskCluster:
    """The workers of a scheduler; `address` is what errors call it."""

    def __init__(self, client: "Client", address: str, *, on_this_machine: bool) -> None:
        self.client, self.address, self.on_this_machine = client, address, on_this_machine
        self.versions = versions()

    def threads(self) -> int:
        """Return the threads of the worker process that has most; wait until there is one."""
        return max(self.wait())

    def workers(self) -> dict[str, int]:
        """Return the threads of each worker process that there is now, by address."""
        try:
            return dict(self.client.nthreads())
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self.lost() from error

    def wait(self) -> list[int]:
        """Return them when there is one at least."""
        found, reason, begun = self.workers(), None, time.monotonic()
        while not found:
            if reason is None:
                LOG.warning("scheduler %s has no workers: waiting for some", self.address)
                reason = self.client.submit(str, key="patchplan-waits", pure=False)  # for an adaptive cluster to grow
            if self.address == LOCAL and time.monotonic() - begun > PATIENCE:
                raise ClusterError("--scheduler local: all worker processes have died, and no new ones were started")
            time.sleep(LOOK / 4)
            found = self.workers()
        return list(found.values())

    def check(self, paths: Sequence[str]) -> None:
        """Raise ClusterError if a worker that is there has other versions, or does not see one of these paths."""
        try:
            found = self.ask(look, self.versions, list(paths), seconds=PATIENCE)
        except TimeoutError:
            raise ClusterError(
                f"--scheduler {self.address}: {self.silent()} did not answer for {PATIENCE:g} s"
            ) from None
        except (OSError, RuntimeError) as error:
            raise self.lost() from error
        for address, problem in sorted(found.items()):
            if self.lacks_us(problem):
                raise self.without_us(f"worker {address}")
            if isinstance(problem, str):  # else it has gone since
                raise ClusterError(f"worker {address} {problem}")

    def ask(
        self,
        function: Callable[..., Any],
        *args: Any,
        seconds: float,
        workers: list[str] | None = None,
        check: Callable[[], None] = lambda: None,
        what: str = "",
    ) -> dict[str, Any]:
        """Return by address what a function gives on workers that are there, or their errors; `what` is waited for.

        Raises
        ------
        TimeoutError
            If one of them does not answer in time.
        """
        answer = asked(lambda: self.client.run(function, *args, workers=workers, on_error="return"))
        try:
            return dict(answered(answer, min(SOON, seconds), check))
        except TimeoutError:
            if answer.done():
                raise
        LOG.warning("waiting for %s", what or f"an answer of {self.silent()}")
        return dict(answered(answer, seconds, check))

    def silent(self) -> str:
        """Name the workers that have not been heard of for a while, where others have."""
        states = self.states()
        newest = max((seen for _, seen in states.values()), default=0.0)
        return named([address for address, (_, seen) in states.items() if newest - seen > UNHEARD]) or "workers"

    def states(self) -> dict[str, tuple[str, float]]:
        """Return the status of each worker, and when it was last heard of, by the scheduler's clock, in seconds."""
        answer = asked(lambda: self.client.sync(self.client.scheduler.identity))
        try:
            workers = answered(answer, SOON, lambda: None)["workers"]
        except (OSError, TimeoutError, RuntimeError):
            return {}
        return {address: (str(about["status"]), float(about["last_seen"])) for address, about in workers.items()}

    @staticmethod
    def lacks_us(error: object) -> bool:
        """Tell whether an error is of a worker that lacks what we are; some come as their text only."""
        if isinstance(error, ModuleNotFoundError):
            return str(error.name).split(".")[0] == "patchplan"
        return isinstance(error, Exception) and "No module named 'patchplan" in str(error).replace("\\'", "'")

    def without_us(self, worker: str) -> ClusterError:
        """Return the error of a worker that lacks what we are."""
        return ClusterError(
            f"--scheduler {self.address}: {worker} has no patchplan, or another version of it; install the same there"
        )

    def lost(self) -> ClusterError:
        """Return the error of a scheduler that has gone."""
        return ClusterError(f"--scheduler {self.address}: the connection to the scheduler was lost")

    @contextmanager
    def session(
        self, opener: str, brief: dict[str, Any], paths: Sequence[str], disk: Path | None = None
    ) -> Iterator[DaskSession]:
        """Begin a run; see `Cluster.session`."""
        interrupts = Interrupts()
        disk = None if self.on_this_machine else disk  # who asks flushes it for all
        with interrupts.noted():
            session = DaskSession(self, opener, brief, list(paths), disk, interrupts)
            try:
                yield session
            except BaseException as error:
                if not session.stop():
                    error.add_note(STILL_WRITING)
                raise
            session.end()

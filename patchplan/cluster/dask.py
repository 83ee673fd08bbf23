"""The workers of a scheduler of dask.distributed."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from patchplan.cluster.interrupts import Interrupts
from patchplan.cluster.session import DaskSession
from patchplan.cluster.versions import versions
from patchplan.cluster.worker import look
from patchplan.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

LOOK = 1.0
"""Seconds after which it is asked again how many workers there are."""

LOG = logging.getLogger("patchplan.cluster")


class DaskCluster:
    """The workers of a scheduler; `address` is what errors call it."""

    def __init__(self, client: "Client", address: str, *, on_this_machine: bool) -> None:
        self.client, self.address, self.on_this_machine = client, address, on_this_machine
        self.versions = versions()

    def threads(self) -> int:
        """Return the threads of the worker process that has most; wait until there is one."""
        return max(self.wait())

    def counts(self) -> list[int]:
        """Return the threads of each worker process that there is now."""
        try:
            return list(self.client.nthreads().values())
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self.lost() from error

    def wait(self) -> list[int]:
        """Return them when there is one at least."""
        found, reason = self.counts(), None
        while not found:
            if reason is None:
                LOG.warning("scheduler %s has no workers: waiting for some", self.address)
                reason = self.client.submit(str, key="patchplan-waits", pure=False)  # for an adaptive cluster to grow
            time.sleep(LOOK / 4)
            found = self.counts()
        return found

    def check(self, paths: Sequence[str]) -> None:
        """Raise ClusterError if a worker that is there has other versions, or does not see one of these paths."""
        try:
            found = self.client.run(look, self.versions, list(paths), on_error="return")
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self.lost() from error
        for address, problem in sorted(found.items()):
            if self.lacks_us(problem):
                raise self.without_us(f"worker {address}")
            if isinstance(problem, str):  # else it has gone since
                raise ClusterError(f"worker {address} {problem}")

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
    def session(self, opener: str, brief: dict[str, Any], paths: Sequence[str]) -> Iterator[DaskSession]:
        """Begin a run; see `Cluster.session`. Workers must see `paths`."""
        interrupts = Interrupts()
        with interrupts.noted():
            session = DaskSession(self, opener, brief, list(paths), interrupts)
            try:
                yield session
            finally:
                session.end()

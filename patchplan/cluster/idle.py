"""Workers that do nothing: those that dask has paused, and those that hang."""

import logging
import time
from typing import TYPE_CHECKING

from patchplan.cluster.asking import named

if TYPE_CHECKING:
    from patchplan.cluster.dask import DaskCluster

STALL = 10.0
"""Seconds without a result after which a user is told which workers are paused, and after as many which are silent."""

LOG = logging.getLogger("patchplan.cluster")


class Idle:
    """Tells what is waited for."""

    def __init__(self, cluster: "DaskCluster") -> None:
        self._cluster = cluster
        self._since = time.monotonic()
        self._told: list[str] = []
        self._seen: dict[str, float] = {}  # when each was last heard of

    def none(self) -> None:
        """Note that something has come."""
        self._since = time.monotonic()
        self._seen = {}

    def tell(self) -> None:
        """Tell which workers do nothing, if nothing has come for a while; once, as long as they are the same."""
        if time.monotonic() - self._since < STALL:
            return
        self._since = time.monotonic()
        states = self._cluster.states()
        paused = [address for address, (status, _) in states.items() if status == "paused"]
        silent = [address for address, (_, seen) in states.items() if self._seen.get(address) == seen]
        self._seen = {address: seen for address, (_, seen) in states.items()}
        told = [f"waiting for {named(paused)}: paused by Dask, as its memory is nearly full"] if paused else []
        told += [f"waiting for {named(silent)}: no sign of life"] if silent else []
        for text in told:
            if text not in self._told:
                LOG.warning(text)
        self._told = told

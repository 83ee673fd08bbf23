"""Workers that do nothing: those that dask has paused, and those that hang."""

import logging
import time
from typing import TYPE_CHECKING

from patchplan.cluster.asking import named

if TYPE_CHECKING:
    from patchplan.cluster.dask import DaskCluster

STALL = 10.0
"""Seconds without a result, or a sign of life, after which a user is told."""

LOG = logging.getLogger("patchplan.cluster")


class Idle:
    """Tells what is waited for."""

    def __init__(self, cluster: "DaskCluster") -> None:
        self._cluster = cluster
        self._since = time.monotonic()
        self._told: list[str] = []

    def none(self) -> None:
        """Note that something has come."""
        self._since = time.monotonic()

    def tell(self) -> None:
        """Tell which workers do nothing, if nothing has come for a while; once, as long as they are the same."""
        if time.monotonic() - self._since < STALL:
            return
        self._since = time.monotonic()
        states = self._cluster.states().items()
        paused = [address for address, (status, _) in states if status == "paused"]
        silent = [address for address, (_, age) in states if age > STALL]
        told = [f"waiting for {named(paused)}: paused by Dask, as its memory is nearly full"] if paused else []
        told += [f"waiting for {named(silent)}: no sign of life"] if silent else []
        for text in told:
            if text not in self._told:
                LOG.warning(text)
        self._told = told

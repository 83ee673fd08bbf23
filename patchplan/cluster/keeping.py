"""What is done and not yet on a disk: a machine that goes down, or whose disk is full, loses it in silence.

The law: what a caller is told to be done is on the disk. Other machines write through a memory of their own, which
nobody else can flush; so workers are asked to, now and then, and results are held back until then. What was done by a
process that is gone by that time counts as not done.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from patchplan.cluster.asking import named
from patchplan.cluster.protocol import Item, Piece
from patchplan.cluster.worker import flush_run

if TYPE_CHECKING:
    from patchplan.cluster.dask import DaskCluster

SECONDS = 2.0
"""So much work is lost with a machine, or more where its disk is slow."""

SHARE = 10
"""A flush is followed by at least so many times as long without one as it took."""

PATIENCE = 60.0
"""Seconds that a flush may take before what it is of is done again elsewhere."""

LOG = logging.getLogger("patchplan.cluster")


class _Held(NamedTuple):
    piece: Piece[Any]
    address: str
    process: str
    result: Any


class Keeping:
    """Results of a run, until they are on the disk; `flush` says whether anybody needs to be asked."""

    def __init__(self, cluster: "DaskCluster", run: str, check: Callable[[], None], *, flush: bool) -> None:
        self._cluster, self._run, self._check, self._flush = cluster, run, check, flush
        self._held: list[_Held] = []
        self._due = time.monotonic() + SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask."""
        return not self._flush or time.monotonic() >= self._due

    def hold(self, piece: Piece[Any], address: str, process: str, result: Any) -> None:
        """Take a piece that is done, by a process at an address, and what came of it."""
        self._held.append(_Held(piece, address, process, result))

    def kept(self, killed: list[Piece[Item]]) -> Iterator[tuple[Item, Any]]:
        """Yield what is on the disk now; what was lost before is `killed`."""
        held, self._held = self._held, []
        safe = self._flushed({one.address for one in held}) if self._flush and held else None
        for one in held:
            if safe is None or one.process in safe:
                yield one.piece.item, one.result
            else:
                killed.append(one.piece)

    def _flushed(self, addresses: set[str]) -> set[str]:
        """Have workers flush their disks, and return the processes that did."""
        begun = time.monotonic()
        there, found = sorted(addresses & self._cluster.workers().keys()), {}
        try:
            found = self._cluster.ask(flush_run, self._run, workers=there, seconds=PATIENCE, check=self._check)
        except TimeoutError:
            LOG.warning("%s did not answer for %g s: what was written last is done again", named(there), PATIENCE)
        except (OSError, RuntimeError) as error:
            raise self._cluster.lost() from error
        now = time.monotonic()
        self._due = now + max(SECONDS, SHARE * (now - begun))
        return {process for address, told in found.items() for process in _process(address, told)}


def _process(address: str, told: Any) -> list[str]:
    """Return the process that answered, unless it has gone; raise what its disk refused."""
    if not isinstance(told, tuple):
        return []
    process, failure = told
    if failure is not None:
        failure.add_note(f"this happened on worker {address}")
        raise failure
    return [process]

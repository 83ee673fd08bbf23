"""What the rooms that have work to do know of a cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from patchplan.objects import Location, location

Item = TypeVar("Item")


@dataclass(frozen=True)
class Piece(Generic[Item]):
    """One piece of work: what the caller knows it by, and all that a worker is told of it.

    `message` is JSON; `numbers` is what would be too long as text. `name` is what errors call it.
    """

    item: Item
    message: dict[str, Any]
    name: str
    numbers: NDArray[np.int64] | None = None


def told_path(path: Location | str) -> str:
    """Return a path or URL as workers are told it, which have another working folder."""
    found = location(path)
    return str(found.absolute() if isinstance(found, Path) else found)


def disk_of(place: Location) -> Path | None:
    """Return the folder whose disk is to be flushed for an output that grows in a place; a store has none."""
    return place.parent if isinstance(place, Path) else None


class Session(Protocol):
    """A run on a cluster: what its workers have open as long as it lasts."""

    threads: int
    """Threads of a worker process, of the one that has most."""

    @property
    def n_workers(self) -> int:
        """Pieces that all workers do at once now; at least 1."""

    def do(
        self, pieces: Iterable[Piece[Item]], *, at_once: int, again: Callable[[Item], None] | None = None
    ) -> Iterator[tuple[Item, Any]]:
        """Yield items and results as they come; a few pieces are under way at a time, others not yet asked for.

        Parameters
        ----------
        pieces : iterable of Piece
        at_once : int
            Pieces that a worker process may do at once, within its memory.
        again : callable, optional
            Called with an item that is to be done once more, as the workers that had begun with it died.

        Raises
        ------
        PatchplanError, OSError, MemoryError
            What a worker raised.
        ClusterError
            If a piece cannot be done by any worker, or the cluster is gone.
        """


class Cluster(Protocol):
    """Workers, as many as there are at a time."""

    on_this_machine: bool
    """Whether all workers run where the caller runs."""

    def threads(self) -> int:
        """Return the threads of a worker process, of the one that has most; wait until there is one."""

    def session(
        self, opener: str, brief: dict[str, Any], paths: Sequence[str], disk: Path | None = None
    ) -> AbstractContextManager[Session]:
        """Begin a run, and let go of all that workers have open for it at the end; none of them works on it then.

        Parameters
        ----------
        opener : str
            `module:function`: takes the brief and the threads of the process, and returns a
            `patchplan.cluster.worker.Bench`.
        brief : dict
            All that a worker needs to know of the run, as JSON.
        paths : sequence of str
            What each worker must see.
        disk : Path, optional
            A folder on the disk that workers write to. What `Session.do` yields is there, not only in the memory of
            the machine that wrote it.
        """

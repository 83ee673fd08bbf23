"""What all writers of patches have in common."""

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.journal.stamps import Stamp
from patchplan.objects import ObjectPath
from patchplan.tiles.protocol import TileForm

SHARD_BYTES = 64 << 20
"""Patches that are written at a time, before compression, where one is not larger."""

MAX_ROWS = 4096


class TileWriter(Protocol):
    """Where patches go. Threads may write different rows at the same time."""

    def write(self, start: int, index: IntArray, tiles: NDArray[Any]) -> None:
        """Write patches of neighbouring rows; what is there is nothing, or the same, written by another process.

        Parameters
        ----------
        start : int
            Row of the first; a multiple of the batch size that the writer was made with, where it has one.
        index : IntArray
            Index of each, (k,).
        tiles : NDArray
            k C (Z) Y X.

        Raises
        ------
        OSError
            If the system refuses.
        """

    def clear(self, start: int, index: IntArray) -> None:
        """Remove what a stopped run left of rows that are to be written: it may be broken."""

    def files(self, start: int, index: IntArray) -> list[str] | list[ObjectPath]:
        """Return the files that hold these rows and no others."""

    def stamps(self) -> Stamp:
        """Return what gives the stamps of files as long as nothing is written."""

    def finish(self) -> None:
        """Complete the output, after the last row; nobody takes it for one before."""

    def close(self) -> None:
        """Let go of what is open."""


def batch_rows(forms: Sequence[TileForm]) -> int:
    """Return how many patches are written at a time: about 64 MB of the largest, at most some thousands.

    Depends on the patches only, as the shards of a stack are its batches.
    """
    largest = max(form.nbytes for form in forms)
    return max(1, min(MAX_ROWS, SHARD_BYTES // max(1, largest)))

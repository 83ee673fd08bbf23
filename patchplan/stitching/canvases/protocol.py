"""What an output is to the code that fills it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger

Progress = Callable[[str, int, int], None]
"""Called with what is counted, how many are done, and how many there are."""

MakeBlocks = Callable[[int, Iterable[int], Callable[[int], None]], Iterator[tuple[int, int]]]
"""Makes blocks of a level of a pyramid, in any order: told the level, its blocks, and what is to be called with a block
before it is made once more; yields blocks and the stamps of their files."""


class Canvas(Protocol):
    """An output image that is filled block by block, each pixel once."""

    frame: Frame
    block: tuple[int, ...]
    """(Z)YX pixels of one block: what is stored as a piece. Depends on neither memory nor threads."""

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return a sample as an array C(Z)YX to write into; None where the output is not an array in memory."""

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write pixels C(Z)YX of a sample and wait until they are handed to the system.

        Threads may write different blocks at the same time.

        Parameters
        ----------
        sample_idx : int
            The sample.
        start : sequence of int
            First pixel in (Z)YX, on the grid of blocks.
        data : array (C, (Z), Y, X)
            Whole blocks, one or several, or up to the image's edge; of the frame's dtype.

        Raises
        ------
        OSError
            If the system refuses, as on a full disk.
        """

    def stamp(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> int:
        """Return a number that tells whether the files that hold these blocks are still as they were written."""

    def clear(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Remove what a stopped run left of blocks that are to be written: it may be broken."""

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return how much memory a `write` of data of this shape takes at most, beside the data."""

    def finish_bytes(self) -> int:
        """Return how much memory `finish` takes at most."""

    def finish(
        self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None
    ) -> None:
        """Complete the output: its pyramid, its metadata last. Nothing is written after it, no file is left open.

        What the ledger knows to be done is not done again. Blocks of the pyramid are made here, or `elsewhere`.
        """

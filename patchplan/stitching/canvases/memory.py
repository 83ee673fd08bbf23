"""An output image as an array in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.stitching.canvases.grid import default_chunks
from patchplan.stitching.canvases.protocol import MakeBlocks, Progress
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger


class MemoryCanvas:
    """A fresh array in the order of the frame's axes; `array` is the result."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.block = default_chunks(frame)
        self.array: NDArray[Any] = np.zeros(frame.shape, frame.dtype)

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return a sample as an array to write into, where channels are one axis."""
        frame = self.frame
        if len(frame.channels) > 1:  # two axes that are not neighbours make no view of one
            return None
        box = frame.box(sample_idx, [0] * len(frame.space), frame.spatial)
        whole = self.array[box]
        moved = (*frame.channels, *frame.space)
        rest = tuple(axis for axis in range(whole.ndim) if axis not in moved)
        data: NDArray[Any] = whole.transpose(*rest, *moved)[(0,) * len(rest)]
        return data if frame.channels else data[None]

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write pixels of a sample anywhere."""
        stop = [first + size for first, size in zip(start, data.shape[1:], strict=True)]
        self.array[self.frame.box(sample_idx, start, stop)] = self.frame.to_output(data)

    def stamp(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> int:
        """Return 0: there are no files."""
        return 0

    def clear(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Do nothing: pixels are written over."""

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return 0: pixels go where they stay."""
        return 0

    def finish_bytes(self) -> int:
        """Return 0: nothing is left to do."""
        return 0

    def finish(
        self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None
    ) -> None:
        """Note that the array is complete."""
        ledger.note_finished([])

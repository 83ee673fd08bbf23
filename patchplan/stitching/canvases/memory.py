"""An output image as an array in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.stitching.canvases.protocol import MakeBlocks, Progress
from patchplan.stitching.canvases.whole import WholeArray
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger


class MemoryCanvas(WholeArray):
    """A fresh array; `array` is the result."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame, np.zeros(frame.shape, frame.dtype))

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

    def finish(
        self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None
    ) -> None:
        """Note that the array is complete."""
        ledger.note_finished([])

"""An output image that is one array, in memory or mapped from a file."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from patchplan.stitching.canvases.grid import default_chunks
from patchplan.stitching.frame import Frame


class WholeArray:
    """An array in the order of the frame's axes, any part of which may be written over at any time."""

    def __init__(self, frame: Frame, array: NDArray[Any]) -> None:
        self.frame = frame
        self.block = default_chunks(frame)
        self.array = array

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write pixels of a sample anywhere."""
        stop = [first + size for first, size in zip(start, data.shape[1:], strict=True)]
        self.array[self.frame.box(sample_idx, start, stop)] = self.frame.to_output(data)

    def stamp(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> int:
        """Return 0: nothing tells of a part of it whether it has changed."""
        return 0

    def clear(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Do nothing: pixels are written over."""

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return 0: pixels go where they stay, and the system writes the pages of a map by itself."""
        return 0

    def finish_bytes(self) -> int:
        """Return 0: nothing is left to do."""
        return 0

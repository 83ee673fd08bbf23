"""An image whose pixels go to the arrays of a store."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from patchplan.publish.documents import remove_files
from patchplan.stitching.canvases.pyramid import Pyramid
from patchplan.stitching.canvases.stored import StoredLevels


class StoredCanvas:
    """Full resolution is written by blocks; `pyramid` are the further levels, means unless pixels are labels."""

    def __init__(self, block: tuple[int, ...], stored: StoredLevels, *, mean: bool) -> None:
        self.frame = stored.frame
        self.block = block
        self.pyramid = Pyramid(stored, mean=mean)
        self._stored = stored

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return None: pixels go to disk."""
        return None

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write whole blocks, or up to the edge."""
        self._stored.write(sample_idx, start, data)

    def stamp(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> int:
        """Return what the files of these blocks are like."""
        return self._stored.stamp(sample_idx, start, stop)

    def clear(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> None:
        """Remove the files of these blocks: a chunk at the edge would be read before it is written."""
        remove_files(self._stored.files(0, self.frame.box(sample_idx, start, stop)))

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return an upper bound of what encoding takes."""
        return self._stored.write_bytes(shape)

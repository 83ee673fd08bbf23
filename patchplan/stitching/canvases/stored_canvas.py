"""An image whose pixels go to the arrays of a store."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from patchplan.journal.stamps import changed, stamps_before
from patchplan.objects import ObjectPath
from patchplan.publish.documents import remove_files
from patchplan.stitching.canvases.pyramid import Pyramid
from patchplan.stitching.canvases.stored import StoredLevels
from patchplan.stitching.ledger import ImageLedger


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

    def check(self, ledger: ImageLedger) -> None:
        """Raise OutputError if objects are not as they were written.

        A store has one place for all runs of a name, and a process that was taken for gone may still write there.
        """
        folder = self._stored.folder
        if not isinstance(folder, ObjectPath):
            return
        now = stamps_before(folder)
        for sample_idx, start, stop, noted in ledger.kept_boxes():
            if now(self._stored.files(0, self.frame.box(sample_idx, start, stop))) != noted:
                box = " x ".join(f"{a}-{b}" for a, b in zip(start, stop, strict=True))
                raise changed(folder / "0", f"the box of sample {sample_idx}, pixels {box},")
        self.pyramid.check(ledger, now)

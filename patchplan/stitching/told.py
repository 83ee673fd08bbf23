"""What a `Stitcher` that goes on must know beside the blocks that are written, as tiles do not come again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.journal import Identity
from patchplan.journal.identity import read_identity, write_identity
from patchplan.objects import Location
from patchplan.publish.names import CLOSED
from patchplan.stitching.audit import ImageAudit
from patchplan.tiles.protocol import TileForm


@dataclass(frozen=True)
class Told:
    """Files in the folder of a run."""

    folder: Location

    def _about(self, data_idx: int) -> Location:
        return self.folder / f"image-{data_idx}.json"

    def tell_image(self, data_idx: int, image: ImageAudit, form: TileForm) -> None:
        """Write what decides how an image's tiles go together: its first one."""
        if not self._about(data_idx).exists():
            known = {"whole": image.whole, "alone": image.alone, "largest": image.largest}
            facts = {"shape": form.shape, "dtype": form.dtype.str, **known}
            write_identity(self._about(data_idx), Identity(facts, {}))

    def begun(self, images: Sequence[ImageAudit]) -> list[int]:
        """Return the images that a stopped run had begun; what it knew of their tiles is told to the audit."""
        found = [data_idx for data_idx in range(len(images)) if self._about(data_idx).exists()]
        for data_idx in found:
            facts, image = read_identity(self._about(data_idx)).facts, images[data_idx]
            image.form = TileForm(tuple(facts["shape"]), np.dtype(facts["dtype"]))
            image.whole, image.alone, image.largest = facts["whole"], facts["alone"], facts["largest"]
        return found

    def tell_lacking(self, positions: IntArray) -> None:
        """Write which tiles never came, when a run is closed without them: its blocks are without them, too."""
        write_identity(self.folder / CLOSED, Identity({"positions": positions.tolist()}, {}))

    def lacking(self) -> IntArray:
        """Return the positions of the tiles that a stopped run was closed without."""
        path = self.folder / CLOSED
        return np.array(read_identity(path).facts["positions"] if path.exists() else [], np.int64)

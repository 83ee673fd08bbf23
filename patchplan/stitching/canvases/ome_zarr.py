"""An OME-Zarr image, 0.4 or 0.5."""

from patchplan.objects import Location
from patchplan.stitching.canvases.compression import v2_codec, v3_codec
from patchplan.stitching.canvases.grid import chunks_and_shards
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.canvases.ome_metadata import write_root
from patchplan.stitching.canvases.options import CanvasOptions, has_mean
from patchplan.stitching.canvases.protocol import MakeBlocks, Progress
from patchplan.stitching.canvases.stored import Storage, StoredLevels
from patchplan.stitching.canvases.stored_canvas import StoredCanvas
from patchplan.stitching.frame import Frame
from patchplan.stitching.ledger import ImageLedger


class OmeZarrCanvas(StoredCanvas):
    """Level 0 is written block by block; a block is a shard, or a chunk where there are no shards."""

    def __init__(self, folder: Location, frame: Frame, options: CanvasOptions, threads: int) -> None:
        self._options = options
        self._mean = has_mean(frame, options)
        version, codec_of = (2, v2_codec) if options.ngff == "0.4" else (3, v3_codec)
        chunks, shards = chunks_and_shards(frame, options)
        storage = Storage(version, chunks, shards, codec_of(options.compression, frame.dtype), threads)
        levels = make_levels(frame, options.levels, halve_z=True)
        super().__init__(shards or chunks, StoredLevels(folder, frame, levels, storage), mean=self._mean)

    def finish_bytes(self) -> int:
        """Return an upper bound of what the pyramid takes."""
        return self.pyramid.build_bytes()

    def finish(
        self, ledger: ImageLedger, progress: Progress | None = None, elsewhere: MakeBlocks | None = None
    ) -> None:
        """Build the pyramid; the group's own metadata, which makes it an image, comes last."""
        self.pyramid.build(ledger, progress, elsewhere)
        self.check(ledger)
        write_root(self._stored.folder, self.frame, self._stored.levels, options=self._options, mean=self._mean)
        ledger.note_finished([])

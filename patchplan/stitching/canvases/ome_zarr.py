"""An OME-Zarr image, 0.4 or 0.5."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from patchplan.stitching.canvases.compression import v2_codec, v3_codec
from patchplan.stitching.canvases.grid import chunks_and_shards
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.canvases.ome_metadata import write_root
from patchplan.stitching.canvases.options import CanvasOptions, has_mean
from patchplan.stitching.canvases.protocol import Progress
from patchplan.stitching.canvases.stored import Storage, StoredLevels
from patchplan.stitching.frame import Frame


class OmeZarrCanvas:
    """Level 0 is written block by block; a block is a shard, or a chunk where there are no shards."""

    def __init__(self, folder: Path, frame: Frame, options: CanvasOptions, threads: int) -> None:
        self.frame = frame
        self._options = options
        self._mean = has_mean(frame, options)
        version, codec_of = (2, v2_codec) if options.ngff == "0.4" else (3, v3_codec)
        chunks, shards = chunks_and_shards(frame, options)
        self.block = shards or chunks
        storage = Storage(version, chunks, shards, codec_of(options.compression, frame.dtype), threads)
        self._stored = StoredLevels(folder, frame, make_levels(frame, options.levels, halve_z=True), storage)

    def view(self, sample_idx: int) -> NDArray[Any] | None:
        """Return None: pixels go to disk."""
        return None

    def write(self, sample_idx: int, start: Sequence[int], data: NDArray[Any]) -> None:
        """Write whole blocks, or up to the edge."""
        self._stored.write(sample_idx, start, data)

    def write_bytes(self, shape: Sequence[int]) -> int:
        """Return an upper bound of what encoding takes."""
        return self._stored.write_bytes(shape)

    def finish_bytes(self) -> int:
        """Return an upper bound of what the pyramid takes."""
        return self._stored.build_bytes()

    def finish(self, progress: Progress | None = None) -> None:
        """Build the pyramid; the group's own metadata, which makes it an image, comes last."""
        self._stored.build(mean=self._mean, progress=progress)
        write_root(self._stored.folder, self.frame, self._stored.levels, ngff=self._options.ngff, mean=self._mean)

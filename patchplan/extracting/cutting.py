"""Reading many patches at once: neighbours by one read, each chunk of the source about once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.clusters import Cluster, clusters
from patchplan.core.specs import IntArray, SpecTable
from patchplan.extracting.sources import Sources
from patchplan.images.padding import PadMode

BLOCK_BYTES = 16 << 20
"""Bytes of a box that is read for several patches."""


@dataclass(frozen=True)
class Cutter:
    """Cuts patches out of images. Several threads may use it at once, once the images are open."""

    sources: Sources
    pad_mode: PadMode = "constant"

    def cut(self, specs: SpecTable) -> NDArray[Any]:
        """Return patches of one form, k C (Z) Y X, in the order of the specs.

        Read in Morton order of their chunks.

        Raises
        ------
        ImageError
            If an image cannot be opened or read.
        """
        first = specs[0]
        if len(specs) == 1:  # which may be large, and needs no copy
            return self._read(first["data_idx"], first["sample_idx"], first["coords"], first["patch_size"])[np.newaxis]
        form = self.sources.form(first["data_idx"], first["patch_size"])
        patches = np.empty((len(specs), *form.shape), form.dtype)
        for rows in specs.by_sample():
            data_idx, sample_idx = int(specs.data_idx[rows[0]]), int(specs.sample_idx[rows[0]])
            start = specs.coords[rows]
            for cluster in self._clusters(data_idx, start, specs.patch_size[rows], form.shape[0]):
                block = self._read(data_idx, sample_idx, cluster.start, cluster.size)
                within = (start[cluster.members] - cluster.start).tolist()
                for row, corner in zip(rows[cluster.members].tolist(), within, strict=True):
                    inside = tuple(slice(a, a + n) for a, n in zip(corner, form.shape[1:], strict=True))
                    patches[row] = block[(slice(None), *inside)]
        return patches

    def _clusters(self, data_idx: int, start: IntArray, size: IntArray, n_channels: int) -> Iterator[Cluster]:
        source = self.sources[data_idx]
        max_pixels = BLOCK_BYTES // (source.dtype.itemsize * max(1, n_channels))
        return clusters(start, size, np.array(source.spatial_chunks, np.int64), max_pixels)

    def _read(self, data_idx: int, sample_idx: int, start: Sequence[int], size: Sequence[int]) -> NDArray[Any]:
        return self.sources[data_idx].read(sample_idx, start, size, self.sources.channels, pad_mode=self.pad_mode)

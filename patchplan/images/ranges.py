"""An array that lies in one piece in an object: read like a memory map, by ranges of bytes."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.layout import Box
from patchplan.objects import ObjectPath
from patchplan.objects.path import NEAR


@dataclass(frozen=True)
class Ranges:
    """Bytes of an object from `offset` on, as an array in C order.

    Reading is an OSError once the object has changed since it had the tag, where there is one.
    """

    path: ObjectPath
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    etag: str | None = None

    def __getitem__(self, box: Box) -> NDArray[Any]:
        """Return a box; slices have start and stop and lie inside."""
        out = np.empty([piece.stop - piece.start for piece in box], self.dtype)
        if not out.size:
            return out
        together = self._together(box)
        outer, inner = box[:together], box[together:]
        size = self.dtype.itemsize * prod(self.shape[together:])
        row = self.dtype.itemsize * prod(self.shape[together + 1 :])
        places = list(product(*(range(piece.start, piece.stop) for piece in outer)))
        numbers = [int(np.ravel_multi_index(index, self.shape[:together])) if index else 0 for index in places]
        starts = [self.offset + number * size + inner[0].start * row for number in numbers]
        length = (inner[0].stop - inner[0].start) * row
        found = self.path.read_ranges([(start, start + length) for start in starts], etag=self.etag)
        for index, data in zip(places, found, strict=True):
            block = np.frombuffer(data, self.dtype).reshape(-1, *self.shape[together + 1 :])
            place = tuple(i - piece.start for i, piece in zip(index, outer, strict=True))
            out[place] = block[(slice(None), *inner[1:])]
        return out

    def _together(self, box: Box) -> int:
        """Return the first axis whose entries are fetched together: little that is not wanted lies between."""
        for axis in range(len(box) - 1):
            entry = between = self.dtype.itemsize * prod(self.shape[axis + 1 :])
            for piece, n in zip(box[axis + 1 :], self.shape[axis + 1 :], strict=True):
                entry //= n
                between -= (piece.stop - piece.start - 1) * entry
            if between - entry <= NEAR:
                return axis
        return len(box) - 1

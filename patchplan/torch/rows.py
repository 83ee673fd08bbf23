"""The rows of an epoch for random access: held in few bytes each, or computed where they follow from a strategy."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.offsets import check_index
from patchplan.core.specs import IntArray, PatchSpecs, SpecTable
from patchplan.patching.protocol import Patching

NARROW = (np.uint8, np.uint16, np.uint32)


class Rows(Protocol):
    """Patches by position, 0 to n - 1; other positions raise IndexError."""

    @property
    def n(self) -> int:
        """Number of rows."""

    @property
    def data_idx(self) -> NDArray[Any]:
        """Number of the image of each row, (n,)."""

    def index(self, position: int) -> int:
        """Return the index of a row."""

    def specs(self, position: int) -> PatchSpecs:
        """Return a row."""


class FollowingRows:
    """All patches of a strategy that numbers them image by image; nothing is held."""

    def __init__(self, patching: Patching, n_images: int) -> None:
        self._patching = patching
        self._n_images = n_images

    @property
    def n(self) -> int:
        """Number of rows."""
        return self._patching.n_patches

    @property
    def data_idx(self) -> NDArray[Any]:
        """Number of the image of each row, (n,)."""
        counts = [len(self._patching.get_patch_indices(data_idx)) for data_idx in range(self._n_images)]
        return np.repeat(np.arange(self._n_images), counts)

    def index(self, position: int) -> int:
        """Return the index of a row."""
        return check_index(position, self.n)

    def specs(self, position: int) -> PatchSpecs:
        """Return a row."""
        return self._patching.get_patch_spec(position)


class HeldRows:
    """Rows in memory, in the narrowest type per column; a column of one value takes one row.

    Parameters
    ----------
    pieces : iterable of (IntArray, SpecTable)
        Indices and specs, at least one piece.
    """

    def __init__(self, pieces: Iterable[tuple[IntArray, SpecTable]]) -> None:
        parts: dict[str, list[NDArray[Any]]] = {}
        for index, specs in pieces:
            for name, column in {"index": index, **specs.columns()}.items():
                parts.setdefault(name, []).append(_narrow(column))
        columns = {}
        for name in list(parts):
            columns[name] = _joined(parts.pop(name))
        self._index = columns.pop("index")
        self._specs = SpecTable(**columns)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self._index)

    @property
    def data_idx(self) -> NDArray[Any]:
        """Number of the image of each row, (n,)."""
        return self._specs.data_idx

    def index(self, position: int) -> int:
        """Return the index of a row."""
        return int(self._index[check_index(position, self.n)])

    def specs(self, position: int) -> PatchSpecs:
        """Return a row."""
        return self._specs[check_index(position, self.n)]


def _narrow(column: IntArray) -> NDArray[Any]:
    """Return whole numbers from 0 in as few bytes as they need."""
    largest = column.max(initial=0)
    dtype = next((dtype for dtype in NARROW if largest <= np.iinfo(dtype).max), np.int64)
    return column.astype(dtype)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    column = np.concatenate(parts)
    if len(column) and (column == column[0]).all():
        return np.broadcast_to(column[0].copy(), column.shape)
    return column

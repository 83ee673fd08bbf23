"""What stitching needs to know of tiles, wherever they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray


@dataclass(frozen=True, slots=True)
class TileForm:
    """Shape C (Z) Y X and dtype of a tile; the dtype in native byte order."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of such a tile, decoded."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape))} {self.dtype}"


class Tiles(Protocol):
    """The tiles of one epoch of a plan. A position is a row of the plan, an index the stable number of a tile.

    Everything but `read` is known from presence and headers only; no tile is decoded for it. Arrays over
    positions have the shape (n,) and may be read-only broadcast views.
    """

    @property
    def n(self) -> int:
        """Rows of the plan's epoch."""

    @property
    def index(self) -> range | IntArray:
        """Index of the tile by position."""

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which positions have a tile, also one that is bad."""

    @property
    def duplicates(self) -> IntArray:
        """Indices that are there more than once, ascending."""

    @property
    def unplanned(self) -> int:
        """Number of tiles that the plan does not have."""

    @property
    def forms(self) -> tuple[TileForm, ...]:
        """The distinct forms of tiles."""

    @property
    def form_of(self) -> NDArray[np.integer[Any]]:
        """Number in `forms` by position; means nothing where the tile is absent or bad."""

    @property
    def bad(self) -> list[tuple[int, str]]:
        """Indices of tiles whose header cannot be read, and why."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, one line each."""

    @property
    def uris(self) -> tuple[str, ...]:
        """Where the tiles are."""

    def read(self, positions: IntArray) -> Iterator[NDArray[Any]]:
        """Yield the tiles C (Z) Y X at these positions, in their order.

        In native byte order, maybe as read-only views. Each iterator reads ahead in bounded memory; several
        threads may have one each. Fastest for ascending positions.

        Raises
        ------
        AuditError
            If a tile cannot be read, with `bad` and a message naming index and place.
        """

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Like `read`, but yield in place of a tile that cannot be read why, naming its place."""

    def read_bytes(self) -> int:
        """Return an upper bound of the memory that one iterator holds at once, its current tile included."""

    def close(self) -> None:
        """Let go of files; reading is over."""

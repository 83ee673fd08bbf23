"""What all kinds of tiles have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.errors import AuditError, PatchplanError, TilesError
from patchplan.images.boundary import RefusedError, describe, one_line

NUMBERS = "biufc"
"""Kinds of dtypes that pixels may have."""

BATCH_BYTES = 4 << 20
"""Decoded bytes that are read in one go, where chunks are not larger."""

NO_TILES: IntArray = np.empty(0, np.int64)


def everywhere(value: Any, n: int) -> NDArray[Any]:
    """Return an array of shape (n,) that takes no memory."""
    return np.broadcast_to(np.asarray(value), (n,))


def tile_axes(ndim: int) -> str:
    """Return the axes of a tile for messages: `C Y X`."""
    return f"C {' '.join(spatial_axes(ndim))}"


def why_not(uri: object, error: Exception, doing: str = "cannot be read") -> str:
    """Return in one line why something cannot be read, naming it."""
    problem = str(error) if isinstance(error, RefusedError) else describe(error, doing)
    return f"{one_line(str(uri), 1000)}: {problem}"


def unplanned_notes(uri: object, n: int) -> tuple[str, ...]:
    """Return what to say of tiles that the plan does not have.

    Examples
    --------
    >>> unplanned_notes("out.zarr", 5)
    ('out.zarr: 5 tiles are not of this plan; they are not used',)
    """
    if not n:
        return ()
    found = "1 tile is not of this plan; it is" if n == 1 else f"{n:,} tiles are not of this plan; they are"
    return (f"{uri}: {found} not used",)


@contextmanager
def opening(uri: object) -> Iterator[None]:
    """Turn whatever goes wrong inside into a TilesError naming what was to be opened."""
    try:
        yield
    except RefusedError as error:
        raise TilesError(why_not(uri, error)) from error.__cause__
    except PatchplanError:
        raise
    except Exception as error:
        raise TilesError(why_not(uri, error, "cannot be opened")) from error


class Reading:
    """`read` for tiles that have `try_read`."""

    index: range | IntArray
    present: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Rows of the plan's epoch."""
        return len(self.index)

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile, or why it cannot be read."""
        raise NotImplementedError

    def read(self, positions: IntArray) -> Iterator[NDArray[Any]]:
        """Yield each tile C (Z) Y X; the first that is missing or cannot be read is an AuditError."""
        missing = [int(self.index[int(p)]) for p in positions[~self.present[positions]]]
        if missing:
            raise AuditError(f"tile {missing[0]}: is not there", missing=missing)
        for position, tile in zip(positions, self.try_read(positions), strict=True):
            if isinstance(tile, str):
                index = int(self.index[int(position)])
                raise AuditError(f"tile {index}: {tile}", bad=[(index, tile)])
            yield tile

    def close(self) -> None:
        """Let go of files."""

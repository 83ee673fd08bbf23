"""Tiles that have come and wait for their neighbours: in memory, and beyond a bound in a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.errors import OutputError
from patchplan.tiles.protocol import TileForm


class HeldTiles:
    """Tiles by position, dropped when nobody needs them any more.

    Parameters
    ----------
    index : range or int array
        Index of each row of the plan's epoch.
    memory : int
        Bytes of tiles in memory; others go to a file, whose places are used again.
    """

    unplanned = 0
    notes: tuple[str, ...] = ()
    uris = ("the tiles added",)

    def __init__(self, index: range | IntArray, memory: int) -> None:
        self.index = index
        self.n = n = len(index)
        self.present: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.form_of: NDArray[np.integer[Any]] = np.zeros(n, np.int16)
        self.forms: tuple[TileForm, ...] = ()
        self.duplicates: IntArray = np.empty(0, np.int64)
        self.bad: list[tuple[int, str]] = []
        self._memory = memory
        self._held: dict[int, NDArray[Any]] = {}
        self._bytes = 0
        self._spilled = Spill()

    def spill_to(self, folder: Path) -> None:
        """Say where the file may grow."""
        self._spilled.path = folder / "held.bin"

    def put(self, position: int, tile: NDArray[Any]) -> None:
        """Keep a tile, a copy of it where it stays in memory."""
        form = TileForm(tile.shape, tile.dtype)
        if form not in self.forms:
            self.forms = (*self.forms, form)
        self.form_of[position] = self.forms.index(form)
        self.present[position] = True
        if self._bytes + tile.nbytes <= self._memory:
            self._held[position] = tile.copy()
            self._bytes += tile.nbytes
        else:
            self._spilled.put(position, tile)

    def drop(self, position: int) -> None:
        """Forget the pixels of a tile; it stays present."""
        tile = self._held.pop(position, None)
        if tile is None:
            self._spilled.drop(position)
        else:
            self._bytes -= tile.nbytes

    def read(self, positions: IntArray) -> Iterator[NDArray[Any]]:
        """Yield tiles in the order asked for."""
        for position in positions.tolist():
            tile = self._held.get(position)
            yield self._spilled.get(position, self.forms[self.form_of[position]]) if tile is None else tile

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield tiles in the order asked for."""
        return self.read(positions)

    def read_bytes(self) -> int:
        """Return the bytes of one tile, which may come from the file."""
        return max((form.nbytes for form in self.forms), default=0)

    def close(self) -> None:
        """Forget all tiles."""
        self._held.clear()
        self._spilled.close()


def all_taken(index: range | IntArray) -> HeldTiles:
    """Return tiles of which none is needed any more, by their indices."""
    tiles = HeldTiles(index, 0)
    tiles.present[:] = True
    return tiles


class Spill:
    """Arrays in a file, by number; the places of those dropped are given to others of their size."""

    def __init__(self) -> None:
        self.path = Path("held.bin")
        self._file: Any = None
        self._places: dict[int, tuple[int, int]] = {}
        self._free: dict[int, list[int]] = {}
        self._end = 0

    def put(self, number: int, array: NDArray[Any]) -> None:
        """Write an array."""
        if self._file is None:
            self._file = self.path.open("w+b", buffering=0)
        free = self._free.get(array.nbytes)
        place = free.pop() if free else self._end
        self._end = max(self._end, place + array.nbytes)
        self._places[number] = place, array.nbytes
        try:
            self._file.seek(place)
            left = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise OutputError(f"{self.path}: tiles that wait cannot be kept: {error.strerror or error}") from None

    def get(self, number: int, form: TileForm) -> NDArray[Any]:
        """Read an array back."""
        place, size = self._places[number]
        self._file.seek(place)
        return np.frombuffer(self._file.read(size), form.dtype).reshape(form.shape)

    def drop(self, number: int) -> None:
        """Give the place of an array to others."""
        place, size = self._places.pop(number)
        self._free.setdefault(size, []).append(place)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

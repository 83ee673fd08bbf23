"""Tiles that are in memory, or made on demand by an object of the user."""

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.errors import TilesError
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import NUMBERS, Reading, everywhere


class HasTile(Protocol):
    """An object that returns tiles by index."""

    def tile(self, index: int) -> Any:
        """Return a tile C (Z) Y X.

        Asked for one tile at a time, though from several threads; for some tiles more than once.
        """


class _InMemory(Reading):
    """Tiles of which all are there."""

    forms: tuple[TileForm, ...]
    form_of: NDArray[np.integer[Any]]
    unplanned = 0
    notes: tuple[str, ...] = ()

    def __init__(self, index: range | IntArray, uri: str) -> None:
        self.index = index
        self.uris = (uri,)
        self.present: NDArray[np.bool_] = everywhere(True, len(index))
        self.duplicates: IntArray = np.empty(0, np.int64)
        self.bad: list[tuple[int, str]] = []
        self.forms = ()
        self.form_of = everywhere(0, len(index))

    def read_bytes(self) -> int:
        """Return the bytes of the largest tile, which may be a copy."""
        return max((form.nbytes for form in self.forms), default=0)


class ArrayTiles(_InMemory):
    """Tiles of an array (N C (Z) Y X) or of a sequence of arrays (C (Z) Y X); number k is row k of the plan.

    Parameters
    ----------
    tiles : array or sequence of arrays
        An array that is no NumPy array, but has a NumPy dtype, is read row by row.
    index : range or int array
        Index of each row of the plan.
    ndim : int
        Number of spatial axes.

    Raises
    ------
    TilesError
        If number, axes or dtype do not fit.
    """

    def __init__(self, tiles: Any, index: range | IntArray, *, ndim: int) -> None:
        super().__init__(index, "the array given")
        if isinstance(tiles, Sequence):
            self._tiles: Any = [np.asarray(tile) for tile in tiles]
            found = [_form(tile.shape, tile.dtype, ndim, f"tile number {k}") for k, tile in enumerate(self._tiles)]
            self.forms = tuple(dict.fromkeys(found))
            if len(self.forms) > 1:
                numbers = {form: number for number, form in enumerate(self.forms)}
                self.form_of = np.array([numbers[form] for form in found], np.int32)
        else:
            self._tiles = tiles if _has_numpy_dtype(tiles) else np.asarray(tiles)
            _check_axes(self._tiles.shape, ndim + 2, f"N C {' '.join(spatial_axes(ndim))}", "the array given")
            self.forms = (_form(self._tiles.shape[1:], self._tiles.dtype, ndim, "the array given"),)
        found_n = len(self._tiles) if isinstance(self._tiles, list) else self._tiles.shape[0]
        if found_n != len(index):
            raise TilesError(f"the array given has {found_n} tiles; the plan has {len(index)}")

    def read(self, positions: IntArray) -> Iterator[NDArray[Any]]:
        """Yield each tile, without a step of Python for each where they are one array."""
        if isinstance(self._tiles, np.ndarray) and self._tiles.dtype.isnative:
            return map(self._tiles.__getitem__, positions.tolist())
        return super().read(positions)

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile, a view where it is in memory and in native byte order."""
        native = [form.dtype for form in self.forms]
        for position in positions:
            yield np.asarray(self._tiles[int(position)], native[int(self.form_of[position])])


class ObjectTiles(_InMemory):
    """Tiles from an object's method `tile(index)`: channels and dtype must be those of the first.

    The first is asked for at once, each of them whenever it is needed, which may be more than once: for a check
    and then for each part of the image that it reaches into. There is one call at a time, though from several
    threads. Sizes are those of the first unless `expect` says otherwise.

    Raises
    ------
    TilesError
        If the first tile has other axes than C (Z) Y X or is not of numbers.
    """

    def __init__(self, source: HasTile, index: range | IntArray, *, ndim: int) -> None:
        super().__init__(index, f"{type(source).__name__}.tile")
        self._source = source
        self._lock = Lock()
        if len(index):
            first = np.asarray(source.tile(int(index[0])))
            self.forms = (_form(first.shape, first.dtype, ndim, f"tile {index[0]}"),)

    def expect(self, positions: IntArray, sizes: IntArray) -> None:
        """Say which sizes (k, ndim) tiles must have, because nobody knows before they are made."""
        first = self.forms[0]
        for size in np.unique(sizes, axis=0).tolist():
            form = TileForm((first.shape[0], *size), first.dtype)
            if form not in self.forms:
                self.forms = (*self.forms, form)
            number = self.forms.index(form)
            if number and not self.form_of.flags.writeable:
                self.form_of = np.zeros(self.n, np.int32)
            if number:
                self.form_of[positions[(sizes == size).all(axis=1)]] = number

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile; one of another form is not read."""
        for position in positions:
            index = int(self.index[int(position)])
            with self._lock:  # what the user has, such as a model, may not bear two at once
                tile = np.array(self._source.tile(index))  # which may be a buffer for the next, too
            found, wanted = TileForm(tile.shape, tile.dtype.newbyteorder("=")), self.forms[int(self.form_of[position])]
            if found == wanted:
                yield np.asarray(tile, wanted.dtype)
            else:
                yield f"{self.uris[0]}({index}) is {found}; allowed: {wanted}"


def _has_numpy_dtype(array: Any) -> bool:
    return hasattr(array, "shape") and isinstance(getattr(array, "dtype", None), np.dtype)


def _form(shape: tuple[int, ...], dtype: np.dtype[Any], ndim: int, where: str) -> TileForm:
    """Return the form of a tile, or refuse it."""
    _check_axes(shape, ndim + 1, f"C {' '.join(spatial_axes(ndim))}", where)
    if dtype.kind not in NUMBERS:
        raise TilesError(f"{where} has dtype {dtype}; allowed are bool, integers, floats and complex")
    return TileForm(tuple(int(n) for n in shape), dtype.newbyteorder("="))


def _check_axes(shape: tuple[int, ...], n_axes: int, axes: str, where: str) -> None:
    if len(shape) != n_axes:
        raise TilesError(f"{where} has shape {tuple(shape)}; allowed are {n_axes} axes, {axes}")

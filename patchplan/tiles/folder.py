"""A folder with a file per tile, named by its index: `0007.npy`, `prediction_12.tif`."""

import os
import re
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.images.boundary import RefusedError
from patchplan.images.zarr.stores import is_there
from patchplan.images.zarr.traffic import REQUESTS
from patchplan.objects import Location, ObjectPath
from patchplan.tiles import npy, tif
from patchplan.tiles.ahead import ahead
from patchplan.tiles.places import Places
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.reading import BATCH_BYTES, Reading, everywhere, unplanned_notes, why_not

PIECE = 1 << 14
_NAME = re.compile(r"(.*?)([0-9]+)([^0-9]*)\.(npy|tiff?)", re.IGNORECASE | re.DOTALL)
"""What stands before the last digits of the stem, these, what follows, and the suffix."""

_ODD = 255
"""Code of a file whose name follows no pattern; 0 is no file."""

_BATCH_FILES = 64

MAX_FILES = 1 << 24
"""Tiles of a plan that a folder may be the place of: more files than any folder holds."""


class Names:
    """File names by position, one byte each where they follow a few patterns, as they do."""

    def __init__(self, n: int) -> None:
        self.code: NDArray[np.uint8] = np.zeros(n, np.uint8)
        self._patterns: list[tuple[str, int, str]] = []
        self._odd: dict[int, str] = {}

    def put(self, position: int, index: int, name: str) -> None:
        """Note the file of a tile."""
        for code, pattern in enumerate(self._patterns, start=1):
            if _spell(pattern, index) == name:
                self.code[position] = code
                return
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"{name} has no index")
        stem, digits, rest, suffix = found.groups()
        if len(self._patterns) < _ODD - 1:
            self._patterns.append((stem, len(digits), f"{rest}.{suffix}"))
            self.code[position] = len(self._patterns)
        else:
            self.code[position] = _ODD
            self._odd[position] = name

    def at(self, position: int, index: int) -> str:
        """Return the name of a file noted."""
        code = int(self.code[position])
        return self._odd[position] if code == _ODD else _spell(self._patterns[code - 1], index)


def _spell(pattern: tuple[str, int, str], index: int) -> str:
    before, width, after = pattern
    return f"{before}{index:0{width}d}{after}"


@dataclass(frozen=True, slots=True)
class _Files:
    """Some tiles, read in one go."""

    positions: tuple[int, ...]
    nbytes: int


class FolderTiles(Reading):
    """Files of a folder, those in folders below it left alone.

    Headers are read at once, unless the one `form` of all tiles is told; pixels ahead by `threads` threads.
    """

    def __init__(self, path: Location, places: Places, ndim: int, threads: int, form: TileForm | None = None) -> None:
        if places.n > MAX_FILES:
            raise RefusedError(
                f"is a folder, and the plan has {places.n:,} tiles; allowed with a file per tile are {MAX_FILES:,}. "
                "Use a Zarr stack"
            )
        self.index = places.index
        self.uris = (str(path),)
        self.unplanned = 0
        self._folder = str(path)
        self._path = path
        self._ndim = ndim
        self._names = Names(places.n)
        self.duplicates = self._scan(places)
        self.present: NDArray[np.bool_] = self._names.code != 0
        self.bad: list[tuple[int, str]] = []
        self.forms: tuple[TileForm, ...] = () if form is None else (form,)
        self._at_once = _BATCH_FILES
        if isinstance(path, ObjectPath):  # which are waited for, each in a thread of its own
            threads, self._at_once = max(threads, REQUESTS), 1
        self._pool = ThreadPoolExecutor(threads, "patchplan-tiles")
        try:
            self.form_of = self._look() if form is None else everywhere(0, self.n)
        except BaseException:
            self.close()
            raise

    def _scan(self, places: Places) -> IntArray:
        """Find out which file is which tile, and return the indices that have several."""
        again: set[int] = set()
        others = 0
        with closing(_files(self._path)) as names:
            while piece := list(islice(names, PIECE)):
                parts = [(name, found.group(2)) for name in piece if (found := _NAME.fullmatch(name))]
                others += len(piece) - len(parts)
                # more digits than any index has are an index that no plan has
                indices = np.array([int(digits) if len(digits) < 19 else -1 for _, digits in parts], np.int64)
                for (name, _), index, position in zip(parts, indices, places.locate(indices), strict=True):
                    if position < 0:
                        self.unplanned += 1
                    elif self._names.code[position]:
                        again.add(int(index))
                    else:
                        self._names.put(int(position), int(index), name)
        self.notes = unplanned_notes(self._folder, self.unplanned)
        if others:
            left = f"{self._folder}: {others:,} files left alone: tiles are .npy or .tif, named by their index"
            self.notes = (left, *self.notes)
        return np.array(sorted(again), np.int64)

    def _look(self) -> NDArray[np.integer[Any]]:
        """Read all headers."""
        forms: dict[TileForm, int] = {}
        form_of: NDArray[np.integer[Any]] = everywhere(0, self.n)
        for position, form in self._forms(np.flatnonzero(self.present)):
            if isinstance(form, str):
                self.bad.append((int(self.index[position]), form))
                continue
            number = forms.setdefault(form, len(forms))
            if number and not form_of.flags.writeable:
                form_of = np.zeros(self.n, np.int32)
            if number:
                form_of[position] = number
        self.forms = tuple(forms)
        return form_of

    def _forms(self, positions: IntArray) -> Iterator[tuple[int, TileForm | str]]:
        """Yield what each file holds, or why it cannot be read; of objects, which are waited for, many at a time."""
        there = map(int, positions)
        if not isinstance(self._path, ObjectPath):
            yield from ((position, self._form(position)) for position in there)
            return
        while piece := list(islice(there, PIECE)):
            yield from zip(piece, self._pool.map(self._form, piece), strict=True)

    def _form(self, position: int) -> TileForm | str:
        path = self._file(position)
        try:
            form: TileForm = _reader(path).tile_form(path, self._ndim)
        except Exception as error:  # readers of TIFF raise what they like
            return why_not(path, error)
        return form

    def _file(self, position: int) -> str:
        return f"{self._folder}/{self._names.at(position, int(self.index[position]))}"

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile, read from its file some tiles ahead."""
        for _, tiles in ahead(self._batches(positions), self._begin, BATCH_BYTES):
            if isinstance(tiles, Exception):
                raise tiles  # of the pool: each tile's own error is in its place
            yield from tiles

    def _batches(self, positions: IntArray) -> Iterator[_Files]:
        """Cut positions into small batches, of which several are read at once."""
        limit = BATCH_BYTES // 8
        batch: list[int] = []
        held = 0
        for position in map(int, positions):
            size = self.forms[int(self.form_of[position])].nbytes if self.forms else 0
            if batch and (held + size > limit or len(batch) == self._at_once):
                yield _Files(tuple(batch), held)
                batch, held = [], 0
            batch.append(position)
            held += size
        if batch:
            yield _Files(tuple(batch), held)

    def _begin(self, batch: _Files) -> Callable[[], list[NDArray[Any] | str]]:
        return self._pool.submit(lambda: [self._one(position) for position in batch.positions]).result

    def _one(self, position: int) -> NDArray[Any] | str:
        path = self._file(position)
        try:
            tile = _reader(path).read_tile(path, self._ndim)
        except Exception as error:  # codecs raise what they like
            return why_not(path, error)
        planned = self.forms[int(self.form_of[position])]
        found = TileForm(tile.shape, tile.dtype)
        return tile if found == planned else f"{path}: has changed since it was opened: {found}, was {planned}"

    def read_bytes(self) -> int:
        """Return the bytes of what is read ahead, of what the caller has, and of files as they are decoded."""
        return 3 * max(BATCH_BYTES, *(form.nbytes for form in self.forms), 0)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


def _files(path: Location) -> Generator[str, None, None]:
    """Yield the names of files in a folder, or of objects below a prefix, in one listing."""
    if isinstance(path, ObjectPath):
        yield from (name for name in path.children()[1] if not name.startswith("."))
        return
    with os.scandir(path) as entries:
        yield from (e.name for e in entries if not e.name.startswith(".") and is_there(e))


def _reader(path: str) -> ModuleType:
    return npy if path.lower().endswith(".npy") else tif

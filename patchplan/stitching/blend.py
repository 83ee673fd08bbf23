"""Blends: how the tiles that touch a box become its pixels, always in the order of their indices.

A blend fills `values` (C (Z) Y X) of one box and, where asked, says which pixels a tile covers. What a pixel
becomes does not depend on the box that it is computed in.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.placing import Placed, Places
from patchplan.core.specs import IntArray
from patchplan.core.windows import window
from patchplan.tiles.protocol import Tiles

Values = NDArray[Any]
Mask = NDArray[np.bool_]
Slices = tuple[Any, ...]

CACHED_WEIGHTS = 1 << 25
"""Bytes of windows kept: those of most tiles are the same."""


class Blend(Protocol):
    """A way to make one image of tiles that overlap."""

    def fill(
        self, values: Values, covered: Mask | None, placed: Placed, tiles: Tiles, start: Sequence[int]
    ) -> Mask | None:
        """Fill the box of `values` that begins at `start`; return which pixels are covered, None for all of them.

        `covered` is all False, or None where it is known that the tiles cover everything.
        """


def overlaps(placed: Placed, start: Sequence[int], shape: Sequence[int]) -> Iterator[tuple[Slices, Slices, IntArray]]:
    """Yield, per tile, where in a box it goes, which part of it, and where that part begins in the output."""
    stop = np.array(start) + np.array(shape)
    lo, hi = np.maximum(placed.start, start), np.minimum(placed.stop, stop)
    to, source = lo - np.array(start), lo - placed.origin
    ends, source_ends = (to + hi - lo).tolist(), (source + hi - lo).tolist()
    for a, b, c, d, first in zip(to.tolist(), ends, source.tolist(), source_ends, lo, strict=True):
        yield (..., *map(slice, a, b)), (..., *map(slice, c, d)), first


class Paste:
    """The last tile wins: used where kept parts partition the image, or tiles do not overlap."""

    def fill(
        self, values: Values, covered: Mask | None, placed: Placed, tiles: Tiles, start: Sequence[int]
    ) -> Mask | None:
        """Put every tile in its place."""
        places = overlaps(placed, start, values.shape[1:])
        for tile, (to, source, _) in zip(tiles.read(placed.position), places, strict=True):
            values[to] = tile[source]
            if covered is not None:
                covered[to] = True
        return covered


class Extreme:
    """The largest (or smallest) value wins."""

    def __init__(self, name: str) -> None:
        self._pick = np.maximum if name == "max" else np.minimum
        self._largest = name == "max"

    def fill(
        self, values: Values, covered: Mask | None, placed: Placed, tiles: Tiles, start: Sequence[int]
    ) -> Mask | None:
        """Start below (above) all values and let every tile raise (lower) them."""
        values[:] = self._beyond(values.dtype)
        places = overlaps(placed, start, values.shape[1:])
        for tile, (to, source, _) in zip(tiles.read(placed.position), places, strict=True):
            self._pick(values[to], tile[source], out=values[to])
            if covered is not None:
                covered[to] = True
        return covered

    def _beyond(self, dtype: np.dtype[Any]) -> Any:
        if dtype.kind == "b":
            return not self._largest
        if dtype.kind in "iu":
            return np.iinfo(dtype).min if self._largest else np.iinfo(dtype).max
        return -np.inf if self._largest else np.inf


class Weighted:
    """The mean of the tiles, weighted with a window: sum of weight x value, divided by the sum of weights."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._windows = WeightCache()

    def fill(
        self, values: Values, covered: Mask | None, placed: Placed, tiles: Tiles, start: Sequence[int]
    ) -> Mask | None:
        """Sum up, then divide."""
        values[:] = 0
        space = values.shape[1:]
        total = np.zeros(space, values.real.dtype)
        temporary = Temporary(values)
        sources = tiles.read(placed.position)
        lengths, reads = placed.length.tolist(), placed.read
        for tile, (to, source, first), length, read in zip(
            sources, overlaps(placed, start, space), lengths, reads, strict=True
        ):
            weights = self._windows.get(tuple(length), self._plain, total.dtype)
            part = tuple(
                slice(a, a + piece.stop - piece.start) for a, piece in zip((first - read).tolist(), to[1:], strict=True)
            )
            values[to] += temporary.product(tile[source], weights[part])
            total[to] += weights[part]
        inside = total > 0
        np.divide(values, total, out=values, where=inside)
        return None if inside.all() else inside

    def _plain(self, lengths: tuple[int, ...]) -> list[NDArray[np.float64]]:
        return [window(self.name, n) for n in lengths]


class Normalised:
    """The same mean on a complete grid, where the weights of every pixel are divided by their sum beforehand.

    The sum over a grid is a product of sums over its axes, so that this takes no memory per pixel.
    """

    def __init__(self, name: str, axes: Sequence[Places], sizes: Sequence[int]) -> None:
        self._starts = [axis.read for axis in axes]
        solved = [_share(name, axis, n) for axis, n in zip(axes, sizes, strict=True)]
        self._kinds = [kinds for kinds, _ in solved]
        self._shares = [shares for _, shares in solved]
        self._windows = WeightCache()

    def fill(
        self, values: Values, covered: Mask | None, placed: Placed, tiles: Tiles, start: Sequence[int]
    ) -> Mask | None:
        """Sum up."""
        values[:] = 0
        temporary = Temporary(values)
        kinds = [
            kind[np.searchsorted(starts, placed.read[:, axis])].tolist()
            for axis, (kind, starts) in enumerate(zip(self._kinds, self._starts, strict=True))
        ]
        places = overlaps(placed, start, values.shape[1:])
        parts = placed.start
        for tile, (to, source, first), kind, begin in zip(
            tiles.read(placed.position), places, zip(*kinds, strict=True), parts, strict=True
        ):
            weights = self._windows.get(kind, self._of_kind, values.real.dtype)
            part = tuple(
                slice(a, a + piece.stop - piece.start)
                for a, piece in zip((first - begin).tolist(), to[1:], strict=True)
            )
            values[to] += temporary.product(tile[source], weights[part])
        return None

    def _of_kind(self, kind: tuple[int, ...]) -> list[NDArray[np.float64]]:
        return [shares[one] for shares, one in zip(self._shares, kind, strict=True)]


def _share(name: str, axis: Places, size: int) -> tuple[IntArray, list[NDArray[np.float64]]]:
    """Return the kind of every tile of an axis, and by kind its share of the pixels that it is used for."""
    windows = {n: window(name, n) for n in np.unique(axis.length).tolist()}
    total = np.zeros(size)
    parts = []
    columns = (column.tolist() for column in (axis.read, axis.length, axis.start, axis.stop))
    for read, n, start, stop in zip(*columns, strict=True):
        part = windows[n][start - read : stop - read]
        total[start:stop] += part
        parts.append((part, slice(start, stop)))
    numbers: dict[bytes, int] = {}
    shares: list[NDArray[np.float64]] = []
    kinds = np.empty(len(parts), np.int64)
    for i, (part, where) in enumerate(parts):
        share = part / total[where]
        kinds[i] = numbers.setdefault(share.tobytes(), len(shares))
        if kinds[i] == len(shares):
            shares.append(share)
    return kinds, shares


class Temporary:
    """One buffer for the products of tiles and weights, instead of one per tile."""

    def __init__(self, values: Values) -> None:
        self._dtype = values.dtype
        self._buffer = np.empty(0, values.dtype)

    def product(self, tile: Values, weights: Values) -> Values:
        """Return tile x weights; valid until the next call."""
        if tile.size > self._buffer.size:
            self._buffer = np.empty(tile.size, self._dtype)
        out = self._buffer[: tile.size].reshape(tile.shape)
        np.multiply(tile, weights, out=out)
        return out


class WeightCache:
    """Products of windows over the axes, as large as a tile; the least recently used are dropped."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[int, ...], Values] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[int, ...], vectors: Any, dtype: np.dtype[Any]) -> Values:
        """Return the product, from `vectors(key)` if it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = vectors(key)
        weights: Values = found[-1]
        for vector in reversed(found[:-1]):
            weights = vector.reshape(-1, *[1] * weights.ndim) * weights
        weights = weights.astype(dtype)
        with self._lock:
            self._kept[key] = weights
            self._bytes = sum(one.nbytes for one in self._kept.values())
            while self._bytes > CACHED_WEIGHTS and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return weights

"""Blends: how the tiles that touch a box become its pixels, always in the order of their indices.

A blend fills `values` (C (Z) Y X) of one box and, where asked, says which pixels a tile covers. What a pixel
becomes does not depend on the box that it is computed in.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.placing import Placed, Places
from patchplan.core.specs import IntArray
from patchplan.core.windows import window
from patchplan.stitching.overlap import Overlap
from patchplan.tiles.protocol import Tiles

Values = NDArray[Any]
Mask = NDArray[np.bool_]
Vectors = Callable[[tuple[int, ...]], list[NDArray[np.float64]]]


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


class Paste:
    """The last tile wins: used where kept parts partition the image, or tiles do not overlap."""

    def fill(
        self, values: Values, covered: Mask | None, placed: Placed, tiles: Tiles, start: Sequence[int]
    ) -> Mask | None:
        """Put every tile in its place."""
        overlap = Overlap(placed, start, values.shape[1:])
        for tile, to, source in zip(tiles.read(placed.position), overlap.to, overlap.source, strict=True):
            values[to] = tile[source]
            if covered is not None:
                covered[to[1:]] = True
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
        overlap = Overlap(placed, start, values.shape[1:])
        for tile, to, source in zip(tiles.read(placed.position), overlap.to, overlap.source, strict=True):
            part = values[to]
            self._pick(part, tile[source], out=part)
            if covered is not None:
                covered[to[1:]] = True
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
        total = np.zeros(values.shape[1:], values.real.dtype)
        temporary = Temporary(values)
        overlap = Overlap(placed, start, total.shape)
        windows = self._windows.of(overlap.tuples(placed.length), self._plain, total.dtype)
        parts = overlap.within(placed.read)
        for tile, to, source, window_, part in zip(
            tiles.read(placed.position), overlap.to, overlap.source, windows, parts, strict=True
        ):
            weights = window_[part]
            temporary.add(values[to], tile[source], weights)
            total[to[1:]] += weights
        inside = total > 0
        np.divide(values, total, out=values, where=inside)
        return None if inside.all() else inside

    def _plain(self, lengths: tuple[int, ...]) -> list[NDArray[np.float64]]:
        """Return the windows of a tile; by a power of two too small, so that sums of large floats fit."""
        first, *others = (window(self.name, n) for n in lengths)
        return [first / 64, *others]


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
        overlap = Overlap(placed, start, values.shape[1:])
        kinds = np.stack(
            [
                kind[np.searchsorted(starts, placed.read[:, axis])]
                for axis, (kind, starts) in enumerate(zip(self._kinds, self._starts, strict=True))
            ],
            axis=1,
        )
        windows = self._windows.of(overlap.tuples(kinds), self._of_kind, values.real.dtype)
        parts = overlap.within(placed.start)
        for tile, to, source, window_, part in zip(
            tiles.read(placed.position), overlap.to, overlap.source, windows, parts, strict=True
        ):
            temporary.add(values[to], tile[source], window_[part])
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
        self._buffers: dict[tuple[int, ...], Values] = {}
        self._buffer = np.empty(0, values.dtype)

    def add(self, values: Values, tile: Values, weights: Values) -> None:
        """Add tile x weights to values."""
        product = self._buffers.get(tile.shape)
        if product is None:
            if tile.size > self._buffer.size:
                self._buffers.clear()
                self._buffer = np.empty(tile.size, self._buffer.dtype)
            product = self._buffers[tile.shape] = self._buffer[: tile.size].reshape(tile.shape)
        np.multiply(tile, weights, out=product)
        np.add(values, product, out=values)


class WeightCache:
    """Products of windows over the axes, as large as a tile; the least recently used are dropped."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[int, ...], Values] = OrderedDict()

    def of(self, keys: Iterable[tuple[int, ...]], vectors: Vectors, dtype: np.dtype[Any]) -> Iterator[Values]:
        """Yield the product for each key, made of `vectors(key)` where it is not there."""
        last: tuple[int, ...] | None = None
        weights: Values = np.empty(0)
        for key in keys:
            if key != last:
                weights, last = self._get(key, vectors, dtype), key
            yield weights

    def _get(self, key: tuple[int, ...], vectors: Vectors, dtype: np.dtype[Any]) -> Values:
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
            held = sum(one.nbytes for one in self._kept.values())
            while held > CACHED_WEIGHTS and len(self._kept) > 1:
                held -= self._kept.popitem(last=False)[1].nbytes
        return weights

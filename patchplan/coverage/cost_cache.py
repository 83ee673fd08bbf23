"""Caches of decoded chunks that drop the least recently used: which of many accesses are loads."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

import numpy as np

from patchplan.core.specs import IntArray


class Cache(Protocol):
    """A cache of places, filled as they are touched."""

    def loads(self, places: IntArray) -> IntArray:
        """Touch places one after the other and return those that were not held, in order."""


def open_cache(size: int, offset: Sequence[int], place_bytes: Sequence[int]) -> Cache:
    """Return an empty cache.

    Parameters
    ----------
    size : int
        Bytes that it holds.
    offset : sequence of int
        First place of each image, and behind the last of all.
    place_bytes : sequence of int
        Bytes of a place of each image; all that matter are equal in most plans.
    """
    n_places = [b - a for a, b in pairwise(offset)]
    sizes = {n for n, places in zip(place_bytes, n_places, strict=True) if places}
    if offset[-1] <= MAX_MARKS and size >= sum(a * b for a, b in zip(place_bytes, n_places, strict=True)):
        return Everything(offset[-1])
    if len(sizes) <= 1:
        return EqualPlaces(min(size // max(sizes, default=1), offset[-1]))
    return UnequalPlaces(size, np.array(offset[:-1]), place_bytes)


MAX_MARKS = 1 << 28


class Everything:
    """A cache from which nothing is ever dropped."""

    def __init__(self, n_places: int) -> None:
        self._held = np.zeros(n_places, bool)

    def loads(self, places: IntArray) -> IntArray:
        """Return those touched for the first time, in the order of their numbers."""
        new = np.unique(places[~self._held[places]])
        self._held[new] = True
        return new


class EqualPlaces:
    """A cache that holds so many places: Python's own, which is written in C."""

    def __init__(self, n: int) -> None:
        self._missed: list[int] = []
        self._touch = lru_cache(maxsize=n)(self._missed.append)

    def loads(self, places: IntArray) -> IntArray:
        """Return those that were not held."""
        self._missed.clear()
        deque(map(self._touch, places.tolist()), maxlen=0)
        return np.array(self._missed, np.int64)


class UnequalPlaces:
    """A cache of places of images whose chunks differ in size."""

    def __init__(self, size: int, first: IntArray, place_bytes: Sequence[int]) -> None:
        self._size, self._first, self._place_bytes = size, first, np.array(place_bytes, np.int64)
        self._held: OrderedDict[int, int] = OrderedDict()
        self._bytes = 0

    def loads(self, places: IntArray) -> IntArray:
        """Return those that were not held."""
        held, missed = self._held, []
        sizes = self._place_bytes[np.searchsorted(self._first, places, side="right") - 1]
        for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
            if place in held:
                held.move_to_end(place)
                continue
            missed.append(place)
            held[place] = size
            self._bytes += size
            while self._bytes > self._size:
                self._bytes -= held.popitem(last=False)[1]
        return np.array(missed, np.int64)

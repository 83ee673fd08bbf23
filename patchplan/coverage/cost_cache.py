"""Caches of decoded chunks that drop the least recently used: which of many accesses are loads."""

from collections import OrderedDict, deque
from functools import lru_cache
from typing import Protocol

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.coverage.cost_chunks import Places
from patchplan.coverage.cost_rows import CostRows


class Cache(Protocol):
    """A cache of places, filled as they are touched."""

    def loads(self, numbers: IntArray) -> IntArray:
        """Touch places one after the other and return those that were not held, in order."""


def open_cache(size: int, places: Places) -> Cache:
    """Return an empty cache that holds so many bytes."""
    sizes = places.sizes
    return EqualPlaces(min(size // max(sizes), places.offset[-1])) if len(sizes) == 1 else UnequalPlaces(size, places)


class EqualPlaces:
    """A cache that holds so many places: Python's own, which is written in C."""

    def __init__(self, n: int) -> None:
        self._missed: list[int] = []
        self._touch = lru_cache(maxsize=n)(self._missed.append)

    def loads(self, numbers: IntArray) -> IntArray:
        """Return those that were not held."""
        self._missed.clear()
        deque(map(self._touch, numbers.tolist()), maxlen=0)
        return np.array(self._missed, np.int64)


class UnequalPlaces:
    """A cache of places that differ in size."""

    def __init__(self, size: int, places: Places) -> None:
        self._size, self._places = size, places
        self._held: OrderedDict[int, int] = OrderedDict()
        self._bytes = 0

    def loads(self, numbers: IntArray) -> IntArray:
        """Return those that were not held."""
        held, missed = self._held, []
        for place, size in zip(numbers.tolist(), self._places.bytes_of(numbers).tolist(), strict=True):
            if place in held:
                held.move_to_end(place)
                continue
            missed.append(place)
            held[place] = size
            self._bytes += size
            while self._bytes > self._size:
                self._bytes -= held.popitem(last=False)[1]
        return np.array(missed, np.int64)


class Recency:
    """Which places were touched last: what a cache holds after any number of touches, without following them.

    It holds the last places that were touched as far as they fit, whatever came before.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._last = np.zeros(places.offset[-1], np.int64)
        self._time = 1

    def follow(self, rows: CostRows) -> None:
        """Touch the places of rows one after the other."""
        for numbers in self._places.touched(rows).numbers():
            self._last[numbers] = np.arange(self._time, self._time + len(numbers))  # of equal ones the last counts
            self._time += len(numbers)

    def held(self, size: int) -> tuple[IntArray, bool]:
        """Return what a cache of so many bytes holds, the least recently used first, and whether it is full."""
        touched = np.flatnonzero(self._last)
        newest = touched[np.argsort(self._last[touched])[::-1]]
        n = int(np.searchsorted(np.cumsum(self._places.bytes_of(newest), dtype=np.float64), size, side="right"))
        return newest[:n][::-1], n < len(newest)

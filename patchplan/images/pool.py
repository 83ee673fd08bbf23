"""Open files, shared by all sources: a bounded number, the least recently used closed first."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patchplan.images.reading import Reader, Recipe

MAX_OPEN = 64
"""Readers kept open: well below the usual limit of 256 to 1024 file descriptors."""


class _Slot:
    """One file; its lock serves to open it once."""

    __slots__ = ("lock", "reader", "users")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reader: Reader | None = None
        self.users = 0


class ReaderPool:
    """Readers by recipe. A reader in use is never closed under its user's hands."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self.max_open = max_open
        self._forget()
        if hasattr(os, "register_at_fork"):
            # a child shares the parent's file positions, and may inherit a lock that nobody releases
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[Recipe, _Slot] = OrderedDict()

    @contextmanager
    def reader(self, recipe: "Recipe") -> "Iterator[Reader]":
        """Yield an open reader."""
        with self._lock:
            slot = self._slots.setdefault(recipe, _Slot())
            slot.users += 1
            self._slots.move_to_end(recipe)
        try:
            with slot.lock:
                if slot.reader is None:
                    slot.reader = recipe.open()
            yield slot.reader
        finally:
            self._release(recipe, slot)

    def _release(self, recipe: "Recipe", slot: _Slot) -> None:
        """Give a reader back, and close those that are too many or no longer in the pool."""
        idle: list[_Slot] = []
        with self._lock:
            slot.users -= 1
            pooled = self._slots.get(recipe) is slot
            if pooled and slot.reader is None and not slot.users:
                del self._slots[recipe]  # it failed to open
            elif not pooled and not slot.users:
                idle.append(slot)
            surplus = max(0, len(self._slots) - self.max_open)
            for key in [key for key, one in self._slots.items() if not one.users][:surplus]:
                idle.append(self._slots.pop(key))
        for old in idle:
            _close(old)

    def close(self, recipe: "Recipe") -> None:
        """Close a file now, or as soon as nobody reads from it."""
        with self._lock:
            slot = self._slots.pop(recipe, None)
            idle = slot is not None and not slot.users
        if slot is not None and idle:
            _close(slot)

    def __len__(self) -> int:
        return len(self._slots)


def _close(slot: _Slot) -> None:
    if slot.reader is not None:
        slot.reader.close()
        slot.reader = None


POOL = ReaderPool()

"""How much memory a file may claim: chunks are bounded by the bytes behind them.

A chunk of up to 128 MiB is decoded whatever its size on disk. A larger one must have at least 1/1100 of its
decoded size on disk: deflate, the densest codec in common use, cannot do better than 1/1032, so more is a
broken or hostile file, or a blank chunk so large that it should have been smaller.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.boundary import RefusedError

FREE_BYTES = 128 << 20
MAX_RATIO = 1100
MAX_WHOLE = 1 << 30
"""Decoded bytes of a file that can only be decoded whole (PNG, JPEG)."""

CACHE_BYTES = 256 << 20


def check_chunk(decoded: int, stored: int, what: str) -> None:
    """Refuse a chunk that is absurdly large against the bytes behind it."""
    if decoded > FREE_BYTES and decoded > MAX_RATIO * stored:
        raise RefusedError(
            f"{what} would decode to {decoded / 1e6:,.0f} MB from {stored:,} bytes; "
            f"allowed are {FREE_BYTES >> 20} MiB, or {MAX_RATIO} times the bytes stored"
        )


def check_region(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a region larger than the machine's memory before anything is allocated for it."""
    wanted = dtype.itemsize
    for size in shape:
        wanted *= int(size)
    if wanted > (1 << 30) and wanted > _memory():
        raise RefusedError(f"a region of {wanted / 1e9:,.1f} GB does not fit in memory ({_memory() / 1e9:,.1f} GB)")


def _memory() -> int:
    """Bytes of memory, or a very large number where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


class ChunkCache:
    """Decoded chunks, the least recently used dropped first, so that neighbouring patches decode once."""

    def __init__(self, budget: int = CACHE_BYTES) -> None:
        self.budget = budget
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)  # a child may inherit a lock that nobody releases

    def _forget(self) -> None:
        self.held = 0
        self._lock = threading.Lock()
        self._chunks: OrderedDict[tuple[object, ...], NDArray[Any]] = OrderedDict()

    def get(self, key: tuple[object, ...], decode: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the chunk of this key, decoding it where it is not held."""
        with self._lock:
            chunk = self._chunks.get(key)
            if chunk is not None:
                self._chunks.move_to_end(key)
                return chunk
        chunk = decode()
        if chunk.nbytes <= self.budget // 2:
            self._keep(key, chunk)
        return chunk

    def holds(self, key: tuple[object, ...]) -> bool:
        """Return whether the chunk of this key is held now."""
        with self._lock:
            return key in self._chunks

    def _keep(self, key: tuple[object, ...], chunk: NDArray[Any]) -> None:
        with self._lock:
            if key not in self._chunks:
                self._chunks[key] = chunk
                self.held += chunk.nbytes
            while self.held > self.budget:
                self.held -= self._chunks.popitem(last=False)[1].nbytes

    def drop(self, first: object) -> None:
        """Forget all chunks whose key starts with `first`."""
        with self._lock:
            for key in [key for key in self._chunks if key[0] is first]:
                self.held -= self._chunks.pop(key).nbytes


CACHE = ChunkCache()

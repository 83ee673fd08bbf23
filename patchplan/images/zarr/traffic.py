"""Pixels of a Zarr array in and out: through tensorstore where it can, zarr-python where it cannot.

tensorstore decodes in threads of its own, keeps chunks, and reads ahead; it is strict about metadata and knows
fewer codecs, no zip files, and dies in a process that was forked from one that has used it. What it cannot
open, and all of a forked process, is left to zarr-python: slower, the same pixels.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, cached_property
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from patchplan.images.layout import Box
from patchplan.images.zarr.failures import plain_error
from patchplan.images.zarr.plain import PlainPixels, parts
from patchplan.objects import Location, ObjectPath, kvstore

REQUESTS = 32
"""Requests to an object store at a time: they wait, and take no processor."""

RETRIES = {"max_retries": 12, "initial_delay": "100ms", "max_delay": "10s"}


class Pixels(Protocol):
    """An open Zarr array. Boxes are half-open slices with start and stop, inside the array, one per axis."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """In native byte order, like all that `read` returns."""
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None

    def read(self, box: Box) -> NDArray[Any]:
        """Return the pixels of a box, C-contiguous and the caller's own; absent chunks are the fill value.

        Raises
        ------
        OSError, ValueError
            If a chunk cannot be read or decoded, in one line without the array's path; zarr-python raises
            what it likes.
        """

    def read_soon(self, box: Box) -> Callable[[], NDArray[Any]]:
        """Begin to read a box; what is returned waits for it."""

    def write(self, box: Box, block: NDArray[Any]) -> None:
        """Write a box of whole chunks (of whole shards where there are shards), and wait until it is done.

        A box may also end at the array's edge. Threads may write different chunks at the same time.

        Raises
        ------
        OSError
            If the system refuses, with its `errno` (disk full, permission denied).
        """

    def close(self) -> None:
        """Let go of the array."""


def open_pixels(
    root: Location, path: str = "", *, version: int, threads: int, cache_bytes: int = 0, write: bool = False
) -> Pixels:
    """Open an array that exists.

    What is read is never older than the opening: chunks kept from before are read again if their file changed.
    What changes after the opening may or may not be seen.

    Parameters
    ----------
    root : Location
        Folder or prefix of the store, or a zip file (read only).
    path : str
        Path of the array inside the store.
    version : int
        Zarr format: 2 or 3.
    threads : int
        Threads that decode or encode, at most; shared by all arrays opened with the same `threads` and
        `cache_bytes`. zarr-python takes as many as it is configured to.
    cache_bytes : int
        Decoded chunks kept, shared likewise. Those of zarr-python are in `limits.CACHE`.
    write : bool
        Whether it is to be written to.

    Raises
    ------
    OSError, ValueError
        If neither library can open it.
    """
    if _tensorstore_works() and (isinstance(root, ObjectPath) or root.is_dir()):
        try:
            return _TensorPixels(root, path, version, threads, cache_bytes, write)
        except (ValueError, OSError, RuntimeError):  # RuntimeError: a path that is not UTF-8, a codec not implemented
            pass  # zarr-python may know better, and if not, it says what is wrong
    return PlainPixels(root, path, version, write)


_PENDING: "WeakSet[_Pending]" = WeakSet()
_ORPHANS: list[object] = []
_forked = False


def _note_fork() -> None:
    """Remember that tensorstore is of no use any more, and keep what would hang when it is let go."""
    global _forked  # noqa: PLW0603 - the state of this process
    _forked = _forked or "tensorstore" in sys.modules
    _ORPHANS.extend(_PENDING)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _tensorstore_works() -> bool:
    return not _forked


@cache
def _context(threads: int, cache_bytes: int) -> Any:
    """Return the one pool of threads and chunks for these limits."""
    import tensorstore

    return tensorstore.Context(
        {
            "data_copy_concurrency": {"limit": threads},
            "file_io_concurrency": {"limit": threads},
            "cache_pool": {"total_bytes_limit": cache_bytes},
            **{f"{kind}_request_concurrency": {"limit": REQUESTS} for kind in ("s3", "gcs", "http")},
            **{f"{kind}_request_retries": RETRIES for kind in ("s3", "gcs", "http")},
            "file_io_sync": False,  # who writes a store flushes it once, at its end
        }
    )


_CONTEXT_LOCK = threading.Lock()


class _TensorPixels:
    def __init__(self, root: Location, path: str, version: int, threads: int, cache_bytes: int, write: bool) -> None:
        import tensorstore

        self._where = (root, path, version, write)
        folder = root / path if isinstance(root, ObjectPath) else (root / path).absolute()
        self._folder = f"{folder}/" if isinstance(folder, ObjectPath) else f"{folder.as_posix()}/"
        spec = {
            "driver": "zarr" if version == 2 else "zarr3",
            "kvstore": kvstore(folder),
            "recheck_cached_data": "open",
        }
        with _CONTEXT_LOCK:
            context = _context(threads, cache_bytes)
        self._store: Any = tensorstore.open(spec, open=True, read=True, write=write, context=context).result()
        self.shape: tuple[int, ...] = tuple(self._store.shape)
        self.dtype: np.dtype[Any] = self._store.dtype.numpy_dtype
        layout: Any = self._store.chunk_layout
        self.chunks: tuple[int, ...] = tuple(layout.read_chunk.shape)
        self.shards: tuple[int, ...] | None = tuple(layout.write_chunk.shape) if self._is_sharded() else None

    def _is_sharded(self) -> bool:
        codecs = self._store.spec().to_json()["metadata"].get("codecs", [])
        return any(codec["name"] == "sharding_indexed" for codec in codecs)

    @cached_property
    def _plain(self) -> "PlainPixels":
        """The same array for a forked process."""
        return PlainPixels(*self._where)

    def read(self, box: Box) -> NDArray[Any]:
        return self.read_soon(box)()

    def read_soon(self, box: Box) -> Callable[[], NDArray[Any]]:
        if not _tensorstore_works():
            return self._plain.read_soon(box)
        return _Pending(self._store[box].read(order="C"), self._folder)

    def write(self, box: Box, block: NDArray[Any]) -> None:
        if not _tensorstore_works():
            self._plain.write(box, block)
            return
        if threading.current_thread() is not threading.main_thread():
            self._write(box, block)
            return
        # an interrupt between beginning a write and noting it would leave it to go on behind the clean-up's back;
        # interrupts reach the main thread only, and this waits for the other one whatever happens
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._write, box, block).result()

    def _write(self, box: Box, block: NDArray[Any]) -> None:
        futures: list[Any] = []
        try:
            for part, inside in parts(box, self.shards or self.chunks):
                # the block stays untouched until all is written, so it need not be copied
                futures.append(self._store[part].write(block[inside], can_reference_source_data_indefinitely=True))
            for future in futures:
                _Pending(future, self._folder)()
        except BaseException as error:
            # failed or interrupted: nothing may be on its way to the disk when the caller cleans up
            for future in futures:
                with suppress(Exception):
                    future.result()
            if isinstance(error, ValueError | NotImplementedError):  # as a store that refuses is called
                raise OSError(errno.EIO, str(error)) from None
            raise

    def close(self) -> None:
        self._store = None


class _Pending:
    """A read or write on its way."""

    __slots__ = ("__weakref__", "_folder", "_future")

    def __init__(self, future: Any, folder: str) -> None:
        self._future = future
        self._folder = folder
        _PENDING.add(self)

    def __call__(self) -> Any:
        try:
            return self._future.result()
        except (ValueError, OSError, NotImplementedError) as error:
            raise plain_error(error, self._folder) from None

"""Locks that a process lets go of when it dies, and bytes that are on the disk."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, where the system has one."""
    handle = open_folder(folder)
    try:
        if handle is not None:
            lock(handle, wait=True)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def open_folder(folder: Path) -> int | None:
    """Open a folder to lock or flush it; None where the system cannot."""
    return os.open(folder, os.O_RDONLY) if os.name == "posix" else None


def lock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder, and tell whether it worked; some systems and network drives have no locks."""
    return _lock(handle, wait=wait, shared=False) is None


def lock_file(path: Path, *, shared: bool = False) -> int | None:
    """Open a file, made if need be, and lock it until it is closed; None if somebody else has it locked.

    Where the system has no locks it is opened only. `shared` lets others in that also share.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if isinstance(_lock(handle, wait=False, shared=shared), BlockingIOError):
            os.close(handle)
            return None
        if leads_to(path, handle):
            return handle
        os.close(handle)  # between opening and locking, the one who had it removed the file


def leads_to(path: Path, handle: int) -> bool:
    """Tell whether a path still is the open file or folder."""
    with suppress(OSError):
        return os.path.samestat(path.lstat(), os.fstat(handle))
    return False


def _lock(handle: int, *, wait: bool, shared: bool) -> Exception | None:
    try:
        import fcntl

        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError) as error:
        return error
    return None


def flush_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Wait until what was renamed in a folder is on the disk, where the system can."""
    with suppress(OSError):
        handle = open_folder(path)
        if handle is not None:
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def flush_disk(handle: int | None) -> None:
    """Wait until all that was written to a folder's disk is there.

    A store has a file per chunk, and one call for all is cheap where one per file is not. On Linux it also
    reports what failed since the folder was opened.
    """
    syncfs = None if handle is None else getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is not None:
        if syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    elif hasattr(os, "sync"):
        os.sync()

"""Runs that are stopped when they have noted some batches: within this process, or as a program that signals itself.

Usage: python -m tests.extracting.stopping SIGNAL BATCHES ARGUMENT...
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from unittest import mock

from patchplan.extracting.ledger import Ledger


class StoppedError(Exception):
    """In place of an interrupt."""


@contextmanager
def stopping_after(n: int, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when the n-th batch is noted, and for each that follows."""
    note, lock, noted = Ledger.note, Lock(), 0

    def counted(ledger, batch):
        nonlocal noted
        note(ledger, batch)
        with lock:
            noted += 1
            now = noted
        if now >= n:
            stop()

    with mock.patch.object(Ledger, "note", counted):
        yield


def stop_here() -> None:
    """Stop as a failure does."""
    raise StoppedError


if __name__ == "__main__":
    from patchplan.cli import app

    signal.signal(signal.SIGINT, signal.default_int_handler)
    number, batches = map(int, sys.argv[1:3])
    sys.argv = ["patchplan", *sys.argv[3:]]
    with stopping_after(batches, lambda: os.kill(os.getpid(), number)):
        app.main()

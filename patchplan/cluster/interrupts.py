"""Ctrl-C where there are worker processes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType


class Interrupts:
    """Ctrl-C that is neither lost nor comes at the wrong time.

    distributed runs code of its own whenever garbage is collected, where Python cannot raise anything.
    """

    def __init__(self) -> None:
        self._come = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if one has come."""
        if self._come:
            raise KeyboardInterrupt

    @contextmanager
    def noted(self, *, put_off: bool = False) -> Iterator[None]:
        """Note what comes, beside raising it, or to raise it at the end."""
        found = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(found):
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            self._come = True
            if not put_off:
                found(number, frame)

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, found)
        if put_off:
            self.check()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C, and keep it for good from threads and processes that are started meanwhile, and by them.

    A terminal sends it to all processes, and workers would die with the box that they are writing.
    """
    with Interrupts().noted(put_off=True):
        if not hasattr(signal, "pthread_sigmask"):
            yield
            return
        resource_tracker.ensure_running()  # which would let it through again when the first process is started
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Worker processes that do not run the caller's script once more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any

from distributed import Nanny

_lock = Lock()
_hiding = 0
_main: ModuleType | None = None


class QuietNanny(Nanny):  # type: ignore[misc]  # distributed says nothing of its types
    """Starts a worker, and another where it dies, which does not import the main module.

    multiprocessing would have it do so: a script without `if __name__ == "__main__"` would plan and write all that it
    has written already, in each worker, and then fail.
    """

    async def instantiate(self) -> Any:
        """Start the process."""
        with main_unseen():
            return await super().instantiate()


@contextmanager
def main_unseen() -> Iterator[None]:
    """Hide the main module from processes that are started meanwhile; several may ask for it at once."""
    global _hiding, _main  # noqa: PLW0603 - there is one main module
    with _lock:
        if not _hiding:
            _main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        _hiding += 1
    try:
        yield
    finally:
        with _lock:
            _hiding -= 1
            if not _hiding and _main is not None:
                sys.modules["__main__"], _main = _main, None

"""Waiting for an object store, so that Ctrl-C ends it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")


def waited(work: Callable[[], Result], *, changes: bool = False) -> Result:
    """Return what some work returns, or raise what it raises.

    Signals reach Python only when the main thread runs, and obstore does not let it: so the main thread asks another
    one, which is left to itself if it is not waited for any more. What `changes` the store is waited for all the same,
    until a second Ctrl-C: it must not come in behind the back of who cleans up.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    done: Future[Result] = Future()
    threading.Thread(target=_do, args=(work, done), name="patchplan-asks", daemon=True).start()
    try:
        return done.result()
    except KeyboardInterrupt:
        if changes:
            wait([done])
        raise
    finally:
        del done  # which holds the error, and that this frame


def _do(work: Callable[[], Result], done: "Future[Result]") -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # raised where it is waited for
        done.set_exception(error)

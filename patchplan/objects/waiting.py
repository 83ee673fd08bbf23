"""Waiting for an object store, so that Ctrl-C ends it."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")

Given = TypeVar("Given")

AT_A_TIME = 10
"""Requests that one call has under way: a store answers each after a while, whatever else it does."""


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


def each(work: Callable[[Given], Result], given: Sequence[Given]) -> list[Result]:
    """Return what some work returns for each of many, a few at a time; raise what fails first, and begin no more.

    Its threads are no pool's, which the interpreter would wait for in the end, however silent a server is.
    """
    if len(given) <= 1:
        return [work(one) for one in given]
    done: list[Future[Result]] = [Future() for _ in given]
    todo = deque(zip(given, done, strict=True))
    for _ in range(min(AT_A_TIME, len(given))):
        threading.Thread(target=_do_each, args=(work, todo), name="patchplan-fetches", daemon=True).start()
    try:
        return [one.result() for one in done]
    finally:
        todo.clear()
        del done


def _do_each(work: Callable[[Given], Result], todo: "deque[tuple[Given, Future[Result]]]") -> None:
    while True:
        try:
            one, done = todo.popleft()
        except IndexError:
            return
        _do(partial(work, one), done)


def _do(work: Callable[[], Result], done: "Future[Result]") -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # raised where it is waited for
        done.set_exception(error)

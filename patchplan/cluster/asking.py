"""Questions whose answer may never come: a process that hangs neither answers nor is gone."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Answer = TypeVar("Answer")

NAMED = 3
"""Workers that are named."""

TICK = 0.5
"""Seconds after which it is looked whether somebody wants to stop."""


def asked(call: Callable[[], Answer]) -> "Future[Answer]":
    """Make a call in a thread, which nobody waits for at the end of the process."""
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # whatever it is, who waits is told
            answer.set_exception(error)

    Thread(target=ask, name="patchplan-asks", daemon=True).start()
    return answer


def answered(answer: "Future[Answer]", seconds: float, check: Callable[[], None]) -> Answer:
    """Wait for an answer; `check` is called all the while, and may raise.

    Raises
    ------
    TimeoutError
        If none comes in so many seconds.
    """
    until = time.monotonic() + seconds
    while not answer.done():
        check()
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            return answer.result(min(left, TICK))
        except TimeoutError:
            continue  # its own is raised below
    return answer.result()


def named(workers: Sequence[str]) -> str:
    """Name some workers; nothing if there are none."""
    more = f" and {len(workers) - NAMED:,} more" if len(workers) > NAMED else ""
    return f"worker {', '.join(sorted(workers)[:NAMED])}{more}" if workers else ""

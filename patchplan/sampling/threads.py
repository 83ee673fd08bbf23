"""Work on many items by some threads, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], todo: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield the result of each item in order; some threads work ahead, on two items each at most."""
    underway: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, "patchplan-sampling")
    try:
        for item in todo:
            if len(underway) >= 2 * workers:
                yield underway.popleft().result()
            underway.append(pool.submit(work, item))
        while underway:
            yield underway.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

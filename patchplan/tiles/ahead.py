"""Reading ahead: the next batches are on their way while the caller works on one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar


class _Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """Bytes of the batch, decoded."""


Batch = TypeVar("Batch", bound=_Sized)
Result = TypeVar("Result")


def ahead(
    batches: Iterable[Batch], begin: Callable[[Batch], Callable[[], Result]], budget: int
) -> Iterator[tuple[Batch, Result | Exception]]:
    """Yield each batch and its result (or what was raised), in order.

    `begin` starts to read a batch and returns what waits for it. Batches under way, the one that is waited
    for included, have at most `budget` bytes, or are a single one.
    """
    underway: deque[tuple[Batch, Callable[[], Result]]] = deque()
    held = 0
    for batch in batches:
        while underway and held + batch.nbytes > budget:
            held -= underway[0][0].nbytes
            yield _finish(*underway.popleft())
        underway.append((batch, begin(batch)))
        held += batch.nbytes
    while underway:
        yield _finish(*underway.popleft())


def _finish(batch: Batch, wait: Callable[[], Result]) -> tuple[Batch, Result | Exception]:
    try:
        return batch, wait()
    except Exception as error:  # whoever asked for the batch tells which of its tiles it is
        return batch, error

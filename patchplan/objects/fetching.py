"""Ranges of the bytes of an object: all that were asked for, near ones by one request."""

import errno
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from patchplan.objects.waiting import each

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Span = tuple[int, int]
"""The bytes [start, stop)."""


def fetched(store: "ObjectStore", key: str, span: Span, conditions: Mapping[str, str]) -> memoryview:
    """Return bytes of an object that fulfils conditions; OSError if these are fewer than asked for, or more."""
    start, stop = span
    if start == stop:  # which stores cannot be asked for
        return memoryview(b"")
    options: Any = {"range": span, **conditions}
    found = memoryview(store.get(key, options=options).bytes())
    check_length(found, span)
    return found


def check_length(found: memoryview, span: Span) -> None:
    """Refuse fewer bytes than were asked for, or more."""
    start, stop = span
    if len(found) != stop - start:
        problem = f"found {len(found):,} bytes where {stop - start:,} are from {start:,} on"
        raise OSError(errno.ESTALE, f"{problem}: it has changed since it was opened, or its server cuts answers")


def fetched_together(fetch: Callable[[Span], memoryview], spans: Sequence[Span], near: int) -> list[memoryview]:
    """Return the bytes of many spans, several requests at a time; those with little between share a request."""
    wholes = joined(spans, near)
    found, starts = each(fetch, wholes), [start for start, _ in wholes]

    def cut(start: int, stop: int) -> memoryview:
        number = bisect_right(starts, start) - 1
        return found[number][start - starts[number] : stop - starts[number]]

    return [cut(start, stop) for start, stop in spans]


def joined(spans: Sequence[Span], near: int) -> list[Span]:
    """Return the fewest spans, in order, that hold all of these and no more than so many bytes between two of them.

    Examples
    --------
    >>> joined([(40, 50), (0, 10), (12, 20), (5, 8)], near=2)
    [(0, 20), (40, 50)]
    """
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start - found[-1][1] <= near:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found

"""What a store has below a prefix, some at a time."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from patchplan.objects.failures import again, wait_after
from patchplan.objects.waiting import waited

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

PAGE = 1000
"""Objects that stores name in one answer."""


def pages(store: "ObjectStore", start: str) -> "Iterator[list[ObjectMeta]]":
    """Yield all objects whose keys begin so; a page that was cut off is asked for again.

    What marks a prefix as a folder, an object whose key ends with `/`, is left out.
    """
    last, failures = None, 0
    while True:
        try:
            found = iter(store.list(start, offset=last, chunk_size=PAGE))
            while batch := waited(partial(next, found, None)):
                yield (kept := _without_marks(store, batch, start))
                last, failures = kept[-1]["path"] if kept else last, 0
        except Exception as error:
            failures += 1
            wait_after(error, failures)
        else:
            return


def _without_marks(store: "ObjectStore", batch: "Sequence[ObjectMeta]", start: str) -> "list[ObjectMeta]":
    """Leave out what marks folders: obstore drops the slash, so that it looks like an empty object.

    Its name comes right before those in the folder; where there are none, the store is asked for such an object.
    """

    def is_mark(one: "ObjectMeta", after: "ObjectMeta | None") -> bool:
        key = one["path"]
        if one["size"] or not key.startswith(start):
            return not key.startswith(start)
        return (after is not None and after["path"].startswith(f"{key}/")) or not _is_there(store, key)

    return [one for one, after in zip(batch, [*batch[1:], None], strict=True) if not is_mark(one, after)]


def _is_there(store: "ObjectStore", key: str) -> bool:
    try:
        waited(partial(again, partial(store.head, key)))
    except FileNotFoundError:
        return False
    return True

"""What stores say of objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obstore import ObjectMeta


@dataclass(frozen=True)
class Status:
    """What a store says of an object: bytes, seconds since 1970, and a tag that changes with the bytes."""

    size: int
    mtime: float
    etag: str | None


def status_of(found: Any) -> Status:
    """Return what a store says of an object."""
    return Status(found["size"], found["last_modified"].timestamp(), found["e_tag"])


def without_marks(batch: "Sequence[ObjectMeta]", start: str) -> "list[ObjectMeta]":
    """Leave out what marks folders: obstore drops the slash, so that it is before all others, or before its own."""

    def is_mark(one: "ObjectMeta", after: "ObjectMeta | None") -> bool:
        if not one["path"].startswith(start):
            return True
        return one["size"] == 0 and after is not None and after["path"].startswith(f"{one['path']}/")

    return [one for one, after in zip(batch, [*batch[1:], None], strict=True) if not is_mark(one, after)]

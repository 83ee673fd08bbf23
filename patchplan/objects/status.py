"""What stores say of objects."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Status:
    """What a store says of an object: bytes, seconds since 1970, and a tag that changes with the bytes."""

    size: int
    mtime: float
    etag: str | None


def status_of(found: Any) -> Status:
    """Return what a store says of an object."""
    return Status(found["size"], found["last_modified"].timestamp(), found["e_tag"])

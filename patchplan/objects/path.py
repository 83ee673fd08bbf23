"""Objects, and prefixes that stand for folders, with the methods that `pathlib.Path` has."""

import errno
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

from patchplan.objects.failures import again, as_os_errors, refused
from patchplan.objects.fetching import Span, check_length, fetched, fetched_together
from patchplan.objects.listing import pages
from patchplan.objects.name import URL, ObjectName
from patchplan.objects.reading import open_object
from patchplan.objects.status import Status, status_of
from patchplan.objects.stores import store_of
from patchplan.objects.waiting import waited

if TYPE_CHECKING:
    from obstore import PutResult
    from obstore.store import ObjectStore

Result = TypeVar("Result")

NEAR = 1 << 16
"""Bytes between two ranges up to which they are fetched together: a request costs as much as these, or more."""

AT_ONCE = 1 << 23
"""Bytes up to which a store can be asked to put a file only where there is none."""


class ObjectPath(ObjectName):
    """An object, or what lies below a prefix. Make one with `location`.

    Whatever a store refuses is an OSError that names the URL.
    """

    @property
    def store(self) -> "ObjectStore":
        """The bucket or host as obstore has it; keys are those of whole paths."""
        with as_os_errors(str(self)):
            return store_of(self)

    @property
    def _named(self) -> str:
        """The key of the object."""
        if not self.key:
            problem = "is a bucket or host, which is no single image or file; name what is in it"
            raise FileNotFoundError(errno.ENOENT, problem, str(self))
        return self.key

    def _ask(self, work: Callable[[], Result], *, changes: bool = False) -> Result:
        """Do something that may be done twice."""
        with as_os_errors(str(self)):
            return waited(partial(again, work), changes=changes)

    def stat(self) -> Status:
        """Return what the store says of the object; FileNotFoundError if it is not there."""
        return status_of(self._ask(lambda: self.store.head(self._named)))

    def is_file(self) -> bool:
        """Tell whether there is an object of this name."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Tell whether anything lies below; on the web nobody can."""
        return self.can_list and next(self.listing(), None) is not None

    def exists(self) -> bool:
        """Tell whether there is an object, or anything below."""
        return self.is_file() or self.is_dir()

    def listing(self) -> Iterator[tuple[str, Status]]:
        """Yield everything below: the rest of its key, and what the store says of it."""
        start = self._start()
        with as_os_errors(str(self)):
            for batch in pages(self.store, start):
                for one in batch:
                    yield one["path"].removeprefix(start), status_of(one)

    def iterdir(self) -> Iterator["ObjectPath"]:
        """Yield what lies directly below, objects and prefixes, in the order of their names."""
        folders, files = self.children()
        yield from (self / name for name in sorted({*folders, *files}))

    def children(self) -> tuple[list[str], dict[str, Status]]:
        """Return the names of the prefixes directly below, and of the objects, with what the store says of them."""
        start = self._start()
        found = self._ask(lambda: self.store.list_with_delimiter(start))
        folders = sorted(one.removeprefix(start).rstrip("/") for one in found["common_prefixes"])
        objects = (one for one in found["objects"] if one["path"].startswith(start))  # else it marks a folder
        return folders, {one["path"].removeprefix(start): status_of(one) for one in objects}

    def _start(self) -> str:
        if not self.can_list:
            raise OSError(
                errno.ENOTSUP,
                "nobody can list what is on the web; give the names of files or of Zarr stores",
                str(self),
            )
        return f"{self.key}/" if self.key else ""

    def read_bytes(self, *, at_most: int | None = None) -> bytes:
        """Return the object's bytes; OSError if there are more than allowed."""
        return self._ask(partial(self._get, at_most))[0]

    def read_tagged(self) -> tuple[bytes, str]:
        """Return the object's bytes, and the tag that these bytes have."""
        return self._ask(self._get)

    def _get(self, at_most: int | None = None) -> tuple[bytes, str]:
        found = self.store.get(self._named)
        size = found.meta["size"]
        if at_most is not None and size > at_most:
            raise OSError(errno.EFBIG, f"has {size:,} bytes, too many for what it is; allowed are {at_most:,}")
        return bytes(found.bytes()), found.meta[self._tagged_by] or ""

    @property
    def _tagged_by(self) -> Literal["e_tag", "version"]:
        """What conditions of writes are about: Google's generations, which others call versions, else entity tags."""
        return "version" if self.scheme == "gs" else "e_tag"

    def read_range(self, start: int, stop: int, *, etag: str | None = None) -> bytes:
        """Return the bytes [start, stop) of the object, of that version where the store knows of versions.

        Raises
        ------
        OSError
            If the object has changed since it had this tag, or is too short.
        """
        return bytes(self._ask(lambda: self._fetch(etag, (start, stop))))

    def read_ranges(self, spans: Sequence[Span], *, etag: str | None = None) -> list[memoryview]:
        """Return the bytes of many ranges as `read_range` does, several at a time; near ones share a request."""
        with as_os_errors(str(self)):
            return waited(lambda: fetched_together(lambda span: again(lambda: self._fetch(etag, span)), spans, NEAR))

    def _fetch(self, etag: str | None, span: Span) -> memoryview:
        # tags of web servers may differ between machines that serve the same, and weak ones never match
        is_exact = self.can_list and etag is not None and not etag.startswith("W/")
        return fetched(self.store, self._named, span, {"if_match": etag} if is_exact and etag else {})

    def read_head(self, n: int) -> tuple[Status, bytes]:
        """Return what the store says of the object, and its first bytes; FileNotFoundError if it is not there."""
        with as_os_errors(str(self)):
            try:
                return waited(partial(again, partial(self._head, n)))
            except Exception as error:
                if "416" not in str(error):  # an empty object has no range
                    raise
        return self.stat(), b""

    def _head(self, n: int) -> tuple[Status, bytes]:
        found = self.store.get(self._named, options={"range": (0, n)})
        status, data = status_of(found.meta), memoryview(found.bytes())
        check_length(data, (0, min(n, status.size)))
        return status, bytes(data)

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return the object as a file to read from; only what is read is fetched."""
        if mode != "rb":
            raise ValueError(f"found mode {mode!r}; allowed: 'rb'")
        return open_object(self)

    def write_bytes(self, data: bytes, *, if_absent: bool = False, if_etag: str | None = None) -> str | None:
        """Put an object at once, and return its tag; None if it was to be absent, or of this tag, and is not."""
        mode: Any = "create" if if_absent else "overwrite" if if_etag is None else {self._tagged_by: if_etag}
        return self._put(lambda: self.store.put(self._named, data, mode=mode))

    def upload(self, file: Path, *, if_absent: bool = False) -> bool:
        """Put a file, in parts if it is large; nobody sees a part of it. False if it was to be absent, and is not.

        A store makes sure itself that a file of up to `AT_ONCE` bytes replaces nothing; before a larger one it is
        asked. Where an answer was lost on the way, the object that is there already may be this file.
        """
        if if_absent and file.stat().st_size > AT_ONCE:
            if_absent = False
            if self.is_file():
                return False
        mode: Literal["create", "overwrite"] = "create" if if_absent else "overwrite"
        return self._put(partial(again, lambda: self.store.put(self._named, file, mode=mode))) is not None

    def _put(self, work: "Callable[[], PutResult]") -> str | None:
        """Put an object, and return its tag; None if it is not as it was to be."""
        with as_os_errors(str(self)):
            try:
                return waited(work, changes=True)[self._tagged_by] or ""
            except Exception as error:
                if refused(error):
                    return None
                raise

    def delete(self) -> None:
        """Remove the object, if it is there."""
        try:
            self._ask(lambda: self.store.delete(self._named), changes=True)
        except FileNotFoundError:
            return

    def delete_below(self, chosen: Callable[[str], bool]) -> None:
        """Remove objects below that are chosen by the rest of their keys."""
        start = self._start()
        with as_os_errors(str(self)):
            for batch in pages(self.store, start):
                keys = [one["path"] for one in batch if chosen(one["path"].removeprefix(start))]
                if keys:
                    waited(partial(again, partial(self.store.delete, keys)), changes=True)


Location = Path | ObjectPath

Uri = str | PathLike[str] | ObjectPath
"""What users may give: a path or URL."""


def is_url(given: object) -> bool:
    """Tell whether a name is a URL.

    Examples
    --------
    >>> is_url("s3://bucket/a.zarr"), is_url("C:/a.zarr")
    (True, False)
    """
    return isinstance(given, ObjectPath) or (isinstance(given, str) and URL.match(given) is not None)


def location(given: Uri) -> Location:
    """Return a name as a local path or as one in an object store; ConfigError for URLs of other kinds."""
    if isinstance(given, ObjectPath):
        return given
    return ObjectPath.of(given) if isinstance(given, str) and is_url(given) else Path(given)

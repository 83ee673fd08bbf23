"""Objects, and prefixes that stand for folders, with the methods that `pathlib.Path` has."""

import errno
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

from patchplan.objects.failures import again, as_os_errors, refused, wait_after
from patchplan.objects.name import URL, ObjectName
from patchplan.objects.reading import open_object
from patchplan.objects.status import Status, status_of, without_marks
from patchplan.objects.stores import store_of
from patchplan.objects.waiting import waited

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult
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

    def _ask(self, work: Callable[[], Result], *, changes: bool = False) -> Result:
        """Do something that may be done twice."""
        with as_os_errors(str(self)):
            return waited(partial(again, work), changes=changes)

    def stat(self) -> Status:
        """Return what the store says of the object; FileNotFoundError if it is not there."""
        return status_of(self._ask(lambda: self.store.head(self.key)))

    def is_file(self) -> bool:
        """Tell whether there is an object of this name."""
        if not self.key:
            return False
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
            for batch in self._pages(start):
                for one in batch:
                    yield one["path"].removeprefix(start), status_of(one)

    def _pages(self, start: str) -> "Iterator[Sequence[ObjectMeta]]":
        """Yield what is below, some at a time; a page that was cut off is asked for again.

        What marks a prefix as a folder, an object whose key ends with `/`, is left out.
        """
        store, last, failures = self.store, None, 0
        while True:
            try:
                pages = iter(store.list(start, offset=last))
                while batch := waited(partial(next, pages, None)):
                    yield without_marks(batch, start)
                    last, failures = batch[-1]["path"], 0
            except Exception as error:
                failures += 1
                wait_after(error, failures)
            else:
                return

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
        found = self.store.get(self.key)
        size = found.meta["size"]
        if at_most is not None and size > at_most:
            raise OSError(errno.EFBIG, f"has {size:,} bytes, too many for what it is; allowed are {at_most:,}")
        return bytes(found.bytes()), found.meta[self._tagged_by] or ""

    @property
    def _tagged_by(self) -> Literal["e_tag", "version"]:
        """What conditions of writes are about: Google's generations, which others call versions, else entity tags."""
        return "version" if self.scheme == "gs" else "e_tag"

    def read_range(self, start: int, stop: int, *, etag: str | None = None) -> bytes:
        """Return the bytes [start, stop) of the object, which must still have this tag where stores know of tags."""
        if etag is None or self.scheme != "s3":  # tags of web servers may differ between machines that serve the same
            return self._ask(lambda: bytes(self.store.get_range(self.key, start=start, end=stop)))
        options: Any = {"range": (start, stop), "if_match": etag}
        try:
            return self._ask(lambda: bytes(self.store.get(self.key, options=options).bytes()))
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            raise OSError(errno.ESTALE, "has changed since it was opened", str(self)) from None

    def read_ranges(self, spans: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Return the bytes of many ranges [start, stop), several requests at a time; near ones share a request."""
        starts, ends = [start for start, _ in spans], [stop for _, stop in spans]
        found = self._ask(lambda: self.store.get_ranges(self.key, starts=starts, ends=ends, coalesce=NEAR))
        return [memoryview(one) for one in found]

    def read_head(self, n: int) -> tuple[Status, bytes]:
        """Return what the store says of the object, and its first bytes; FileNotFoundError if it is not there."""
        if not self.key:
            raise FileNotFoundError(errno.ENOENT, "is a bucket or host, no object", str(self))
        with as_os_errors(str(self)):
            try:
                return waited(partial(again, partial(self._head, n)))
            except Exception as error:
                if "416" not in str(error):  # an empty object has no range
                    raise
        return self.stat(), b""

    def _head(self, n: int) -> tuple[Status, bytes]:
        found = self.store.get(self.key, options={"range": (0, n)})
        return status_of(found.meta), bytes(found.bytes())

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return the object as a file to read from; only what is read is fetched."""
        if mode != "rb":
            raise ValueError(f"found mode {mode!r}; allowed: 'rb'")
        return open_object(self)

    def write_bytes(self, data: bytes, *, if_absent: bool = False, if_etag: str | None = None) -> str | None:
        """Put an object at once, and return its tag; None if it was to be absent, or of this tag, and is not."""
        mode: Any = "create" if if_absent else "overwrite" if if_etag is None else {self._tagged_by: if_etag}
        return self._put(lambda: self.store.put(self.key, data, mode=mode))

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
        return self._put(partial(again, lambda: self.store.put(self.key, file, mode=mode))) is not None

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
            self._ask(lambda: self.store.delete(self.key), changes=True)
        except FileNotFoundError:
            return

    def delete_below(self, chosen: Callable[[str], bool]) -> None:
        """Remove objects below that are chosen by the rest of their keys."""
        start = self._start()
        with as_os_errors(str(self)):
            for batch in self._pages(start):
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

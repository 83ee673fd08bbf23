"""A URL of an object, or of a prefix that stands for a folder, with the names that `pathlib.Path` has."""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote

from patchplan.errors import ConfigError
from patchplan.objects.failures import as_os_errors, refused
from patchplan.objects.stores import SCHEMES, store_of

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://(.*)", re.DOTALL)


@dataclass(frozen=True)
class Status:
    """What a store says of an object: bytes, seconds since 1970, and a tag that changes with the bytes."""

    size: int
    mtime: float
    etag: str | None


@dataclass(frozen=True, order=True)
class ObjectPath:
    """An object, or what lies below a prefix: `scheme://bucket/key`, for the web `scheme://host/key`.

    Make one with `location`. Whatever a store refuses is an OSError that names the URL.
    """

    scheme: str
    bucket: str
    key: str = ""

    @classmethod
    def of(cls, url: str) -> "ObjectPath":
        """Read a URL.

        Raises
        ------
        ConfigError
            If it is of another kind, or names no bucket or host.

        Examples
        --------
        >>> ObjectPath.of("s3://bucket/slides//a.zarr/")
        ObjectPath(scheme='s3', bucket='bucket', key='slides/a.zarr')
        """
        found = _URL.fullmatch(url)
        scheme, rest = (found[1].lower(), found[2]) if found else ("", "")
        if scheme not in SCHEMES:
            allowed = ", ".join(f"{one}://" for one in SCHEMES)
            raise ConfigError(f"{url}: found a URL of {scheme or 'no'}://; allowed: {allowed}, or a path")
        bucket, _, key = rest.partition("/")
        if not bucket or "@" in bucket:
            raise ConfigError(f"{scheme}://: needs a bucket or host without a user, such as {scheme}://NAME/path")
        if scheme in ("http", "https"):
            if "?" in key or "#" in key:
                raise ConfigError(f"{scheme}://{bucket}/: URLs with ? or # are not read; download the file first")
            key = unquote(key)
        return cls(scheme, bucket, _normal(key))

    def __str__(self) -> str:
        key = quote(self.key) if self.scheme in ("http", "https") else self.key
        return f"{self.scheme}://{self.bucket}/{key}" if key else f"{self.scheme}://{self.bucket}"

    def __truediv__(self, below: object) -> "ObjectPath":
        text = below.as_posix() if isinstance(below, PurePath) else str(below)
        return ObjectPath(self.scheme, self.bucket, _normal(f"{self.key}/{text}"))

    @property
    def name(self) -> str:
        """The last part of the key."""
        return PurePosixPath(self.key).name

    @property
    def suffix(self) -> str:
        """The last suffix of the name."""
        return PurePosixPath(self.key).suffix

    @property
    def stem(self) -> str:
        """The name without the last suffix."""
        return PurePosixPath(self.key).stem

    @property
    def parts(self) -> tuple[str, ...]:
        """The bucket with its scheme, and the parts of the key."""
        return (f"{self.scheme}://{self.bucket}", *PurePosixPath(self.key).parts)

    @property
    def parent(self) -> "ObjectPath":
        """What lies above; of a bucket itself."""
        return ObjectPath(self.scheme, self.bucket, posixpath.dirname(self.key))

    @property
    def parents(self) -> tuple["ObjectPath", ...]:
        """All that lies above, nearest first."""
        found, one = [], self
        while one.key:
            one = one.parent
            found.append(one)
        return tuple(found)

    def with_name(self, name: str) -> "ObjectPath":
        """Return what has another name beside this."""
        return self.parent / name

    @property
    def can_list(self) -> bool:
        """Whether the store tells what lies below a prefix; the web does not."""
        return self.scheme in ("s3", "gs")

    @property
    def store(self) -> "ObjectStore":
        """The bucket or host as obstore has it; keys are those of whole paths."""
        return store_of(self)

    def stat(self) -> Status:
        """Return what the store says of the object; FileNotFoundError if it is not there."""
        with as_os_errors(str(self)):
            return _status(self.store.head(self.key))

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
            for batch in self.store.list(start):
                for one in batch:
                    yield one["path"].removeprefix(start), _status(one)

    def iterdir(self) -> Iterator["ObjectPath"]:
        """Yield what lies directly below, objects and prefixes, in the order of their names."""
        folders, files = self.children()
        yield from (self / name for name in sorted({*folders, *files}))

    def children(self) -> tuple[list[str], dict[str, Status]]:
        """Return the names of the prefixes directly below, and of the objects, with what the store says of them."""
        start = self._start()
        with as_os_errors(str(self)):
            found = self.store.list_with_delimiter(start)
            folders = sorted(one.removeprefix(start).rstrip("/") for one in found["common_prefixes"])
            return folders, {one["path"].removeprefix(start): _status(one) for one in found["objects"]}

    def _start(self) -> str:
        if not self.can_list:
            raise OSError(
                95, "nobody can list what is on the web; give the names of files or of Zarr stores", str(self)
            )
        return f"{self.key}/" if self.key else ""

    def read_bytes(self) -> bytes:
        """Return the object's bytes."""
        return self.read_tagged()[0]

    def read_tagged(self) -> tuple[bytes, str]:
        """Return the object's bytes, and the tag that these bytes have."""
        with as_os_errors(str(self)):
            found = self.store.get(self.key)
            return bytes(found.bytes()), found.meta["e_tag"] or ""

    def read_range(self, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop)."""
        with as_os_errors(str(self)):
            return bytes(self.store.get_range(self.key, start=start, end=stop))

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return the object as a file to read from; only what is read is fetched."""
        from patchplan.objects.reading import open_object

        if mode != "rb":
            raise ValueError(f"found mode {mode!r}; allowed: 'rb'")
        return open_object(self)

    def write_bytes(self, data: bytes, *, if_absent: bool = False, if_etag: str | None = None) -> str | None:
        """Put an object at once, and return its tag; None if it was to be absent, or of this tag, and is not."""
        mode: Any = "create" if if_absent else "overwrite" if if_etag is None else {"e_tag": if_etag}
        with as_os_errors(str(self)):
            try:
                return self.store.put(self.key, data, mode=mode)["e_tag"] or ""
            except Exception as error:
                if refused(error):
                    return None
                raise

    def upload(self, file: Path) -> None:
        """Put a file, in parts if it is large; nobody sees a part of it."""
        with as_os_errors(str(self)):
            self.store.put(self.key, file)

    def delete(self) -> None:
        """Remove the object, if it is there."""
        try:
            with as_os_errors(str(self)):
                self.store.delete(self.key)
        except FileNotFoundError:
            return

    def delete_below(self, chosen: Callable[[str], bool]) -> None:
        """Remove objects below that are chosen by the rest of their keys."""
        start = self._start()
        with as_os_errors(str(self)):
            for batch in self.store.list(start):
                keys = [one["path"] for one in batch if chosen(one["path"].removeprefix(start))]
                if keys:
                    self.store.delete(keys)


Location = Path | ObjectPath


def is_url(given: object) -> bool:
    """Tell whether a name is a URL.

    Examples
    --------
    >>> is_url("s3://bucket/a.zarr"), is_url("C:/a.zarr")
    (True, False)
    """
    return isinstance(given, ObjectPath) or (isinstance(given, str) and _URL.match(given) is not None)


def location(given: "str | PathLike[str] | ObjectPath") -> Location:
    """Return a name as a local path or as one in an object store; ConfigError for URLs of other kinds."""
    if isinstance(given, ObjectPath):
        return given
    return ObjectPath.of(given) if isinstance(given, str) and is_url(given) else Path(given)


def _normal(key: str) -> str:
    """Return a key without empty parts, `.` and `..`."""
    normal = posixpath.normpath(f"/{key}").lstrip("/")
    return "" if normal == "." else normal


def _status(found: Any) -> Status:
    return Status(found["size"], found["last_modified"].timestamp(), found["e_tag"])

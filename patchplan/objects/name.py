"""Names of objects: URLs, taken apart and put together as `pathlib` does with paths."""

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Self
from urllib.parse import quote, unquote

from patchplan.errors import ConfigError

SCHEMES = ("s3", "gs", "https", "http")

URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://(.*)", re.DOTALL)


HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^][\s:@/?#\\%]+)(?::(\d{1,5}))?")

BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")

UNUSABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, order=True)
class ObjectName:
    """The name of an object, or of what lies below a prefix: `scheme://bucket/key`, for the web `scheme://host/key`."""

    scheme: str
    bucket: str
    key: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL.

        Raises
        ------
        ConfigError
            If it is of another kind, or names no bucket or host.

        Examples
        --------
        >>> ObjectName.of("s3://bucket/slides/a.zarr/")
        ObjectName(scheme='s3', bucket='bucket', key='slides/a.zarr')
        """
        found = URL.fullmatch(url)
        scheme, rest = (found[1].lower(), found[2]) if found else ("", "")
        if scheme not in SCHEMES:
            allowed = ", ".join(f"{one}://" for one in SCHEMES)
            raise ConfigError(f"{url}: found a URL of {scheme or 'no'}://; allowed: {allowed}, or a path")
        bucket, _, key = rest.partition("/")
        if scheme in ("http", "https"):
            bucket, key = re.split(r"[?#]", bucket)[0], unquote(key)
        _check_bucket(scheme, bucket)
        if scheme in ("http", "https") and re.search(r"[?#]", rest):
            raise ConfigError(f"{scheme}://{bucket}/: URLs with ? or # are not read; download the file first")
        if "//" in f"/{key}":
            raise ConfigError(f"{url}: found an empty part ('//'); allowed: one / between parts, and one at the end")
        if UNUSABLE.search(key):
            raise ConfigError(f"{url!r}: found a tab, line break or such in the name; allowed: all other characters")
        return cls(scheme, bucket, _normal(key))

    def __str__(self) -> str:
        key = quote(self.key) if self.scheme in ("http", "https") else self.key
        return f"{self.scheme}://{self.bucket}/{key}" if key else f"{self.scheme}://{self.bucket}"

    def __truediv__(self, below: object) -> Self:
        text = below.as_posix() if isinstance(below, PurePath) else str(below)
        return type(self)(self.scheme, self.bucket, _normal(f"{self.key}/{text}"))

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
    def parent(self) -> Self:
        """What lies above; of a bucket itself."""
        return type(self)(self.scheme, self.bucket, posixpath.dirname(self.key))

    @property
    def parents(self) -> tuple[Self, ...]:
        """All that lies above, nearest first."""
        found, one = [], self
        while one.key:
            one = one.parent
            found.append(one)
        return tuple(found)

    def with_name(self, name: str) -> Self:
        """Return what has another name beside this."""
        return self.parent / name

    @property
    def can_list(self) -> bool:
        """Whether the store tells what lies below a prefix; the web does not."""
        return self.scheme in ("s3", "gs")


def _check_bucket(scheme: str, bucket: str) -> None:
    if not bucket or "@" in bucket:
        raise ConfigError(f"{scheme}://: needs a bucket or host without a user, such as {scheme}://NAME/path")
    is_web = scheme in ("http", "https")
    if not (is_host(bucket) if is_web else BUCKET.fullmatch(bucket)):
        allowed = "HOST or HOST:PORT" if is_web else "letters, digits, '.', '_' and '-', no spaces"
        raise ConfigError(f"{scheme}://{bucket}: found {bucket!r} for the name of a bucket or host; allowed: {allowed}")


def is_host(text: str) -> bool:
    """Tell whether a text is HOST or HOST:PORT.

    Examples
    --------
    >>> [is_host(text) for text in ("here:9000", "[::1]:9000", "here:90000", "[here")]
    [True, True, False, False]
    """
    found = HOST.fullmatch(text)
    return found is not None and int(found[2] or 0) < 1 << 16


def _normal(key: str) -> str:
    """Return a key without empty parts, `.` and `..`."""
    normal = posixpath.normpath(f"/{key}").lstrip("/")
    return "" if normal == "." else normal

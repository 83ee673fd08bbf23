"""Stores by the first part of a URL, set up from the environment alike for obstore and for tensorstore.

s3: AWS_ACCESS_KEY_ID and its companions, else AWS_PROFILE of the shared credentials file, else what the machine has
    (as a cluster's nodes do); AWS_SKIP_SIGNATURE=true reads public buckets; AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3)
    is another server than Amazon's; AWS_REGION (or AWS_DEFAULT_REGION).
gs: GOOGLE_APPLICATION_CREDENTIALS and what else Google's libraries know; GOOGLE_SKIP_SIGNATURE=true.
"""

import configparser
import errno
import os
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchplan.errors import ConfigError, MissingExtraError
from patchplan.objects.name import ObjectName, is_host

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CLIENT = {"timeout": "600s", "read_timeout": "30s", "connect_timeout": "10s"}
"""Of a whole answer, which may be large, and of a server that is silent."""

_RETRIES: dict[str, Any] = {
    "max_retries": 10,
    "retry_timeout": timedelta(seconds=300),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=15), "base": 2},
}

_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_SKIP_SIGNATURE",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "GOOGLE_SKIP_SIGNATURE",
    "GOOGLE_APPLICATION_CREDENTIALS",
)


_forked = False


def _note_fork() -> None:
    """Remember that obstore waits for threads that this process does not have."""
    global _forked  # noqa: PLW0603 - the state of this process
    _forked = _forked or "obstore" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def store_of(path: ObjectName) -> "ObjectStore":
    """Return the obstore store of a path's bucket or host: one for each, and for each set of settings.

    Raises
    ------
    MissingExtraError
        If obstore is not installed.
    OSError
        In a process forked from one that used it, where it would wait for ever.
    """
    if _forked:
        problem = "object stores cannot be used in a forked process; start it by spawn or forkserver"
        raise OSError(errno.ENOTSUP, problem, str(path))
    return _opened(path.scheme, path.bucket, tuple((name, os.environ.get(name, "")) for name in _NAMES))


@cache
def _opened(scheme: str, bucket: str, settings: tuple[tuple[str, str], ...]) -> "ObjectStore":
    try:
        from obstore.store import GCSStore, HTTPStore, S3Store
    except ImportError:
        raise MissingExtraError(f"{scheme}://{bucket}: object stores need obstore", "remote") from None
    found = {name: value for name, value in settings if value}
    if scheme == "s3":
        endpoint = _endpoint(found)
        client = {**_CLIENT, "allow_http": (endpoint or "").startswith("http://")}
        config: dict[str, Any] = {"region": _region(found), "skip_signature": _is_true(found, "AWS_SKIP_SIGNATURE")}
        if endpoint is not None:
            config |= {"endpoint": endpoint}
        if profile := _profile(found):
            config |= {"access_key_id": profile["aws_access_key_id"], "token": profile.get("aws_session_token", "")}
            config |= {"secret_access_key": profile.get("aws_secret_access_key", "")}
        config = {name: value for name, value in config.items() if value not in ("", False)}
        return S3Store(bucket, config=config, client_options=client, retry_config=_RETRIES)  # type: ignore[arg-type]
    if scheme == "gs":
        skip = {"skip_signature": True} if _is_true(found, "GOOGLE_SKIP_SIGNATURE") else {}
        return GCSStore(bucket, config=skip, client_options=_CLIENT, retry_config=_RETRIES)  # type: ignore[arg-type]
    client = {**_CLIENT, "allow_http": scheme == "http"}
    return HTTPStore.from_url(f"{scheme}://{bucket}", client_options=client, retry_config=_RETRIES)  # type: ignore[arg-type]


def kvstore(path: ObjectName | Path) -> dict[str, Any]:
    """Return where a folder or prefix is, in the words of tensorstore."""
    if isinstance(path, Path):
        return {"driver": "file", "path": f"{path.as_posix()}/"}
    key = f"{path.key}/" if path.key else ""
    if path.scheme == "s3":
        found = {name: value for name in _NAMES if (value := os.environ.get(name))}
        spec = {"driver": "s3", "bucket": path.bucket, "path": key, "aws_region": _region(found)}
        if (endpoint := _endpoint(found)) is not None:
            spec["endpoint"] = endpoint
        return {**spec, "aws_credentials": _credentials(found)}
    if path.scheme == "gs":
        return {"driver": "gcs", "bucket": path.bucket, "path": key}
    return {"driver": "http", "base_url": f"{path.scheme}://{path.bucket}", "path": f"/{key}"}


def _credentials(found: Mapping[str, str]) -> dict[str, Any]:
    if _is_true(found, "AWS_SKIP_SIGNATURE"):
        return {"type": "anonymous"}
    if "AWS_ACCESS_KEY_ID" in found:
        return {"type": "environment"}
    if _profile(found):
        file = found.get("AWS_SHARED_CREDENTIALS_FILE")
        more = {} if file is None else {"credentials_file": file}
        return {"type": "profile", "profile": found.get("AWS_PROFILE", "default"), **more}
    return {"type": "default"}


def _endpoint(found: Mapping[str, str]) -> str | None:
    name = next((name for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if found.get(name)), None)
    if name is None:
        return None
    endpoint = found[name]
    parts = re.fullmatch(r"https?://([^/]+)(/[^\s?#]*)?", endpoint)
    if parts is None or not is_host(parts[1]):
        shown = re.sub(r"[^/]*@", "***@", endpoint)  # it may be a password
        raise ConfigError(f"{name}: found {shown!r}; allowed: a URL such as http://HOST:PORT")
    return endpoint.rstrip("/")


def _region(found: Mapping[str, str]) -> str:
    return found.get("AWS_REGION") or found.get("AWS_DEFAULT_REGION") or "us-east-1"


def _is_true(found: Mapping[str, str], name: str) -> bool:
    return found.get(name, "").lower() in ("1", "true", "yes", "on")


def _profile(found: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the keys of a profile in the shared credentials file, where the environment has none."""
    if "AWS_ACCESS_KEY_ID" in found:
        return None
    file = Path(found.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")).expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file)
    except (configparser.Error, OSError, UnicodeDecodeError):
        return None
    name = found.get("AWS_PROFILE", "default")
    section = parser[name] if parser.has_section(name) else {}
    return section if "aws_access_key_id" in section else None

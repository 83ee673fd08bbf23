"""Locks in an object store: an object that its holder renews, and that others may take over when nobody does.

A store lets go of no lock when a process dies. On the machine of the holder it is known whether that process lives.
Elsewhere a lock is watched: one that is not renewed for `LEASE_SECONDS` is of a process that is gone, or that finds
out before it notes, publishes or removes anything; only a write that is under way then may still come in. All
changes are conditional, so that of several that try one succeeds.
"""

import json
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

from patchplan.errors import OutputError
from patchplan.objects import ObjectPath

RENEW_SECONDS = 15.0
LEASE_SECONDS = 60.0
"""Several times longer than it takes to renew a lock, with the retries of a store that is busy."""

_LOOK_SECONDS = 1.0

LOG = logging.getLogger("patchplan.publish")


class Lease:
    """A lock that is held, and renewed in a thread of its own until it is released."""

    def __init__(self, path: ObjectPath) -> None:
        """Take a lock, if need be from one that is gone; OutputError if another run holds it."""
        self._path = path
        self._about: dict[str, Any] = {
            "token": token_hex(8),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process": _process(os.getpid()),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "renewed": 0,
        }
        self._lost = False
        self._changing = threading.Lock()
        self._begun = _now()
        self._etag = self._take()
        self._released = threading.Event()
        threading.Thread(target=self._keep, name="patchplan-lease", daemon=True).start()

    def _take(self) -> str:
        body = self._body()
        while True:
            etag = self._path.write_bytes(body, if_absent=True)
            if etag is not None:
                return etag
            found = _found(self._path)
            if found is None:
                continue  # it was released in between
            if found[0].get("token") == self._about["token"]:
                return found[1]  # only the answer was lost
            _wait_until_dead(self._path, *found)
            etag = self._path.write_bytes(body, if_etag=found[1])
            if etag is not None:
                return etag

    def _body(self) -> bytes:
        return json.dumps(self._about).encode()

    def _keep(self) -> None:
        while not self._released.wait(RENEW_SECONDS):
            with suppress(OSError):  # `check` tells, if it goes on
                self._renew()

    def _renew(self) -> None:
        with self._changing:
            if self._lost or self._released.is_set():
                return
            self._about["renewed"] += 1
            begun = _now()
            etag = self._path.write_bytes(self._body(), if_etag=self._etag)
            if etag is None:
                found = _found(self._path)  # an answer may have been lost, and the second try then fails
                etag = found[1] if found and found[0].get("token") == self._about["token"] else None
            if etag is None:
                self._lost = True
            else:
                self._etag, self._begun = etag, begun

    def check(self, *, surely: bool = False) -> None:
        """Raise OutputError unless the lock is still held; `surely` asks the store, for what cannot be undone."""
        if surely or _now() - self._begun > LEASE_SECONDS / 2:  # the thread was late, or the machine asleep
            self._renew()
        if self._lost:
            raise OutputError(f"{self._path}: another run has taken over, as this one did not answer; it goes on alone")

    def release(self) -> None:
        """Let others have the lock."""
        self._released.set()
        with self._changing:
            if not self._lost:
                self._path.delete()


def _now() -> float:
    """Return seconds that also pass while the machine is asleep, where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


def refuse_held(path: ObjectPath) -> None:
    """Raise OutputError if somebody holds a lock; who is gone holds none."""
    found = _found(path)
    if found is not None:
        _wait_until_dead(path, *found)


def _found(path: ObjectPath) -> tuple[dict[str, Any], str] | None:
    """Return what a lock says, and its entity tag."""
    try:
        body, etag = path.read_tagged()
    except FileNotFoundError:
        return None
    try:
        about = json.loads(body)
    except ValueError:
        about = {}
    return (about if isinstance(about, dict) else {}), etag


def _wait_until_dead(path: ObjectPath, about: dict[str, Any], etag: str) -> None:
    """Return when the holder of a lock is known to be gone; OutputError when it is known to live."""
    who = f"{about.get('host', 'unknown')}, process {about.get('pid', '?')}, since {about.get('since', '?')}"
    refusal = f"{path}: another run is writing there ({who}); wait for it, or give another name"
    lives = _lives(about)
    if lives is False:
        return
    if lives:
        raise OutputError(refusal)
    LOG.warning("%s: waiting up to %d s to see whether the run that holds it lives (%s)", path, LEASE_SECONDS, who)
    end = time.monotonic() + LEASE_SECONDS
    while time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        now = _found(path)
        if now is None:
            return
        if now[1] != etag:
            raise OutputError(refusal)


def _lives(about: dict[str, Any]) -> bool | None:
    """Tell whether a process of this machine lives; None if it is one of another."""
    process, pid = about.get("process"), about.get("pid")
    if not isinstance(process, list) or None in process or process[:1] != [_machine()] or not isinstance(pid, int):
        return None
    return _process(pid) == process


@cache
def _machine() -> str | None:
    """Return what tells this boot of this machine, and this container on it, from others; None if nothing does."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it leads nowhere
    except OSError:
        return None


def _process(pid: int) -> list[str | None]:
    """Return what tells a process from others that had or will have its number."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [_machine(), None]
    return [_machine(), None if fields[0] == "Z" else fields[19]]

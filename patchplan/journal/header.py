"""The first record of a journal: whose it is."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from patchplan.errors import OutputError
from patchplan.journal.records import RECORD, Kind, Records, intact, sealed
from patchplan.objects import Location

VERSION = 1
_MAGIC = b"ppjournl"

HEADER: np.dtype[np.void] = np.dtype(
    [
        ("kind", "<u4"),
        ("version", "<u4"),
        ("magic", "S8"),
        ("run", "<u8"),
        ("boot", "<u8"),
        ("unused", "V28"),
        ("crc", "<u4"),
    ]
)
"""The header's fields, where other records have theirs."""


def header(run: int) -> Records:
    """Return the header of a journal of this run, begun in this boot."""
    record = np.zeros(1, HEADER)
    record["kind"], record["version"], record["magic"] = Kind.HEADER, VERSION, _MAGIC
    record["run"], record["boot"] = run, this_boot()
    return sealed(record.view(RECORD))


def same_boot(path: Location, raw: bytes, run: int) -> bool:
    """Check a file's first bytes, and return whether the machine has been up ever since they were written.

    Raises
    ------
    OutputError
        If they are no header, or one of another version or run.
    """
    again = "--overwrite begins anew (a share: remove it)"
    if len(raw) < HEADER.itemsize:
        raise OutputError(f"{path}: has {len(raw)} bytes, and a journal has {HEADER.itemsize} or more; {again}")
    found = np.frombuffer(raw, HEADER, 1)
    if found["magic"][0] != _MAGIC or found["kind"][0] != Kind.HEADER:
        raise OutputError(f"{path}: is no journal, or its first bytes are damaged; {again}")
    if not intact(found.view(RECORD))[0]:
        raise OutputError(f"{path}: its header is damaged, as its checksum is wrong; {again}")
    version, owner = int(found["version"][0]), int(found["run"][0])
    if version != VERSION:
        raise OutputError(f"{path}: is a journal of version {version}, and this patchplan reads {VERSION}; {again}")
    if owner != run:
        raise OutputError(f"{path}: is the journal of another run, {owner:016x}, and this is {run:016x}; {again}")
    return int(found["boot"][0]) == this_boot() != 0


@cache
def this_boot() -> int:
    """Return a number that differs each time the machine starts; 0 where the system does not say."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return 0
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")

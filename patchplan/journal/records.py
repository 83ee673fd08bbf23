"""Records of 64 bytes that tell by themselves whether they are whole."""

import zlib
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Records = NDArray[np.void]
"""A 1-D structured array of dtype `RECORD`."""

RECORD: np.dtype[np.void] = np.dtype(
    [
        ("kind", "<u4"),
        ("level", "<u4"),
        ("sample", "<u8"),
        ("filled", "<u8"),
        ("stamp", "<u8"),
        ("image", "<u4"),
        ("start", "<u4", (3,)),
        ("count", "<u4", (3,)),
        ("crc", "<u4"),
    ]
)
"""One record; every field lies at a multiple of its size, so that nothing stands between them."""

_CHECKED = RECORD.itemsize - 4
"""Bytes before the checksum, which it is of."""


class Kind(IntEnum):
    """What a record says."""

    HEADER = 1
    """The file is a journal, of this version, run and boot; always the first record."""
    PIECE = 2
    """The blocks [start, start + count) of an image, level and sample are written."""
    IMAGE = 3
    """The output of an image is complete."""
    SYNCED = 4
    """The first `filled` records of the file, and the data that they tell of, are on the disk."""
    COMPLETE = 5
    """All is done: outputs are complete and publication begins, or a share is written."""


def pieces(
    image: ArrayLike,
    level: ArrayLike,
    sample: ArrayLike,
    start: ArrayLike,
    count: ArrayLike,
    filled: ArrayLike,
    stamp: ArrayLike,
) -> Records:
    """Return PIECE records from numbers, the same for all, or arrays, one entry per record.

    Whether the entries of arrays fit their fields is not checked.

    Parameters
    ----------
    image, level, sample : array_like of int
        Where the blocks are.
    start, count : array_like of int
        First block and number of blocks per axis, (n, d) or (d,) with d up to 3; axes left out in front start at 0
        and have one block.
    filled : array_like of int
        Pixels that no tile covers.
    stamp : array_like of int
        What `stamps.stamp` says of the files written.

    Examples
    --------
    >>> record = pieces(0, 1, 0, start=[[2, 0], [3, 0]], count=(1, 4), filled=0, stamp=[7, 8])[1]
    >>> record["start"].tolist(), record["count"].tolist(), int(record["stamp"])
    ([0, 3, 0], [1, 1, 4], 8)
    """
    numbers = {"image": image, "level": level, "sample": sample, "filled": filled, "stamp": stamp}
    boxes = {"start": (start, 0), "count": (count, 1)}
    shapes = [np.shape(column) for column in numbers.values()] + [np.shape(box)[:-1] for box, _ in boxes.values()]
    records = np.zeros(np.broadcast_shapes((1,), *shapes), RECORD)
    records["kind"] = Kind.PIECE
    for name, column in numbers.items():
        records[name] = column
    for name, (box, absent) in boxes.items():
        records[name] = absent
        records[name][:, 3 - np.shape(box)[-1] :] = box
    return records


def mark(kind: Kind, image: int = 0, filled: int = 0) -> Records:
    """Return one record that tells of no blocks: IMAGE, SYNCED or COMPLETE."""
    record = np.zeros(1, RECORD)
    record["kind"], record["image"], record["filled"] = kind, image, filled
    return record


def sealed(records: Records) -> Records:
    """Return the records with their checksums set."""
    copies = np.array(records, RECORD, order="C")
    raw = memoryview(copies.tobytes())
    size = RECORD.itemsize
    copies["crc"] = [zlib.crc32(raw[at : at + _CHECKED]) for at in range(0, len(raw), size)]
    return copies


def intact(records: Records) -> NDArray[np.bool_]:
    """Return which records have the right checksum.

    All records at once, byte by byte: a million take a tenth of a second.
    """
    rows = np.ascontiguousarray(records).view(np.uint8).reshape(-1, RECORD.itemsize)
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(rows[:, :_CHECKED].T):
        crc = _TABLE[crc.astype(np.uint8) ^ column] ^ (crc >> 8)
    right: NDArray[np.bool_] = ~crc == records["crc"]
    return right


def _table() -> NDArray[np.uint32]:
    """Return what each byte adds to a CRC-32, that of zlib, Ethernet and PNG."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1)
    return table


_TABLE = _table()

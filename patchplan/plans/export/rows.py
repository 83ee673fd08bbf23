"""Rows of text made column by column: all of a width, filled up with zero bytes that are dropped at the end.

parts       '{"x":'   digits   '}'
template    {"x":....}              the bytes of one row, a place for each column
rows        {"x":.120}{"x":1024}    columns copied to their places
text        {"x":120}{"x":1024}     without zeros, which no text holds
"""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.plans.tables.columns import split_rows

Texts: TypeAlias = NDArray[np.bytes_]
"""A text per row, (n,): bytes of one width, zeros before, behind or between those that count."""

Part: TypeAlias = str | Texts
"""What stands in all rows, or a text per row."""

HELD = 1 << 19
"""Bytes of rows that are filled at a time: they stay in the processor's cache."""

GROUP = 10_000
"""Numbers whose digits are looked up at once: those of four digits."""


def joined(parts: Sequence[Part], n: int) -> list[memoryview]:
    """Return parts side by side, row after row, in pieces of whole rows."""
    fixed = [part.encode() if isinstance(part, str) else bytes(part.itemsize) for part in parts]
    ends = list(accumulate(map(len, fixed)))
    rows = np.full(min(n, -(-HELD // ends[-1])), b"".join(fixed), f"V{ends[-1]}")
    counts = np.empty(rows.nbytes, bool)
    pieces: list[memoryview] = []
    for first, last in split_rows(0, n, len(rows)):
        some = rows[: last - first]
        for part, end in zip(parts, ends, strict=True):
            if not isinstance(part, str):
                kind = f"V{part.itemsize}"
                some.getfield(kind, end - part.itemsize)[...] = part[first:last].view(kind)
        text = some.view(np.uint8)
        pieces.append(text[np.not_equal(text, 0, out=counts[: len(text)])].data)
    return pieces


def as_text(column: NDArray[Any]) -> Part:
    """Return numbers as JSON has them, (n,) of 0 and more; one that all rows have as a plain string."""
    alike = column[0] == column[-1] and bool((column == column[0]).all())
    some = column[:1] if alike else column
    found = digits(some) if column.dtype.kind == "i" else texts(pc.cast(pa.array(some), pa.string()))
    return bytes(found[0]).decode() if alike else found


def digits(column: IntArray) -> Texts:
    r"""Return whole numbers of 0 and more, (n,), zeros before their digits.

    Examples
    --------
    >>> digits(np.array([0, 123456])).tolist()
    [b'\x00\x00\x00\x00\x000', b'123456']
    """
    most = int(column.max())
    width = len(str(most))
    groups = -(-width // 4)
    rest: NDArray[Any] = column.astype(np.uint32 if most < 1 << 32 else np.int64)
    found = np.empty((len(rest), groups), np.uint32)
    for group in reversed(range(groups)):
        upper = rest // GROUP
        found[:, group] = _digits_of_groups()[rest - upper * GROUP + GROUP * (upper > 0)]
        rest = upper
    text = found.view(np.uint8)
    text[:, -1] |= ord("0")  # of a number that is 0; digits have these bits
    return np.ascontiguousarray(text[:, -width:]).view(f"S{width}")[:, 0]


@cache
def _digits_of_groups() -> NDArray[np.uint32]:
    """Return the four bytes of 0 to 9999 as numbers begin with them, then as they go on with them."""
    first = "".join(str(number or "").rjust(4, "\0") for number in range(GROUP))
    later = "".join(f"{number:04d}" for number in range(GROUP))
    return np.frombuffer((first + later).encode(), np.uint32)


def texts(column: pa.StringArray) -> Texts:
    """Return strings that hold no zeros, (n,), zeros behind them."""
    _, offsets, held = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    lengths = np.diff(ends)
    width = max(1, int(lengths.max()))
    found = np.zeros((len(column), width), np.uint8)
    found[np.arange(width) < lengths[:, None]] = np.frombuffer(held, np.uint8)[ends[0] : ends[-1]]
    return found.view(f"S{width}")[:, 0]

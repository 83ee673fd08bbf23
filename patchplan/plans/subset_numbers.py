"""Numbers that a user lists: single ones and ranges, in a text, a file, or from Python."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchplan.core.shapes import MAX_SIZE
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError

Given = str | Sequence[int] | IntArray

MAX_BYTES = 1 << 30
ALLOWED = "numbers from 0 and ranges without their end, such as 3,7,20:30, or @FILE with such"


@dataclass(frozen=True, eq=False)
class Numbers:
    """A set of numbers from 0: intervals [start, stop), ascending and apart; `single` are those listed one by one."""

    start: IntArray
    stop: IntArray
    single: IntArray

    def hold(self, numbers: IntArray) -> NDArray[np.bool_]:
        """Tell which numbers are in the set."""
        if not len(self.start):
            return np.zeros(len(numbers), bool)
        place = np.searchsorted(self.start, numbers, side="right") - 1
        return (place >= 0) & (numbers < self.stop[place])

    def meet(self, start: int, stop: int) -> bool:
        """Tell whether a number of [start, stop) is in the set."""
        first = int(np.searchsorted(self.stop, start, side="right"))
        return first < len(self.start) and bool(self.start[first] < stop)


def parse_numbers(option: str, given: Given) -> Numbers:
    """Return a set of numbers.

    Examples
    --------
    >>> numbers = parse_numbers("--index", "7,2:5")
    >>> numbers.hold(np.arange(8)).nonzero()[0].tolist(), numbers.single.tolist()
    ([2, 3, 4, 7], [7])

    Raises
    ------
    ConfigError
        For anything else, or a file that cannot be read.
    """
    if not isinstance(given, str):
        return of_array(_checked(option, given))
    text = _read(option, Path(given[1:])) if given.startswith("@") else given
    single, ranges = [], []
    for entry in text.replace(",", " ").split():
        match = re.fullmatch(r"(\d{1,18})(?::(\d{1,18}))?", entry, re.ASCII)
        if match is None or (match[2] is not None and int(match[1]) >= int(match[2])):
            raise ConfigError(f"{option}: found {entry[:80]!r}; allowed: {ALLOWED}")
        if match[2] is None:
            single.append(int(match[1]))
        else:
            ranges.append((int(match[1]), int(match[2])))
    if not single and not ranges:
        raise ConfigError(f"{option}: found no number in {given[:80]!r}; allowed: {ALLOWED}")
    return _united(np.unique(np.array(single, np.int64)), np.array(ranges, np.int64).reshape(-1, 2))


def of_array(numbers: IntArray) -> Numbers:
    """Return numbers, each listed, as a set."""
    return _united(np.unique(numbers), np.empty((0, 2), np.int64))


def _united(single: IntArray, ranges: IntArray) -> Numbers:
    """Join intervals that touch."""
    both = np.concatenate([np.stack([single, single + 1], axis=1), ranges])
    both = both[np.argsort(both[:, 0], kind="stable")]
    reach = np.maximum.accumulate(both[:, 1])
    begins = np.concatenate([[True], both[1:, 0] > reach[:-1]])[: len(both)]
    ends = np.concatenate([begins[1:], [True]])[: len(both)]
    return Numbers(both[begins, 0], reach[ends], single)


def _checked(option: str, given: Sequence[int] | IntArray) -> IntArray:
    try:
        if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
            found = given.astype(np.int64).ravel()
        else:
            found = np.array([-1 if isinstance(one, bool) else operator.index(one) for one in given], np.int64)
    except (TypeError, OverflowError):
        raise ConfigError(f"{option}: found {str(given)[:80]}; allowed: {ALLOWED}") from None
    if not len(found) or found.min() < 0 or found.max() > MAX_SIZE:
        raise ConfigError(f"{option}: found {str(given)[:80]}; allowed: whole numbers from 0, at least one")
    return found


def _read(option: str, path: Path) -> str:
    try:
        regular = path.is_file() and path.stat().st_size <= MAX_BYTES
        text = path.read_text(encoding="utf-8") if regular else None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is no text"
        raise ConfigError(f"{option}: {path}: cannot be read: {why}") from None
    if text is None:
        raise ConfigError(f"{option}: {path}: is no file, or one of more than {MAX_BYTES} bytes")
    return text

"""Values of options that several commands share: memory, threads, data types."""

import operator
import os
import re
from typing import Any

import numpy as np

from patchplan.errors import ConfigError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def parse_memory(memory: str | int) -> int:
    """Return bytes of a text such as 512MB, 2GB or 1GiB.

    Examples
    --------
    >>> parse_memory("512MB"), parse_memory("1.5GiB")
    (512000000, 1610612736)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", str(memory).upper())
    found = int(float(match[1]) * UNITS[match[2]]) if match and match[2] in UNITS else 0
    if isinstance(memory, bool) or found < 1:
        raise ConfigError(f"--memory: found {memory!r}; allowed: a size such as 512MB or 2GB")
    return found


def memory_text(n: int) -> str:
    """Return bytes as text that `parse_memory` reads, at most rounded up.

    Examples
    --------
    >>> memory_text(2_000_000_000), memory_text(453_100_000), memory_text(1_000)
    ('2GB', '454MB', '1KB')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if n % size == 0 or (n >= size and unit != "GB"):
            return f"{-(-n // size)}{unit}"
    return str(n)


def parse_workers(workers: int | None) -> int:
    """Return the number of threads; by default those that this process may run on, up to 8."""
    if workers is None:
        return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if isinstance(workers, np.integer):
        workers = int(workers)
    if type(workers) is not int or not 1 <= workers <= 256:
        raise ConfigError(f"--workers: found {workers!r}; allowed: 1 to 256")
    return workers


def whole_number(name: str, value: Any, minimum: int = 0) -> int:
    """Return a whole number, also one of numpy, as a plain int; ConfigError for anything else or less.

    Examples
    --------
    >>> whole_number("--epoch", np.int64(3))
    3
    """
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = minimum - 1
    if number < minimum:
        raise ConfigError(f"{name}: found {value!r}; allowed: a whole number from {minimum}")
    return number


def parse_dtype(dtype: Any) -> np.dtype[Any]:
    """Return a dtype of numbers or bool, in native byte order."""
    try:
        found: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError, SyntaxError):  # NumPy reads names as a small language
        found = np.dtype("V")
    if found.kind not in "biufc":
        raise ConfigError(f"--dtype: found {dtype!r}; allowed: a NumPy name of numbers, such as uint8 or float32")
    return found

"""What filters measure of patches of one size, many at once: arrays (n, (Z) Y X) to (n, k) float64."""

import math
from functools import cache
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import FloatArray

PIECE = 1 << 20
"""Pixels of a patch that are float64 at a time."""


def maximum_filter(patches: NDArray[Any]) -> NDArray[Any]:
    """Return patches after a maximum filter over half of each patch; outside of it is 0.

    The window of a side n is n // 2 pixels, at least 1; of an even window one more lies before a pixel than
    after it.

    Examples
    --------
    >>> maximum_filter(np.array([[[0, 0, 5, 0, 0, 0]]])).tolist()
    [[[0, 5, 5, 5, 0, 0]]]
    """
    for axis in range(1, patches.ndim):
        window = max(1, patches.shape[axis] // 2)
        if window > 1:
            patches = _running_maximum(patches, axis, window)
    return patches


def _running_maximum(patches: NDArray[Any], axis: int, window: int) -> NDArray[Any]:
    """Filter along one axis: maxima over 1, 2, 4, ... pixels, then over two such runs that make up the window."""
    n, before = patches.shape[axis], window // 2

    def along(start: int, stop: int) -> tuple[slice, ...]:
        return (*[slice(None)] * axis, slice(start, stop))

    length = n + window - 1
    shape = list(patches.shape)
    shape[axis] = length
    padded = np.zeros(shape, patches.dtype)
    padded[along(before, before + n)] = patches
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        length -= step
        padded = np.maximum(padded[along(0, length)], padded[along(step, length + step)])
        reach += step
    return padded


def bright_limit(patches: NDArray[Any], coverage: float) -> FloatArray:
    """Return the limit of each patch, (n, 1): it is kept by all thresholds below that.

    Kept means that the maximum is not below the threshold, and that after the maximum filter no less than
    `coverage` of the patch is above it.
    """
    pixels = _ordered(patches)
    most: FloatArray = pixels.reshape(len(pixels), -1).max(axis=1, keepdims=True).astype(np.float64)
    with np.errstate(over="ignore"):
        most = np.nextafter(most, np.inf)  # a threshold may be as high as the maximum
    rank = _least_count(coverage, pixels[0].size)
    if not rank:
        return most
    filtered = maximum_filter(pixels).reshape(len(pixels), -1)
    at = filtered.shape[1] - rank
    return np.minimum(most, np.partition(filtered, at, axis=1)[:, [at]])


def _ordered(patches: NDArray[Any]) -> NDArray[Any]:
    """Return patches of a type that is fast to compare."""
    if patches.dtype == np.bool_:
        return patches.view(np.uint8)
    return patches.astype(np.float32) if patches.dtype == np.float16 else patches


def _least_count(share: float, n: int) -> int:
    """Return the least count with count / n >= share, in float as whoever divides has it."""
    count = math.ceil(share * n)
    while count > 0 and (count - 1) / n >= share:
        count -= 1
    return count if count / n >= share else count + 1


def mean_and_std(patches: NDArray[Any]) -> FloatArray:
    """Return mean and standard deviation of each patch, (n, 2), computed in float64."""
    flat = patches.reshape(len(patches), -1)
    n = flat.shape[1]
    pieces = [flat[:, start : start + PIECE] for start in range(0, n, PIECE)]
    with np.errstate(invalid="ignore", over="ignore"):
        mean = sum((piece.astype(np.float64).sum(axis=1) for piece in pieces), np.zeros(len(flat))) / n
        squares = np.zeros(len(flat))
        for piece in pieces:
            away = piece - mean[:, np.newaxis]
            squares += np.square(away, out=away).sum(axis=1)
        return np.stack([mean, np.sqrt(squares / n)], axis=1)


def entropy(patches: NDArray[Any]) -> FloatArray:
    """Return the Shannon entropy of each patch's pixel values in bits, (n, 1)."""
    n_pixels = patches[0].size
    ordered = np.sort(patches.reshape(len(patches), -1), axis=1, kind=_fastest_sort(patches.dtype))
    begins = np.ones(ordered.shape, bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=begins[:, 1:])
    places = np.flatnonzero(begins)
    share = np.diff(places, append=begins.size) / n_pixels
    runs = np.count_nonzero(begins, axis=1)
    sums = np.add.reduceat(share * -np.log2(share), np.cumsum(runs) - runs)
    return np.asarray(sums + 0.0)[:, np.newaxis]  # + 0.0: a single value has entropy 0, not -0


@cache
def _fastest_sort(dtype: np.dtype[Any]) -> Literal["stable", "quicksort"]:
    """Return the faster sort on this machine: of 8 and 16 bits radix sort, unless quicksort is vectorised for them."""
    if dtype.itemsize > 2 or dtype.kind not in "iu":
        return "quicksort"
    noise = np.random.default_rng(0).integers(0, 1 << 16, 1 << 14).astype(dtype)
    return "stable" if _seconds(noise, "stable") < _seconds(noise, "quicksort") else "quicksort"


def _seconds(pixels: NDArray[Any], kind: Literal["stable", "quicksort"]) -> float:
    """Return the least time of a few sorts."""
    times = []
    for _ in range(3):
        start = perf_counter()
        np.sort(pixels, kind=kind)
        times.append(perf_counter() - start)
    return min(times)

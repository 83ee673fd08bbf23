"""Halving arrays: the mean of pixels that become one, or the first of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_pixels(block: NDArray[Any], step: Sequence[int]) -> NDArray[Any]:
    """Return every `step`-th pixel per axis, for labels."""
    return block[tuple(slice(None, None, n) for n in step)]


def mean_pixels(block: NDArray[Any], step: Sequence[int]) -> NDArray[Any]:
    """Return the mean over boxes of 1 or 2 pixels per axis, in the block's dtype.

    At an odd edge it is the mean of the pixels that exist. Integers are rounded, halves to even, without
    leaving their type, so that 64 bits are exact, too.

    Examples
    --------
    >>> mean_pixels(np.array([[1, 2, 9], [3, 4, 10]]), (2, 2))
    array([[ 2, 10]])
    """
    pieces = list(_corners(block, step))
    if len(pieces) == 1:
        return pieces[0]
    if block.dtype.kind in "iu":
        return _rounded_mean(pieces)
    work = np.result_type(block.dtype, np.float32)
    # a power of two divides exactly, and before the sum it cannot overflow
    part = work.type(1 / len(pieces))
    with np.errstate(invalid="ignore"):  # infinities of both signs are NaN
        total = pieces[0].astype(work, copy=False) * part
        for piece in pieces[1:]:
            total += piece.astype(work, copy=False) * part
    mean: NDArray[Any] = total.astype(block.dtype, copy=False)
    return mean


def _corners(block: NDArray[Any], step: Sequence[int]) -> list[NDArray[Any]]:
    """Return for each place in a box the pixels there; an edge pixel without a partner is its own partner."""
    pieces = [block]
    for axis, n in enumerate(step):
        if n == 1:
            continue
        halves = []
        for piece in pieces:
            lower = piece[(slice(None),) * axis + (slice(None, None, 2),)]
            upper = piece[(slice(None),) * axis + (slice(1, None, 2),)]
            if upper.shape[axis] < lower.shape[axis]:
                last = lower[(slice(None),) * axis + (slice(-1, None),)]
                upper = np.concatenate([upper, last], axis)
            halves += [lower, upper]
        pieces = halves
    return pieces


def _rounded_mean(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the mean of 2, 4 or 8 arrays of integers: whole parts and remainders are added apart."""
    bits = len(pieces).bit_length() - 1
    mask = len(pieces) - 1
    whole = pieces[0] >> bits
    rest = pieces[0] & mask
    for piece in pieces[1:]:
        whole += piece >> bits
        rest += piece & mask
    whole += rest >> bits
    rest &= mask
    half = 1 << (bits - 1)
    whole += (rest > half) | ((rest == half) & ((whole & 1) == 1))
    return whole

"""Stitching the slow obvious way: a full canvas in float64, one tile after the other, from the rows of the plan.

Written from the rules, not from the code: nothing of `patchplan.stitching` is imported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.plans.plan import Plan

Array = NDArray[Any]
Values = tuple[Array, Array]
"""Values S C (Z) Y X, and which pixels S (Z) Y X tiles cover."""

WINDOWS: dict[str, Callable[[Array, int], Array]] = {
    "average": lambda x, n: np.ones_like(x),
    "gaussian": lambda x, n: np.exp(-((x - n / 2) ** 2) / (2 * (n / 8) ** 2)),
    "hann": lambda x, n: np.sin(np.pi * x / n) ** 2,
    "linear": lambda x, n: 1 - np.abs(2 * x / n - 1),
    "cosine": lambda x, n: np.sin(np.pi * x / n),
}
BLENDS = ("crop", *WINDOWS, "max", "min")


@dataclass(frozen=True)
class Place:
    """One axis of one tile: where its first pixel goes, and which pixels [start, stop) of the image it may give."""

    first: int
    start: int
    stop: int
    offset: int
    read: int


def window(blend: str, n: int) -> Array:
    """Weights of the pixels of a read box of n pixels."""
    return WINDOWS[blend](np.arange(n) + 0.5, n)


def stitch_slowly(
    plan: Plan,
    tiles: Sequence[Array | None],
    *,
    epoch: int = 0,
    blend: str | None = None,
    scale: Sequence[Any] | None = None,
    margin: Sequence[int] | None = None,
    fill_value: float = 0,
    reduce: str | None = None,
    dtype: Any = None,
) -> list[Array]:
    """Return every image, S C (Z) Y X; tile k is that of the k-th row of the epoch, None where it is absent."""
    rows: list[Any] = list(plan.epoch(epoch).specs())
    scales = [Fraction(entry) for entry in scale or [1] * plan.header.ndim]
    blend = blend or ("crop" if plan.header.tiles else "average")
    images = []
    for data_idx, image in enumerate(plan.images):
        mine = [
            (row, tile)
            for row, tile in zip(rows, tiles, strict=True)
            if row["data_idx"] == data_idx and tile is not None
        ]
        size = [ceil(length * factor) for length, factor in zip(image.data_shape[2:], scales, strict=True)]
        values, covered = _blend(mine, image.data_shape[0], size, blend, scales, margin)
        images.append(_finish(values, covered, mine[0][1].dtype, fill_value, reduce, dtype))
    return images


def _blend(
    mine: list[Any], n_samples: int, size: list[int], blend: str, scales: list[Fraction], margin: Sequence[int] | None
) -> Values:
    """Put all tiles of one image onto a canvas."""
    first = mine[0][1]
    exact = blend in ("crop", "max", "min")
    values = np.zeros((n_samples, first.shape[0], *size), first.dtype if exact else np.float64)
    weights = np.zeros((n_samples, *size), np.float64)
    for row, tile in mine:
        places = _places(row, tile.shape[1:], size, scales, margin, crop=blend == "crop")
        there = (row["sample_idx"], slice(None), *(slice(p.start, p.stop) for p in places))
        part = tile[(slice(None), *(slice(p.start - p.first, p.stop - p.first) for p in places))]
        seen = weights[(there[0], *there[2:])]
        if blend == "crop":
            values[there] = part
            seen[...] = 1
        elif exact:
            better = np.maximum if blend == "max" else np.minimum
            values[there] = np.where(seen > 0, better(values[there], part), part)
            seen[...] = 1
        else:
            weight: Array = np.ones(())
            for place in places:
                axis = window(blend, place.read)[place.offset :][place.start - place.first : place.stop - place.first]
                weight = weight[..., None] * axis
            values[there] += weight * part.astype(np.float64)
            seen += weight
    covered = weights > 0
    if not exact:
        values /= np.where(covered, weights, 1)[:, None]
    return values, covered


def _places(
    row: Any,
    shape: Sequence[int],
    size: Sequence[int],
    scales: Sequence[Fraction],
    margin: Sequence[int] | None,
    *,
    crop: bool,
) -> list[Place]:
    """Where a tile goes, axis by axis."""
    read = [int(n * factor) for n, factor in zip(row["patch_size"], scales, strict=True)]
    if margin is not None:
        offsets = list(margin)
    elif tuple(shape) == tuple(read):
        offsets = [0] * len(read)
    else:
        offsets = [int(start * factor) for start, factor in zip(row["crop_coords"], scales, strict=True)]
    places = []
    for axis, factor in enumerate(scales):
        origin = Fraction(row["coords"][axis])
        lo, hi = origin, origin + row["patch_size"][axis]
        if crop and "crop_coords" in row:
            origin = Fraction(row["stitch_coords"][axis] - row["crop_coords"][axis])
            lo = Fraction(row["stitch_coords"][axis])
            hi = lo + row["crop_size"][axis]
        first = int(origin * factor) + offsets[axis]
        start, stop = max(int(lo * factor), first, 0), min(ceil(hi * factor), first + shape[axis], size[axis])
        places.append(Place(first, start, max(start, stop), offsets[axis], read[axis]))
    return places


def _finish(
    values: Array, covered: Array, tile_dtype: np.dtype[Any], fill_value: float, reduce: str | None, dtype: Any
) -> Array:
    """Reduce, cast, fill."""
    made = tile_dtype.newbyteorder("=")
    if reduce is not None:
        values, made = _reduce(values, made, reduce)
    result = cast(values, np.dtype(dtype) if dtype is not None else made)
    result[np.broadcast_to(~covered[:, None], result.shape)] = fill_value
    return result


def _reduce(values: Array, dtype: np.dtype[Any], reduce: str) -> tuple[Array, np.dtype[Any]]:
    name, _, number = reduce.partition(":")
    as_float = dtype if dtype.kind == "f" else np.dtype("f4")
    if name == "argmax":
        return values.argmax(1)[:, None], np.min_scalar_type(values.shape[1] - 1)
    if name == "channel":
        return values[:, int(number)][:, None], dtype
    if name == "threshold":
        return (values >= float(number)).astype("u1"), np.dtype("u1")
    wide = values.astype(np.float64)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-wide)), as_float
    powers = np.exp(wide - wide.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True), as_float


def cast(values: Array, dtype: np.dtype[Any]) -> Array:
    """Round half to even and clip where integers are asked for; else a plain cast."""
    if dtype.kind not in "biu" or values.dtype == dtype:
        with np.errstate(over="ignore"):  # what float16 cannot hold becomes infinite
            return values.astype(dtype)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    whole = values if values.dtype.kind in "biu" else np.rint(values)
    return np.array([min(max(int(v), low), high) for v in whole.ravel()], dtype).reshape(values.shape)

"""What a user says about stitching, checked before anything is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

import numpy as np

from patchplan.core.amounts import parse_dtype, parse_memory, parse_workers
from patchplan.core.axes import spatial_axes
from patchplan.errors import ConfigError
from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.frame import OutputKind
from patchplan.stitching.reduce import Reduction, parse_reduction
from patchplan.stitching.words import Blend, Ngff

MAX_MARGIN = 1 << 31

PerAxisText = int | str | Fraction | Sequence[int | str | Fraction]


@dataclass(frozen=True)
class StitchOptions:
    """How tiles become images; values per axis are in (Z)YX order."""

    blend: Blend
    reduction: Reduction | None
    dtype: np.dtype[Any] | None
    scale: tuple[Fraction, ...]
    margin: tuple[int, ...]
    fill_value: float
    allow_missing: bool
    force: bool
    labels: bool
    memory: int
    workers: int

    def describe(self) -> str:
        """Return what decides the pixels, in one line: a name for the output that is the same for the same."""
        scale = ",".join(map(str, self.scale))
        reduce = None if self.reduction is None else self.reduction.text
        return f"{self.blend} {reduce} {self.dtype} {scale} {self.margin} {self.fill_value} {self.labels}"


def parse_options(
    ndim: int,
    *,
    tiles: bool,
    blend: str | None,
    reduce: str | None,
    dtype: Any,
    scale: PerAxisText | None,
    margin: PerAxisText | None,
    fill_value: float,
    allow_missing: bool,
    force: bool,
    labels: bool,
    memory: str | int,
    workers: int | None,
) -> StitchOptions:
    """Check options against each other and against a plan of `ndim` spatial axes.

    Parameters
    ----------
    ndim : int
        Spatial axes of the plan.
    tiles : bool
        Whether the plan says what of each tile is kept.

    Raises
    ------
    ConfigError
        Naming the option, found and allowed.
    """
    chosen = parse_blend(blend, tiles=tiles)
    return StitchOptions(
        blend=chosen,
        reduction=None if reduce is None else parse_reduction(reduce),
        dtype=None if dtype is None else parse_dtype(dtype),
        scale=parse_scale(scale, ndim),
        margin=parse_margin(margin, ndim),
        fill_value=parse_number("--fill-value", fill_value),
        allow_missing=allow_missing,
        force=force,
        labels=labels,
        memory=parse_memory(memory),
        workers=parse_workers(workers),
    )


def parse_blend(blend: str | None, *, tiles: bool) -> Blend:
    """Return the blend: `crop` where the plan says what is kept, else `average`, unless one is named."""
    if blend is None:
        return "crop" if tiles else "average"
    if blend not in get_args(Blend):
        raise ConfigError(f"--blend: found {blend!r}; allowed: {', '.join(get_args(Blend))}")
    if blend == "crop" and not tiles:
        raise ConfigError("--blend crop: the plan does not say what of its patches is kept; allowed: any other blend")
    found: Blend = blend  # type: ignore[assignment]
    return found


def _entries(value: PerAxisText, ndim: int, name: str) -> list[int | str | Fraction | float]:
    """Return an entry per axis; one entry means all of them."""
    if isinstance(value, str):
        value = value.split(",")
    entries = list(value) if isinstance(value, Sequence | np.ndarray) else [value]
    if len(entries) == 1:
        entries *= ndim
    if len(entries) != ndim:
        raise ConfigError(
            f"{name}: found {len(entries)} entries; the plan is {ndim}-D: give {ndim} ({spatial_axes(ndim)}) or one"
        )
    return list(entries)


def parse_scale(scale: PerAxisText | None, ndim: int) -> tuple[Fraction, ...]:
    """Return pixels of the output per pixel of the image.

    Examples
    --------
    >>> parse_scale("1/2,2", 2)
    (Fraction(1, 2), Fraction(2, 1))
    """
    entries = _entries(1 if scale is None else scale, ndim, "--scale")
    try:
        found = tuple(Fraction(entry) for entry in entries)
    except (ValueError, ZeroDivisionError, TypeError, OverflowError):
        raise ConfigError(f"--scale: found {scale!r}; allowed: numbers or fractions such as 2 or 1/2") from None
    if not all(0 < entry <= 1024 and entry.denominator <= 1024 for entry in found):
        raise ConfigError(f"--scale: found {scale!r}; allowed are 1/1024 to 1024, as whole numbers or fractions")
    return found


def parse_margin(margin: PerAxisText | None, ndim: int) -> tuple[int, ...]:
    """Return the pixels that tiles lack on either side."""
    entries = _entries(0 if margin is None else margin, ndim, "--margin")
    try:
        found = tuple(int(str(entry)) for entry in entries)
    except ValueError:
        found = (-1,)
    if any(not 0 <= entry <= MAX_MARGIN for entry in found):
        raise ConfigError(f"--margin: found {margin!r}; allowed: whole numbers from 0 to {MAX_MARGIN}")
    return found


def parse_number(name: str, value: Any) -> float:
    """Return a number."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name}: found {value!r}; allowed: a number")
    if isinstance(value, int) and abs(value) >= 2**64:
        raise ConfigError(f"{name}: found {value!r}; allowed: whole numbers below 2**64")
    return value


def parse_storage(
    ndim: int,
    kind: OutputKind,
    options: StitchOptions,
    *,
    ngff: str,
    chunks: PerAxisText | None,
    shards: PerAxisText | None,
    compression: str | None,
    levels: int | str | None,
) -> CanvasOptions:
    """Return how outputs are stored.

    Raises
    ------
    ConfigError
        Naming the option, found and allowed.
    """
    if ngff not in get_args(Ngff):
        raise ConfigError(f"--ngff: found {ngff!r}; allowed: {', '.join(get_args(Ngff))}")
    if ngff == "0.4" and kind != "ome-zarr":
        raise ConfigError("--ngff: allowed where OME-Zarr is written only")
    if levels is None:
        levels = "auto" if kind in ("ome-zarr", "ome-tiff") else 1
    if levels != "auto" and (isinstance(levels, bool) or not isinstance(levels, int) or levels < 1):
        raise ConfigError(f"--levels: found {levels!r}; allowed: auto, or a whole number from 1")
    reduced = options.reduction is not None and options.reduction.gives_labels
    return CanvasOptions(
        chunks=parse_sizes(chunks, ndim, "--chunks"),
        shards="none" if shards == "none" else parse_sizes(shards, ndim, "--shards"),
        compression=compression,
        levels="auto" if levels == "auto" else int(levels),
        labels=options.labels or reduced,
        ngff="0.4" if ngff == "0.4" else "0.5",
    )


def parse_sizes(sizes: PerAxisText | None, ndim: int, name: str) -> tuple[int, ...] | None:
    """Return pixels per axis."""
    if sizes is None:
        return None
    entries = _entries(sizes, ndim, name)
    try:
        found = tuple(int(str(entry)) for entry in entries)
    except ValueError:
        found = (0,)
    if any(entry < 1 for entry in found):
        raise ConfigError(f"{name}: found {sizes!r}; allowed: whole numbers from 1")
    return found

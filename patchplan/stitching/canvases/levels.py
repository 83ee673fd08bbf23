"""The levels of a pyramid: their shapes, and where their pixels lie."""

from dataclasses import dataclass
from typing import Literal

from patchplan.errors import ConfigError
from patchplan.stitching.frame import Frame

_SMALL = 512
"""Pixels in Y and X from which on there are no further levels, unless asked for."""


@dataclass(frozen=True)
class Level:
    """One level. `factors` are pixels of full resolution per pixel, `step` those of the level before."""

    shape: tuple[int, ...]
    factors: tuple[int, ...]
    step: tuple[int, ...]


def check_levels(frame: Frame, levels: int | Literal["auto"]) -> None:
    """Raise ConfigError for a number of levels that an image cannot have."""
    if levels == "auto":
        return
    largest = max(_plane(frame))
    most = 1 + (largest - 1).bit_length()
    if not 1 <= levels <= most:
        y, x = _plane(frame)
        raise ConfigError(f"--levels: found {levels}; allowed for an image of Y {y} and X {x} are auto and 1 to {most}")


def make_levels(frame: Frame, levels: int | Literal["auto"], *, halve_z: bool) -> list[Level]:
    """Return all levels, full resolution first; each halves Y and X, odd sizes rounded up.

    `halve_z` also halves Z, where it is spatial and its pixels are known to be no larger than those of Y.
    """
    ones = (1,) * len(frame.axes)
    found = [Level(frame.shape, ones, ones)]
    while len(found) < levels if levels != "auto" else max(_plane(frame, found[-1].shape)) > _SMALL:
        found.append(_next(frame, found[-1], halve_z))
    return found


def _next(frame: Frame, level: Level, halve_z: bool) -> Level:
    halved = {"Y", "X"} | ({"Z"} if halve_z and _is_fine_in_z(frame, level) else set())
    step = tuple(2 if letter in halved else 1 for letter in frame.axes)
    return Level(
        shape=tuple(-(-n // s) for n, s in zip(level.shape, step, strict=True)),
        factors=tuple(f * s for f, s in zip(level.factors, step, strict=True)),
        step=step,
    )


def _is_fine_in_z(frame: Frame, level: Level) -> bool:
    z, y = frame.size_of("Z"), frame.size_of("Y")
    if len(frame.space) != 3 or z is None or y is None or level.shape[frame.space[0]] == 1:
        return False
    factors = {letter: level.factors[frame.axes.index(letter)] for letter in "ZY"}
    return z * factors["Z"] <= y * factors["Y"]


def _plane(frame: Frame, shape: tuple[int, ...] | None = None) -> tuple[int, int]:
    """Return the sizes in Y and X."""
    y, x = frame.space[-2:]
    shape = frame.shape if shape is None else shape
    return shape[y], shape[x]

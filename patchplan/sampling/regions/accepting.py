"""Draws of which those that pass are taken."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from patchplan.core.cells import BoolArray
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError, PlanError
from patchplan.patching.random import RandomPatching
from patchplan.patching.stratified import StratifiedPatching
from patchplan.sampling.regions.testing import RegionTest

MAX_TRIES = 1 << 20
"""Draws in a row of which none passes, before it is given up."""

MIN_BATCH, MAX_BATCH = 64, 1 << 18

Passes = Callable[[IntArray], BoolArray]
"""Tells which patches at coordinates (n, ndim) pass."""


class Drawn(NamedTuple):
    """Coordinates (n, ndim), and which of them are known to pass."""

    coords: IntArray
    sure: BoolArray


class Accepted:
    """An endless stream of coordinates of one sample that pass: those of independent draws, the others left out.

    Which they are does not depend on how many are taken at a time.

    Parameters
    ----------
    draw : callable
        Draws a number of coordinates.
    passes : callable
        Tells which coordinates pass.
    batch : int
        Coordinates that are about wanted: so many are drawn at a time, and more where none passes.
    ndim : int
    where : str
        The sample, for messages.
    """

    def __init__(self, draw: Callable[[int], Drawn], passes: Passes, batch: int, ndim: int, where: str) -> None:
        self._draw, self._passes, self._where = draw, passes, where
        self._batch = min(max(batch, MIN_BATCH), MAX_BATCH)
        self._held = np.empty((0, ndim), np.int64)

    def take(self, n: int) -> IntArray:
        """Return the next n coordinates, (n, ndim)."""
        parts, held = [self._held], len(self._held)
        while held < n:
            parts.append(self._next())
            held += len(parts[-1])
        coords = np.concatenate(parts)
        self._held = coords[n:]
        return coords[:n]

    def _next(self) -> IntArray:
        """Return those of a batch that pass: at least one."""
        tried = 0
        while tried < MAX_TRIES:
            coords, sure = self._draw(self._batch)
            tried += len(coords)
            passed = sure.copy()
            passed[~sure] = self._passes(coords[~sure])
            if passed.any():
                return coords[passed]
            self._batch = min(4 * self._batch, MAX_BATCH)
        raise PlanError(
            f"regions: {self._where}: none of {tried:,} drawn patches is in the regions; "
            "use a smaller patch, a smaller coverage, or keep: touching"
        )


def check_some(n: int, patch_size: Sequence[int], *, any_passes: bool = False) -> None:
    """Raise ConfigError if there are no patches; `any_passes` if some would pass that are not to be drawn."""
    size = " x ".join(map(str, patch_size))
    if not n and any_passes:
        raise ConfigError(
            f"regions: no patch of {size} pixels that is in the regions as `keep` asks for is left to draw: all touch "
            "what is set aside or left out; set fewer aside, use a smaller context or patch, a weaker filter, "
            "or keep: touching"
        )
    if not n:
        raise ConfigError(
            f"regions: no patch of {size} pixels is in the regions of any image as `keep` asks for; "
            "use a smaller patch, a smaller coverage, or keep: touching"
        )


def stream_of(patching: RandomPatching | StratifiedPatching, number: int) -> np.random.Generator:
    """Return a stream of its own for a sample, which follows from the strategy's seed."""
    seed = patching._rng.bit_generator.seed_seq
    assert isinstance(seed, np.random.SeedSequence)  # noqa: S101 (of numpy's own generators)
    child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *b"regions", number))
    return np.random.default_rng(child)


def passing(test: RegionTest, data_idx: int, sample_idx: int, patch_size: Shape, coords: IntArray) -> BoolArray:
    """Tell which patches at coordinates (n, ndim) of a sample pass."""
    images, samples = np.full(len(coords), data_idx), np.full(len(coords), sample_idx)
    return test.keeps(SpecTable(images, samples, coords, np.broadcast_to(patch_size, coords.shape)))

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

MAX_TRIES = 1 << 21
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
        Coordinates that are about wanted: so many are drawn at a time.
    """

    def __init__(self, draw: Callable[[int], Drawn], passes: Passes, batch: int) -> None:
        self._draw = draw
        self._passes = passes
        self._batch = min(max(batch, MIN_BATCH), MAX_BATCH)
        self._held: IntArray | None = None

    def take(self, n: int) -> IntArray:
        """Return the next n coordinates, (n, ndim)."""
        parts = [] if self._held is None else [self._held]
        held = sum(map(len, parts))
        while held < n:
            parts.append(self._next())
            held += len(parts[-1])
        coords = np.concatenate(parts) if parts else np.empty((0, 0), np.int64)
        self._held = coords[n:]
        return coords[:n]

    def _next(self) -> IntArray:
        """Return those of a batch that pass: at least one. The more have failed, the larger is the next batch."""
        tried, batch = 0, self._batch
        while tried < MAX_TRIES:
            coords, sure = self._draw(batch)
            tried, batch = tried + len(coords), min(2 * batch, MAX_BATCH)
            passed = sure.copy()
            passed[~sure] = self._passes(coords[~sure])
            if passed.any():
                return coords[passed]
        raise PlanError(f"regions: none of {tried:,} drawn patches is in them; use a smaller patch, or keep: touching")


def check_some(n: int, patch_size: Sequence[int]) -> None:
    """Raise ConfigError if there are no patches."""
    if not n:
        size = " x ".join(map(str, patch_size))
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

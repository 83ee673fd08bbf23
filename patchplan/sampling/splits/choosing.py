"""Which units (cells of a grid, rows of a table) are for validation, test and training.

A unit near a chosen one shares a pixel with it, both grown by the context; it is of no other split. Chosen are
exactly as many as asked, at first spread over all samples in blocks; where that leaves too little room, compactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError
from patchplan.plans.settings.splits import SplitConfig, amount
from patchplan.sampling.splits.arranging import Arrangement, compact, spread

Labels = NDArray[np.int8]
"""0 training, 1 validation, 2 test, -1 none: too near to those of another split."""

TRAIN, VALIDATION, TEST, LEFT_OUT = 0, 1, 2, -1
NAMES = ("train", "validation", "test")
"""Names of the splits, by their labels."""


class Units(Protocol):
    """What is split. Masks are of shape (n,), a unit each."""

    eligible: BoolArray
    trainable: BoolArray

    def places(self, units: IntArray) -> tuple[IntArray, IntArray]:
        """Return the samples (n,) of units, numbered over all images, and their places in the grid, (ndim, n)."""

    def near(self, chosen: BoolArray) -> BoolArray:
        """Tell which units may not be of another split than the chosen ones, themselves included."""

    def reserve(self, free: BoolArray, closed: BoolArray) -> BoolArray:
        """Return what must not be chosen for one trainable unit to remain that is not closed.

        It is the unit that takes the fewest of the `free` ones; all is reserved where there is none.
        """


@dataclass(frozen=True)
class Asked:
    """How many units are asked for, of how many there are; 0 where none are."""

    validation: int
    test: int
    k_folds: int
    of: int

    @classmethod
    def of_config(cls, config: SplitConfig, n: int) -> "Asked":
        """Return the numbers that a config asks for of `n`."""
        return cls(amount(config.validation, n), amount(config.test, n), config.k_folds or 0, n)


class NoRoomError(ConfigError):
    """More patches are asked than there is room for; at most `most`."""

    def __init__(self, problem: str, most: int = 0) -> None:
        super().__init__(problem)
        self.most = most


def choose(units: Units, asked: Asked, block: Sequence[int], rng: np.random.Generator) -> Labels:
    """Return the labels of all units per fold, shape (n_folds, n).

    Raises
    ------
    ConfigError
        If there is no room for that many, naming the largest possible number; beside test patches, the largest
        with these where they were tried.
    """
    eligible = np.flatnonzero(units.eligible)
    if not len(eligible):
        raise NoRoomError("split: there is no patch that could be set aside")
    sample, place = units.places(eligible)
    try:
        return _Choice(units, asked, spread(eligible, sample, place, block, rng), rng).labels()
    except NoRoomError as error:
        scattered = error
    try:
        return _Choice(units, asked, compact(eligible, sample, place), rng).labels()
    except NoRoomError as error:
        raise max(error, scattered, key=lambda each: each.most) from None


class _Choice:
    """One attempt, with units in one arrangement."""

    def __init__(self, units: Units, asked: Asked, arranged: Arrangement, rng: np.random.Generator) -> None:
        self._units, self._asked, self._arranged, self._rng = units, asked, arranged, rng
        self._free = units.eligible
        self._closed = np.zeros(len(units.eligible), bool)

    def labels(self) -> Labels:
        asked, nothing = self._asked, np.zeros(len(self._free), bool)
        test = nothing
        if asked.test:
            test, near = self._take(TEST, asked.test)
            self._free, self._closed = self._free & ~near, near
        if asked.k_folds:
            return np.stack([self._labelled(test, *fold) for fold in self._folds()])
        validation = self._take(VALIDATION, asked.validation) if asked.validation else (nothing, nothing)
        return self._labelled(test, *validation)[np.newaxis]

    def _labelled(self, test: BoolArray, validation: BoolArray, near: BoolArray) -> Labels:
        labels = np.where(near | self._closed, np.int8(LEFT_OUT), np.int8(TRAIN))
        labels[validation], labels[test] = VALIDATION, TEST
        return labels

    def _take(self, split: int, n: int) -> tuple[BoolArray, BoolArray]:
        """Return which free units are taken, and what is near them; training keeps a unit."""
        if n <= np.count_nonzero(self._free):
            taken = self._arranged.take(self._free, n, self._rng)
            near = self._units.near(taken)
            if self._trains(near):
                return taken, near
        room = self._free & ~self._units.reserve(self._free, self._closed)
        most = int(np.count_nonzero(room))
        if n > most:
            raise NoRoomError(self._too_many(split, n, most), most)
        taken = self._arranged.take(room, n, self._rng)
        return taken, self._units.near(taken)

    def _trains(self, near: BoolArray) -> bool:
        return bool((self._units.trainable & ~near & ~self._closed).any())

    def _too_many(self, split: int, n: int, most: int) -> str:
        asked = self._asked
        beside = f" beside {asked.test} for test" if split == VALIDATION and asked.test else ""
        found = f"split: {NAMES[split]}: found {n} of {asked.of} patches"
        return f"{found}; allowed are at most {most}{beside}, for training to keep one (context counted in)"

    def _folds(self) -> list[tuple[BoolArray, BoolArray]]:
        k, n = self._asked.k_folds, int(np.count_nonzero(self._free))
        if n < k:
            raise NoRoomError(
                f"split: k_folds: found {k}; allowed are at most {n}, one patch that can be set aside each"
            )
        fold_of = self._arranged.deal(self._free, k, self._rng)
        folds = []
        for fold in range(k):
            taken = fold_of == fold
            near = self._units.near(taken)
            if not self._trains(near):
                advice = "use more folds or a smaller context"
                raise NoRoomError(f"split: k_folds: fold {fold} of {k} leaves no patch for training; {advice}")
            folds.append((taken, near))
        return folds

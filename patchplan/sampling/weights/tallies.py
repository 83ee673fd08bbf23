"""What there is to draw from, by pool: all images together, or each by itself. Tickets say what was drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import FloatArray
from patchplan.core.specs import IntArray
from patchplan.sampling.weights.blocks import Block
from patchplan.sampling.weights.finding import Found, find_class, find_share
from patchplan.sampling.weights.lines import CountLine, ShareLine


class Stream(NamedTuple):
    """Two generators, of which each gives the same numbers for n draws at once as for n one by one."""

    classes: np.random.Generator
    places: np.random.Generator

    @classmethod
    def of(cls, seed: np.random.SeedSequence) -> "Stream":
        """Begin the stream of a seed; equal seeds give equal streams, whatever was made of them before."""
        children = (np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, child)) for child in (0, 1))
        return cls(*map(np.random.default_rng, children))


class Tickets(NamedTuple):
    """What was drawn, shape (n,) each: a block, the number of a class, and where in the block.

    `place` numbers the patches with their centre in the class (labels), or is a share of the sum (map).
    """

    block: IntArray
    kind: IntArray
    place: NDArray[Any]

    def take(self, rows: NDArray[np.intp]) -> "Tickets":
        """Return some of them."""
        return Tickets(self.block[rows], self.kind[rows], self.place[rows])


class Tally(Protocol):
    """What is in each block."""

    def draw(self, stream: Stream, pools: IntArray) -> Tickets:
        """Draw from pools, shape (n,)."""

    def find(self, pixels: NDArray[Any], block: Block, tickets: Tickets) -> Found:
        """Return the patches that tickets of one block stand for."""


@dataclass(frozen=True, eq=False)
class LabelTally:
    """Classes of each pool, and the blocks of each class of a pool."""

    labels: Sequence[int]
    chances: ShareLine
    kinds: IntArray
    counts: CountLine
    blocks: IntArray

    @classmethod
    def of(
        cls, found: Mapping[int, tuple[IntArray, IntArray]], chances: Mapping[int, float], pool_of: IntArray
    ) -> "LabelTally":
        """Lay out what `count_labels` found; `pool_of` says to which pool each block belongs, and each has some class.

        In a pool that lacks classes the others keep their relative chances.
        """
        blocks = np.concatenate([numbers for numbers, _ in found.values()])
        counts = np.concatenate([count for _, count in found.values()])
        kinds = np.repeat(np.arange(len(found)), [len(numbers) for numbers, _ in found.values()])
        order = np.lexsort((blocks, kinds, pool_of[blocks]))
        blocks, counts, kinds = blocks[order], counts[order], kinds[order]
        pools = pool_of[blocks]
        first = np.flatnonzero(np.diff(pools, prepend=-1) | np.diff(kinds, prepend=-1))
        chance = np.array([chances[label] for label in found], np.float64)[kinds[first]]
        by_pool = ShareLine.of(chance, _bounds(pools[first]))
        return cls([*found], by_pool, kinds[first], CountLine.of(counts, np.append(first, len(blocks))), blocks)

    def draw(self, stream: Stream, pools: IntArray) -> Tickets:
        """Draw a class by its chance, then uniformly one of the patches with their centre in it."""
        groups = self.chances.choose(stream.classes.random(len(pools)), pools)
        entries, place = self.counts.draw(stream.places, groups)
        return Tickets(self.blocks[entries], self.kinds[groups], place)

    def find(self, pixels: NDArray[Any], block: Block, tickets: Tickets) -> Found:
        """Return the patches that tickets of one block stand for."""
        found = Found(*np.empty((4, len(tickets.block)), np.int64))
        for kind in np.unique(tickets.kind).tolist():
            rows = np.flatnonzero(tickets.kind == kind)
            there = find_class(pixels == self.labels[kind], block, tickets.place[rows])
            for column, values in zip(found, there, strict=True):
                column[rows] = values
        return found


@dataclass(frozen=True, eq=False)
class MapTally:
    """The blocks of each pool in which a map is not 0."""

    sums: ShareLine
    blocks: IntArray

    @classmethod
    def of(cls, sums: FloatArray, pool_of: IntArray) -> "MapTally":
        """Lay out sums by block, of which each pool has one above 0."""
        blocks = np.flatnonzero(sums)
        return cls(ShareLine.of(sums[blocks], _bounds(pool_of[blocks])), blocks)

    def draw(self, stream: Stream, pools: IntArray) -> Tickets:
        """Draw a block by its sum, and a share of that."""
        uniform = stream.places.random((len(pools), 2))
        blocks = self.blocks[self.sums.choose(uniform[:, 0], pools)]
        return Tickets(blocks, np.zeros_like(blocks), uniform[:, 1])

    def find(self, pixels: NDArray[Any], block: Block, tickets: Tickets) -> Found:
        """Return the patches that tickets of one block stand for."""
        return find_share(pixels, block, tickets.place)


def _bounds(pools: IntArray) -> IntArray:
    """Return where each pool begins and ends in ascending numbers of pools, of which none is left out."""
    return np.append(np.flatnonzero(np.diff(pools, prepend=-1)), len(pools))

"""Random patches in regions."""

from functools import partial
from math import prod

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.patching.random import RandomPatching
from patchplan.sampling.regions.accepting import Accepted, Drawn, check_some, passing, stream_of
from patchplan.sampling.regions.by_sample import BySample
from patchplan.sampling.regions.coordinates import Coordinates
from patchplan.sampling.regions.testing import RegionTest


class RandomInRegions(BySample):
    """Patches at uniformly random coordinates among those that pass, drawn anew each time.

    A sample in which patches pass has its number of `RandomPatching` times the share of its pixels that are in the
    region, rounded up. An index always gives the same image and sample; how many are drawn at a time does not matter.

    Parameters
    ----------
    patching : RandomPatching
        Gives shapes, patch size and seed.
    test : RegionTest

    Raises
    ------
    ConfigError
        If no patch passes in any image.
    """

    def __init__(self, patching: RandomPatching, test: RegionTest) -> None:
        super().__init__(patching.data_shapes, patching.patch_size)
        self._patching, self._test = patching, test
        self._accepted: dict[int, Accepted] = {}
        self._number([self._count(number) for number in range(self._samples.n_patches)])
        check_some(self.n_patches, self.patch_size)

    def _count(self, number: int) -> int:
        data_idx, sample_idx, _ = self._samples.locate(number)
        if not len(self._test.coordinates(data_idx, sample_idx, self.patch_size).low):
            return 0
        image = self.data_shapes[data_idx][2:]
        tiles = prod(-(-size // side) for size, side in zip(image, self.patch_size, strict=True))
        return -(-tiles * self._test.n_pixels(data_idx, sample_idx) // prod(image))

    def _draw(self, number: int, first: int, last: int) -> IntArray:
        if number not in self._accepted:
            self._accepted[number] = self._of_sample(number)
        return self._accepted[number].take(last - first)

    def _of_sample(self, number: int) -> Accepted:
        data_idx, sample_idx, _ = self._samples.locate(number)
        found = self._test.coordinates(data_idx, sample_idx, self.patch_size)
        draw = partial(_drawn, found, found.ends, stream_of(self._patching, number))
        passes = partial(passing, self._test, data_idx, sample_idx, self.patch_size)
        n, where = self._offsets.per_sample[number], self._test.named(data_idx, sample_idx)
        return Accepted(draw, passes, n, len(self.patch_size), where)


def _drawn(found: Coordinates, ends: IntArray, rng: np.random.Generator, n: int) -> Drawn:
    """Return n uniformly random coordinates of those found."""
    return Drawn(*found.at(rng.integers(0, ends[-1], n), ends))

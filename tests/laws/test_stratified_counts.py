"""How many patches there are: the reference's sum, to the bit."""

from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.stratified_cases import Sample, epochs, samples


def slow_count(sample):
    """Count as the reference does, but an excluded cell once also where it has a p, and no undrawable patch."""
    if not any(sample.weights().values()):
        return 0
    total = np.prod(np.array(sample.size) / np.array(sample.patch))
    for cell, p in sample.probs:
        if cell not in sample.excluded:
            total -= 1 - p
    return max(0, int(np.ceil(total - len(set(sample.excluded)))))


@given(samples(probs=st.floats(0, 1)))
def test_count_is_the_reference_s_sum(sample):
    """n = ceil(prod(size / patch) - sum(1 - p) - excluded cells), never below 0."""
    assert sample.patching().n_patches == slow_count(sample)


def test_many_probabilities_are_subtracted_one_by_one_in_the_order_set():
    """The float total has the bits of a plain loop; a p set again keeps its place."""
    rng = np.random.default_rng(5)
    sample = Sample((640, 640), (10, 10))
    for _ in range(20):
        numbers = rng.permutation(64 * 64)[:3000]
        cells = np.stack(np.unravel_index(numbers, (64, 64)), axis=1)
        patching = sample.patching()
        probs = dict.fromkeys(map(tuple, cells.tolist()), 0.5)
        patching.set_region_probs(0, 0, probs)
        again = dict(zip(map(tuple, cells[::-2].tolist()), rng.random(1500).tolist(), strict=True))
        patching.set_region_probs(0, 0, again)
        probs |= again
        # Whole totals: the slightest difference in the sum would change the count.
        rest = ceil(sum(1 - p for p in probs.values())) - sum(1 - p for p in probs.values())
        free = next(cell for cell in product(range(64), repeat=2) if cell not in probs)
        patching.set_region_probs(0, 0, {free: 1 - rest})
        probs[free] = 1 - rest
        total = 4096.0
        for p in probs.values():
            total -= 1 - p
        assert patching.n_patches == ceil(total)


@pytest.mark.parametrize(
    ("size", "patch", "n_patches", "grid"),
    [
        pytest.param((4, 5), (4, 5), 1, (1, 1), id="size-is-patch"),
        pytest.param((5, 6), (4, 5), 2, (1, 1), id="size-is-patch-and-one"),
        pytest.param((1, 7), (1, 3), 3, (2, 2), id="axis-of-one-pixel"),
        pytest.param((1, 1, 1), (1, 1, 1), 1, (2, 2, 2), id="one-pixel"),
        pytest.param((7, 7), (4, 4), 4, (2, 2), id="last-cell-lacks-a-pixel"),
    ],
)
def test_smallest_images(size, patch, n_patches, grid):
    """Images hardly larger than the patch have their regions, and every coordinate is drawn."""
    sample = Sample(size, patch)
    patching = sample.patching()
    assert patching.n_patches == n_patches
    assert patching.get_all_grid_coords() == {(0, 0): list(product(*map(range, grid)))}
    assert {tuple(coords) for epoch in epochs(patching, 200).tolist() for coords in epoch} == set(sample.weights())


def test_nothing_left_to_draw_means_no_patches():
    """Neither with all cells excluded, nor with all p = 0, nor with only empty regions left."""
    everything = list(product(range(3), repeat=2))
    excluded = Sample((14, 13), (4, 4), excluded=tuple(everything)).patching()
    improbable = Sample((14, 13), (4, 4), probs=tuple((cell, 0.0) for cell in everything)).patching()
    only_empty = Sample((11, 11), (4, 4), excluded=((0, 0), (0, 1), (1, 0), (1, 1))).patching()
    for patching in (excluded, improbable, only_empty):
        assert patching.n_patches == len(patching.get_patch_specs()) == 0
        assert patching.get_patch_indices(0) == range(0)
        with pytest.raises(IndexError, match="patch index 0 is out of range: there are 0 patches"):
            patching.get_patch_spec(0)


@given(samples())
def test_excluding_again_changes_nothing(sample):
    """One by one, all at once, and twice: the same counts, the same draws."""
    once, twice = sample.patching(), sample.patching()
    for cell in sample.excluded:
        twice.exclude_patches(0, 0, [cell, cell])
    assert once.n_patches == twice.n_patches
    assert np.array_equal(once.get_patch_specs().coords, twice.get_patch_specs().coords)

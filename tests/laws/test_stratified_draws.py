"""Where patches are drawn: never an excluded cell, every coordinate as often as it should be."""

from itertools import product
from math import floor

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.laws.stratified_cases import BELOW_ONE, Sample, all_rows, epochs, midpoints, samples


@settings(deadline=None)
@example(Sample((7, 7), (4, 4), excluded=((0, 0),)))
@given(samples())
def test_no_draw_leaves_the_image_or_touches_an_excluded_cell(sample):
    """Every patch lies in the image, shares no pixel with an excluded cell, and has p > 0."""
    weights = sample.weights()
    for coords in epochs(sample.patching(), 20).reshape(-1, len(sample.size)).tolist():
        assert weights.get(tuple(coords), 0) > 0


@settings(deadline=None)
@given(samples(probs=st.floats(0, 1) | st.sampled_from([5e-324, 1e-300, 1e-17])))
def test_the_ends_of_the_unit_interval_are_drawn_from_too(sample):
    """Whatever the numbers in [0, 1), the coordinate is one that may be drawn."""
    weights, regions = sample.weights(), sample.regions()
    rows = all_rows(*[np.array([0.0, 0.5, BELOW_ONE])] * (len(sample.size) + 2))
    for index in range(regions.n_patches):
        for row in rows.tolist():
            assert weights.get(regions.lottery.draw(index, row), 0) > 0


@settings(deadline=None)
@given(samples())
def test_every_region_expects_its_share_exactly(sample):
    """Integrated over the line, region r expects v = n w_r / W draws; floor(v) indices draw from it alone."""
    regions, shares = sample.regions(), sample.region_weights()
    n, total = regions.n_patches, sum(shares.values())
    assume(n > 0)
    # All ends of regions lie on whole parts of this; so the midpoints between them integrate exactly.
    parts = int(4 * total)
    places = all_rows(np.arange(n), midpoints(parts))
    rows = np.zeros((len(places), len(sample.size) + 2))
    rows[:, 0] = places[:, 1]
    coords = np.stack(regions.lottery.draw_many(places[:, 0].astype(np.int64), rows), axis=1)
    drawn = np.ravel_multi_index(tuple((coords // sample.patch).T), sample.grid).reshape(n, parts)
    own = drawn[(drawn == drawn[:, :1]).all(axis=1), 0]
    for cell, share in shares.items():
        number = np.ravel_multi_index(cell, sample.grid)
        assert np.count_nonzero(drawn == number) * total == parts * n * share
        assert np.count_nonzero(own == number) >= floor(n * share / total)


@settings(deadline=None)
@given(samples(probs=st.sampled_from([0.25, 1.0]), max_patch=5))
def test_every_coordinate_of_a_region_is_as_likely(sample):
    """Integrated over sub-box and coordinates, each coordinate that may be drawn has the same probability."""
    regions, weights = sample.regions(), sample.weights()
    assume(regions.n_patches > 0)
    tails = [[1, p - 1, (s - p) % p] for s, p in zip(sample.size, sample.patch, strict=True)]
    axes = [midpoints(int(np.lcm.reduce([n for n in lengths if n]))) for lengths in tails]
    seen = set()
    for index, place in product(range(regions.n_patches), midpoints(7)):
        cell = sample.cell(regions.lottery.draw(index, [place, *[0.0] * (len(axes) + 1)]))
        if cell in seen:
            continue
        seen.add(cell)
        possible = {coords for coords, weight in weights.items() if weight and sample.cell(coords) == cell}
        rows = all_rows([place], midpoints(len(possible)), *axes)
        columns = regions.lottery.draw_many(np.full(len(rows), index), rows)
        drawn, counts = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
        assert {tuple(coords) for coords in drawn.tolist()} == possible
        assert set(counts.tolist()) == {len(rows) // len(possible)}


STATISTICS = [
    pytest.param(Sample((14, 11), (4, 3)), id="2-D"),
    pytest.param(
        Sample((22, 17), (5, 4), ((0, 0), (2, 2), (3, 1)), (((1, 1), 0.3), ((0, 2), 0.0), ((2, 0), 0.77))),
        id="2-D-excluded-and-weighted",
    ),
    pytest.param(
        Sample((9, 8, 11), (3, 4, 2), ((0, 0, 0), (2, 1, 3)), (((1, 0, 2), 0.25), ((1, 1, 0), 0.6))),
        id="3-D-excluded-and-weighted",
    ),
]


@pytest.mark.parametrize("sample", STATISTICS)
def test_draws_follow_the_expected_frequencies(sample):
    """Chi-square of many epochs against n p(c) / sum(p) for every coordinate c."""
    weights, patching, n_epochs = sample.weights(), sample.patching(seed=20), 3000
    total = sum(weights.values())
    drawn = epochs(patching, n_epochs).reshape(-1, len(sample.size))
    counts = np.zeros([size - patch + 1 for size, patch in zip(sample.size, sample.patch, strict=True)])
    np.add.at(counts, tuple(drawn.T), 1)
    expected = {c: n_epochs * patching.n_patches * weight / total for c, weight in weights.items() if weight}
    assert counts.sum() == sum(counts[c] for c in expected)
    # Stratified counts scatter less than independent ones: only the upper tail would be an error.
    assert chisquare([counts[c] for c in expected], list(expected.values())).pvalue > 0.01


@pytest.mark.parametrize("sample", STATISTICS)
def test_an_index_of_its_own_draws_uniformly_from_its_region(sample):
    """Chi-square of one index, whose draws are independent: both tails."""
    drawn = epochs(sample.patching(seed=9), 4000)
    own = [index for index in range(drawn.shape[1]) if len({sample.cell(c) for c in drawn[:, index].tolist()}) == 1]
    pvalues = [chisquare(np.unique(drawn[:, index], axis=0, return_counts=True)[1]).pvalue for index in own]
    assert len(own) >= 3
    assert min(pvalues) * len(own) > 0.01
    assert max(pvalues) < 1 - 0.01 / len(own)

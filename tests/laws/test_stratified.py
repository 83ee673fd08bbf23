"""Laws of stratified patching, against slow and obvious arithmetic over every coordinate."""

import pickle
from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from patchplan.core.cells import CellGrid
from patchplan.core.regions import Regions
from patchplan.errors import ShapeError
from patchplan.patching.stratified import StratifiedPatching

BELOW_ONE = np.nextafter(1.0, 0.0)


class Sample(NamedTuple):
    """One sample: its size and patch, the cells to exclude, and p by cell."""

    size: tuple[int, ...]
    patch: tuple[int, ...]
    excluded: tuple[tuple[int, ...], ...] = ()
    probs: tuple[tuple[tuple[int, ...], float], ...] = ()

    @property
    def grid(self):
        return tuple((size + 1) // patch for size, patch in zip(self.size, self.patch, strict=True))

    def patching(self, seed=0):
        patching = StratifiedPatching([(1, 1, *self.size)], self.patch, seed)
        patching.exclude_patches(0, 0, self.excluded)
        patching.set_region_probs(0, 0, dict(self.probs))
        return patching

    def regions(self):
        regions = Regions(CellGrid(self.size, self.patch))
        regions.exclude(self.excluded)
        regions.set_probs(dict(self.probs))
        return regions

    def cell(self, coords):
        return tuple(c // patch for c, patch in zip(coords, self.patch, strict=True))

    def touches(self, coords, cell):
        """Tell whether a patch shares a pixel with a cell."""
        return all(c < (g + 1) * p and g * p < c + p for c, g, p in zip(coords, cell, self.patch, strict=True))

    def weights(self):
        """Return p of every coordinate a patch can have; 0 where the patch touches an excluded cell."""
        probs = dict(self.probs)
        last = (size - patch for size, patch in zip(self.size, self.patch, strict=True))
        return {
            coords: 0.0
            if any(self.touches(coords, cell) for cell in self.excluded)
            else probs.get(self.cell(coords), 1.0)
            for coords in product(*(range(n + 1) for n in last))
        }

    def region_weights(self):
        """Return the summed p of every region that can be drawn."""
        total: dict[tuple[int, ...], Fraction] = {}
        for coords, weight in self.weights().items():
            if weight:
                cell = self.cell(coords)
                total[cell] = total.get(cell, Fraction(0)) + Fraction(weight)
        return total


QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
"""Probabilities whose sums are exact."""


@st.composite
def samples(draw, probs=QUARTERS, max_patch=4):
    ndim = draw(st.sampled_from([2, 2, 3]))
    patch = tuple(draw(st.integers(1, max_patch)) for _ in range(ndim))
    most = 13 if ndim == 2 else 8
    size = tuple(draw(st.integers(p, max(p, most))) for p in patch)
    cells = st.tuples(*(st.integers(0, (s + 1) // p - 1) for s, p in zip(size, patch, strict=True)))
    excluded = draw(st.lists(cells, max_size=8))
    chosen = draw(st.dictionaries(cells, probs, max_size=8))
    return Sample(size, patch, tuple(excluded), tuple(chosen.items()))


@st.composite
def scenes(draw):
    """Images of one patch size, and changes to some of their samples."""
    ndim = draw(st.sampled_from([2, 3]))
    patch = tuple(draw(st.integers(1, 4)) for _ in range(ndim))
    size = st.tuples(*(st.integers(p, 2 * p + 2) for p in patch))
    sizes = draw(st.lists(size, min_size=1, max_size=3))
    shapes = [(draw(st.integers(1, 3)), 1, *draw(st.sampled_from(sizes))) for _ in range(draw(st.integers(1, 5)))]
    changes = []
    for _ in range(draw(st.integers(0, 6))):
        data_idx = draw(st.integers(0, len(shapes) - 1))
        sample_idx = draw(st.integers(0, shapes[data_idx][0] - 1))
        axes = zip(shapes[data_idx][2:], patch, strict=True)
        cells = st.tuples(*(st.integers(0, (s + 1) // p - 1) for s, p in axes))
        changes.append((data_idx, sample_idx, draw(st.lists(cells, max_size=4))))
    return shapes, patch, changes


def patching_of(scene, seed=0):
    shapes, patch, changes = scene
    patching = StratifiedPatching(shapes, patch, seed)
    for change in changes:
        patching.exclude_patches(*change)
    return patching


def epochs(patching, n):
    """Return the coordinates of n epochs, shape (n, n_patches, ndim)."""
    return np.stack([patching.get_patch_specs().coords for _ in range(n)])


def all_rows(*axes):
    return np.stack([column.ravel() for column in np.meshgrid(*axes, indexing="ij")], axis=1)


def midpoints(n):
    return (np.arange(n) + 0.5) / n


# --- counts


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


# --- draws


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


# --- indices, streams and samples


@settings(deadline=None)
@given(scenes(), st.integers(0, 2**64))
def test_single_draws_equal_batches(scene, seed):
    """Any cut of two epochs into single draws and batches gives the same stream."""
    single, batch, halves = (patching_of(scene, seed) for _ in range(3))
    n = single.n_patches
    for _ in range(2):
        one_by_one = [single.get_patch_spec(index) for index in range(n)]
        assert one_by_one == list(batch.get_patch_specs())
        assert one_by_one == [*halves.get_patch_specs(0, n // 2), *halves.get_patch_specs(n // 2)]


def test_single_draws_equal_batches_of_many_chunks():
    """Also where a batch is drawn in parts."""
    batch, single = (StratifiedPatching([(3, 1, 1300, 1290)], 9, seed=1) for _ in range(2))
    table = batch.get_patch_specs()
    assert len(table) == 3 * ceil(1300 / 9 * 1290 / 9)
    for index in range(len(table)):
        assert single.get_patch_spec(index) == table[index]


@settings(deadline=None)
@given(scenes())
def test_images_and_samples_are_numbered_in_order(scene):
    """Patches run image by image and sample by sample; each sample has as many as it would have alone."""
    shapes, patch, changes = scene
    patching = patching_of(scene)
    owners: list[tuple[int, int]] = []
    for data_idx, shape in enumerate(shapes):
        start = len(owners)
        for sample_idx in range(shape[0]):
            alone = StratifiedPatching([(1, *shape[1:])], patch)
            for _, _, cells in (change for change in changes if change[:2] == (data_idx, sample_idx)):
                alone.exclude_patches(0, 0, cells)
            owners += [(data_idx, sample_idx)] * alone.n_patches
        assert patching.get_patch_indices(data_idx) == range(start, len(owners))
    table = patching.get_patch_specs()
    assert patching.n_patches == len(owners)
    assert list(zip(table.data_idx.tolist(), table.sample_idx.tolist(), strict=True)) == owners


def test_specs_are_plain():
    """Ints and tuples of ints, also for an index from an array."""
    index: Any = np.int64(7)
    spec = StratifiedPatching([(2, 1, 9, 9)], 4).get_patch_spec(index)
    assert [type(spec["data_idx"]), type(spec["sample_idx"])] == [int, int]
    assert {type(c) for c in spec["coords"] + spec["patch_size"]} == {int}


def test_index_errors_leave_the_stream_alone():
    """An index out of range raises and draws nothing."""
    tried, untried = (StratifiedPatching([(1, 1, 9, 9)], 4, seed=3) for _ in range(2))
    for index in (-1, tried.n_patches):
        with pytest.raises(IndexError, match=f"patch index {index} is out of range: there are 6 patches"):
            tried.get_patch_spec(index)
    with pytest.raises(IndexError, match=r"patch range \[2, 7\) is out of range"):
        tried.get_patch_specs(2, 7)
    with pytest.raises(IndexError, match="data_idx 1 is out of range: there are 1 images"):
        tried.get_patch_indices(1)
    assert list(tried.get_patch_specs()) == list(untried.get_patch_specs())


def test_seeds():
    """The same int or SeedSequence gives the same stream; none gives a fresh one."""
    stream = [StratifiedPatching([(1, 1, 99, 99)], 4, seed).get_patch_specs().coords.tolist() for seed in (4, 4, 5)]
    assert stream[0] == stream[1] != stream[2]
    assert (
        StratifiedPatching([(1, 1, 99, 99)], 4, np.random.SeedSequence(4)).get_patch_specs().coords.tolist()
        == stream[0]
    )
    assert StratifiedPatching([(1, 1, 99, 99)], 4).get_patch_specs().coords.tolist() not in stream


def test_a_pickled_copy_continues_the_stream():
    """As data loaders need that send it to workers."""
    patching = Sample((22, 17), (5, 4), ((0, 0),)).patching()
    patching.get_patch_specs()
    copy = pickle.loads(pickle.dumps(patching))
    assert list(copy.get_patch_specs()) == list(patching.get_patch_specs())


def test_many_small_samples_share_one_solution():
    """10^4 images of 10^4 samples each: nothing is solved or stored per sample but what was changed."""
    patching = StratifiedPatching([(10_000, 1, 9, 8)] * 10_000, 4, seed=0)
    assert patching.n_patches == 5 * 10**8
    patching.exclude_patches(6_000, 17, [(0, 0)])
    patching.exclude_patches(9_999, 9_999, [(1, 1)])
    assert patching.n_patches == 5 * 10**8 - 2
    assert patching.get_patch_indices(6_000) == range(6_000 * 50_000, 6_001 * 50_000 - 1)
    start = 6_000 * 50_000 + 16 * 5
    owners = [(spec["data_idx"], spec["sample_idx"]) for spec in patching.get_patch_specs(start, start + 14)]
    assert owners == [(6_000, 16)] * 5 + [(6_000, 17)] * 4 + [(6_000, 18)] * 5
    assert patching.get_patch_spec(patching.n_patches - 1)["sample_idx"] == 9_999


def test_changing_one_sample_leaves_the_others_alone():
    """Also those of the same size that share its grid."""
    patching = StratifiedPatching([(2, 1, 9, 9), (1, 1, 9, 9)], 4)
    patching.get_patch_specs()
    patching.exclude_patches(0, 1, [(0, 0)])
    patching.set_region_probs(0, 1, {(1, 1): 0.0})
    included = patching.get_included_grid_coords()
    assert included[0, 0] == included[1, 0] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert included[0, 1] == [(0, 1), (1, 0), (1, 1)]
    assert [len(patching.get_patch_indices(i)) for i in (0, 1)] == [6 + 4, 6]


# --- what is accepted and refused


@given(samples())
def test_arrays_are_accepted_as_tuples_are(sample):
    """Cells as an (n, ndim) array of any integer type; p as a pair of arrays."""
    patching = StratifiedPatching([(1, 1, *sample.size)], sample.patch, seed=0)
    ndim = len(sample.size)
    patching.exclude_patches(0, 0, np.array(sample.excluded, np.uint64).reshape(-1, ndim))
    cells = np.array([cell for cell, _ in sample.probs], np.int16).reshape(-1, ndim)
    patching.set_region_probs(0, 0, (cells, np.array([p for _, p in sample.probs])))
    assert list(patching.get_patch_specs()) == list(sample.patching().get_patch_specs())


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        pytest.param([(0, 0), (3, 0)], r"cell \(3, 0\) is off the grid; allowed are \(0, 0\) to \(2, 1\)", id="above"),
        pytest.param([(0, -1)], r"cell \(0, -1\) is off the grid", id="below"),
        pytest.param([(0, 0, 0)], r"shape \(1, 3\); allowed are whole numbers of shape \(n, 2\)", id="too-many-axes"),
        pytest.param([(0, 0), (0,)], "differ in length; allowed are 2 per cell", id="ragged"),
        pytest.param([(0.0, 1.0)], "are float64 of shape", id="floats"),
        pytest.param([()], r"shape \(1, 0\); allowed", id="no-coordinates"),
        pytest.param(np.array([1, 1]), r"shape \(2,\); allowed", id="one-cell-as-vector"),
    ],
)
def test_cells_off_the_grid_are_refused(cells, problem):
    """The message names image, sample and cell, and nothing is changed."""
    patching = StratifiedPatching([(1, 1, 20, 20), (3, 1, 13, 9)], 4)
    before = patching.n_patches
    with pytest.raises(ShapeError, match=rf"^image 1: sample 2: .*{problem}"):
        patching.exclude_patches(1, 2, cells)
    with pytest.raises(ShapeError, match=rf"^image 1: sample 2: .*{problem}"):
        patching.set_region_probs(1, 2, (cells, np.ones(len(cells))))
    assert patching.n_patches == before


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf")])
def test_probabilities_outside_0_to_1_are_refused(p):
    """The message names image, sample, cell and value, and nothing is changed."""
    patching = StratifiedPatching([(1, 1, 13, 9)], 4)
    with pytest.raises(ShapeError, match=rf"^image 0: sample 0: cell \(2, 1\) has probability {p}; allowed are 0 to 1"):
        patching.set_region_probs(0, 0, {(0, 0): 0.0, (2, 1): p})
    assert patching.n_patches == StratifiedPatching([(1, 1, 13, 9)], 4).n_patches


def test_pairs_of_cells_and_probabilities_must_match():
    """As many p as cells, and no cell twice: its p would be ambiguous."""
    patching = StratifiedPatching([(1, 1, 13, 9)], 4)
    with pytest.raises(ShapeError, match=r"found 2 cells and probabilities of shape \(1,\); allowed is one"):
        patching.set_region_probs(0, 0, ([(0, 0), (0, 1)], [0.5]))
    with pytest.raises(ShapeError, match=r"cell \(0, 1\) is given twice; allowed is once"):
        patching.set_region_probs(0, 0, ([(0, 1), (0, 0), (0, 1)], [0.5, 0.5, 0.25]))


@pytest.mark.parametrize(("data_idx", "sample_idx"), [(2, 0), (-1, 0), (0, 1), (1, -1)])
def test_images_and_samples_that_do_not_exist_are_refused(data_idx, sample_idx):
    """No counting from the end."""
    patching = StratifiedPatching([(1, 1, 13, 9), (3, 1, 13, 9)], 4)
    message = r"data_idx -?\d is out of range: there are 2|sample_idx -?1 is out of range: image \d has \d samples"
    with pytest.raises(IndexError, match=message):
        patching.exclude_patches(data_idx, sample_idx, [(0, 0)])
    with pytest.raises(IndexError, match=message):
        patching.set_region_probs(data_idx, sample_idx, {(0, 0): 0.5})


def test_images_smaller_than_the_patch_are_refused():
    """Naming image, axis, both sizes and the way out."""
    with pytest.raises(ShapeError, match=r"^image 1: Y is 7, smaller than patch_size 8; .*--skip-small"):
        StratifiedPatching([(1, 1, 8, 8), (1, 1, 7, 9)], 8)
    with pytest.raises(ShapeError, match=r"^image 0: Z is 1, smaller than patch_size 2"):
        StratifiedPatching([(1, 1, 1, 8, 8)], (2, 8, 8))

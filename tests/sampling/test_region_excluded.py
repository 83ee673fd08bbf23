"""Stratified draws in regions with cells excluded or improbable: all that is left in proportion, or refused."""

import numpy as np
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from patchplan.errors import ConfigError, PlanError
from patchplan.patching import RandomPatching, StratifiedPatching
from patchplan.sampling.regions import RegionTest, accepting, coordinates, drawable, in_regions, mark_regions
from tests.laws.stratified_cases import Sample
from tests.sampling.outlining import in_boxes, passing


class Pixels:
    """The region of a bool array, in all samples but those left empty."""

    def __init__(self, inside, empty=()):
        self.inside, self.empty = inside, empty

    def plane(self, sample_idx):
        return sample_idx in self.empty

    def counts(self, sample_idx, starts, stops):
        return np.array(in_boxes(self.inside & (sample_idx not in self.empty), starts, stops), np.int64)


class Summed(Pixels):
    """The same, of one sample, by sums: quick for many boxes."""

    def __init__(self, inside):
        super().__init__(inside)
        self.sums = np.pad(inside.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def counts(self, sample_idx, starts, stops):
        (top, left), (bottom, right) = starts.T, stops.T
        return self.sums[bottom, right] - self.sums[top, right] - self.sums[bottom, left] + self.sums[top, left]


def of_pixels(inside, keep):
    return RegionTest([Summed(inside)], [(1, 1, *inside.shape)], keep)


@st.composite
def scenes(draw):
    """One sample, pixels of a region, and a rule."""
    ndim = draw(st.integers(2, 3))
    patch = draw(st.tuples(*[st.integers(1, 6 if ndim == 2 else 3)] * ndim))
    size = draw(st.tuples(*(st.integers(p, 6 * p if ndim == 2 else 3 * p) for p in patch)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inside = np.zeros(size, bool)
    for _ in range(draw(st.integers(0, 3))):
        start = rng.integers(0, size)
        inside[tuple(map(slice, start, start + rng.integers(1, 16, ndim)))] = True
    cells = [tuple(cell) for cell in np.argwhere(np.ones([(s + 1) // p for s, p in zip(size, patch, strict=True)]))]
    excluded = rng.random(len(cells)) < draw(st.sampled_from([0, 0.1, 0.3, 0.6]))
    probs = rng.choice([0, 0.25, 1], len(cells))
    some = rng.random(len(cells)) < draw(st.sampled_from([0, 0.4]))
    sample = Sample(
        size,
        patch,
        tuple(cell for cell, out in zip(cells, excluded, strict=True) if out),
        tuple((cell, float(p)) for cell, p, with_p in zip(cells, probs, some, strict=True) if with_p),
    )
    return sample, inside, draw(st.sampled_from(["inside", "touching", "covered"]))


def weights_of(sample, inside, keep):
    """The p of all coordinates that pass and touch no excluded cell, one by one."""
    passes = passing(inside, sample.patch, keep)
    return {at: p for at, p in sample.weights().items() if p and passes[at]}


@settings(deadline=None, max_examples=150)
@given(scenes(), st.booleans())
@example((Sample((8, 8), (4, 4)), np.ones((8, 8), bool), "inside"), True)
def test_what_is_left_is_drawn_and_where_nothing_is_left_that_is_known_at_once(case, marked):
    """Whatever is excluded: every draw passes and touches nothing excluded, each cell only if it has such a draw."""
    sample, inside, keep = case
    patching, left = sample.patching(), weights_of(*case)
    test = RegionTest([Pixels(inside)], [(1, 1, *sample.size)], keep)
    n = patching.n_patches
    if not n or not left:
        event("refused")
        with pytest.raises(ConfigError, match="regions: no patch of"):
            in_regions(patching, test)
        return
    # A cell that lacks a pixel counts as none of its own: of very few patches, marking such cells may leave none.
    if marked and all((side + 1) % p for side, p in zip(sample.size, sample.patch, strict=True)) and not sample.probs:
        mark_regions(patching, test)
    if not patching.n_patches:
        return
    found = in_regions(patching, test)
    assert 0 < found.n_patches <= n
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(accepting, "MAX_TRIES", 1000)
        drawn = [spec["coords"] for _ in range(3) for spec in found.get_patch_specs()]
    assert set(drawn) <= set(left)


@settings(deadline=None, max_examples=60)
@given(scenes())
def test_sub_boxes_of_cells_that_lost_others_are_drawn_from_only_if_patches_pass_there(case):
    sample, _, _ = case
    patching, left = sample.patching(), weights_of(*case)
    if not patching.n_patches or not left:
        return
    test = RegionTest([Pixels(case[1])], [(1, 1, *sample.size)], case[2])
    before, found = in_regions(patching, test)._drawn_from(0)  # type: ignore[attr-defined]
    coords, _ = found.at(np.arange(found.ends[-1]), found.ends)
    held = [tuple(at) for at in coords.tolist()]
    assert len(set(held)) == len(held)
    assert set(left) <= set(held) <= {at for at, p in sample.weights().items() if p}
    sub_boxes = {at: tuple(coordinates.sub_boxes(np.array([at]), before.grid)[0]) for at in held}
    passes = {sub_boxes[at] for at in left}
    partial = before.partial[before.cells(coords)]
    assert {sub_boxes[at] for at, some in zip(held, partial, strict=True) if some} <= passes
    each = before.each[before.cells(coords)]
    p = np.array([sample.weights()[at] for at in held])
    assert np.allclose(each / each.sum(), p / p.sum())


EXCLUDED = ((1, 1), (2, 4), (4, 2), (0, 5))
RARE = tuple(((row, column), 0.25) for row in range(3) for column in range(2, 5))


@pytest.mark.parametrize("keep", ["inside", "touching", "covered"])
@pytest.mark.parametrize("probs", [(), RARE], ids=["even", "uneven"])
def test_all_that_passes_and_touches_no_excluded_cell_is_drawn_in_proportion_to_p(keep, probs):
    sample = Sample((40, 47), (6, 6), EXCLUDED, probs)
    inside = np.zeros(sample.size, bool)
    inside[5:30, 8:40] = True
    inside[10:12, 20:22] = False
    weights = weights_of(sample, inside, keep)
    found = in_regions(sample.patching(seed=1), RegionTest([Pixels(inside)], [(1, 1, *sample.size)], keep))
    passes = -(-60 * len(weights) // found.n_patches)
    counts = dict.fromkeys(weights, 0)
    for coords in np.concatenate([found.get_patch_specs().coords for _ in range(passes)]).tolist():
        counts[tuple(coords)] += 1
    drawn, p = np.array(list(counts.values())), np.array(list(weights.values()))
    expected = p / p.sum() * drawn.sum()
    assert ((drawn - expected) ** 2 / expected).sum() < chi2.isf(1e-4, len(p) - 1)


@pytest.mark.parametrize("size", [256, 255, 260])
def test_a_region_that_is_the_whole_image_has_as_many_patches_as_without(size):
    patching = StratifiedPatching([(1, 1, size, size)], 32, seed=1)
    n = patching.n_patches
    test = of_pixels(np.ones((size, size), bool), "inside")
    mark_regions(patching, test)
    found = in_regions(patching, test)
    assert found.n_patches == n == len(found.get_patch_specs())


def test_samples_without_anything_left_have_no_patches():
    inside = np.zeros((40, 40), bool)
    inside[8:20, 8:20] = True
    patching = StratifiedPatching([(3, 1, 40, 40)] * 2, 8, seed=0)
    patching.exclude_patches(0, 1, [(1, 1), (1, 2), (2, 1), (2, 2)])
    test = RegionTest([Pixels(inside, empty=[2])] * 2, patching.data_shapes, "inside")
    found = in_regions(patching, test)
    specs = found.get_patch_specs()
    assert {(0, 0), (1, 0), (1, 1)} == set(zip(specs.data_idx.tolist(), specs.sample_idx.tolist(), strict=True))


def test_regions_that_only_reach_what_is_excluded_are_refused_in_a_blink():
    """Their coordinates lie in a cell of which only others may be drawn: no number of draws would find one."""
    inside = np.zeros((256, 256), bool)
    inside[20:70, 20:100] = True
    patching = StratifiedPatching([(1, 1, 256, 256)], 32, seed=1)
    test = of_pixels(inside, "inside")
    mark_regions(patching, test)
    patching.exclude_patches(0, 0, [(1, 1), (1, 2)])
    with pytest.raises(ConfigError, match=r"no patch of 32 x 32 pixels .* is left to draw: .* set fewer aside"):
        in_regions(patching, test)


def test_the_only_coordinate_of_a_large_patch_is_found_beside_excluded_cells():
    inside = np.zeros((2000, 2000), bool)
    inside[700:957, 700:957] = True
    patching = StratifiedPatching([(1, 1, 2000, 2000)], 256, seed=1)
    patching.exclude_patches(0, 0, [(4, 3)])
    patching.set_region_probs(0, 0, {(2, 2): 0.01})
    specs = in_regions(patching, of_pixels(inside, "inside"))
    assert {spec["coords"] for spec in specs.get_patch_specs()} <= {(y, x) for y in (700, 701) for x in (700, 701)}


@pytest.mark.parametrize("strategy", [RandomPatching, StratifiedPatching])
def test_draws_that_hardly_ever_pass_are_given_up_in_seconds_with_the_image(monkeypatch, strategy):
    for module in (coordinates, drawable):
        monkeypatch.setattr(module, "MAX_BOXES", 4)
    inside = np.random.default_rng(0).random((500, 500)) < 0.3
    test = of_pixels(inside, "covered")
    test._uris = ["a.tif"]
    with pytest.raises(PlanError, match=r"regions: image 0 \(a.tif\), sample 0: none of 1,\d*,\d* drawn .* use a"):
        in_regions(strategy([(1, 1, 500, 500)], 16, 0), test).get_patch_specs()


def test_what_is_left_is_worked_out_once_for_all_epochs(monkeypatch):
    inside = np.zeros((60, 60), bool)
    inside[5:50, 5:50] = True
    region = Pixels(inside)
    patching = StratifiedPatching([(1, 1, 60, 60)], 8, seed=0)
    patching.exclude_patches(0, 0, [(3, 3)])
    test = RegionTest([region], patching.data_shapes, "covered")
    n = in_regions(patching, test).n_patches
    monkeypatch.setattr(region, "counts", None)
    assert [in_regions(patching.reseeded(seed), test).n_patches for seed in range(3)] == [n] * 3

"""Strategies that draw, in regions: only what passes, and all of it in proportion."""

import json
import pickle
from math import ceil
from time import perf_counter

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, PlanError
from patchplan.images import open_image
from patchplan.patching import RandomPatching, StratifiedPatching
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.sampling.regions import coordinates, in_regions, mark_regions, open_regions
from patchplan.sampling.regions.coordinates import Rule, find_coordinates
from tests.sampling.outlining import in_boxes, passing

RULES = st.sampled_from(["inside", "touching", "covered"])


@st.composite
def regions(draw):
    """Pixels of a region, a patch and a rule; some images are smaller than the patch."""
    ndim = draw(st.integers(2, 3))
    size = draw(st.tuples(*[st.integers(1, 30 if ndim == 2 else 10)] * ndim))
    patch = draw(st.tuples(*[st.integers(1, 8 if ndim == 2 else 4)] * ndim))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inside = np.zeros(size, bool)
    for _ in range(draw(st.integers(0, 3))):
        start = rng.integers(0, size)
        inside[tuple(map(slice, start, start + rng.integers(1, 16, ndim)))] = True
    return inside, patch, draw(RULES)


def rule_of(inside, needed, patch):
    """The rule that patches have so many pixels inside."""
    return Rule(lambda starts, stops: np.array(in_boxes(inside, starts, stops), np.int64), needed, inside.shape, patch)


@given(regions(), st.sampled_from([1, 1 << 14]), st.sampled_from([1 << 4, 1 << 20]))
def test_boxes_hold_all_coordinates_that_pass_and_sure_ones_no_other(case, few, many):
    inside, patch, rule = case
    image, cut = inside.shape, tuple(map(min, patch, inside.shape))
    area = int(np.prod(cut))
    needed = {"inside": area, "touching": 1, "covered": ceil(area / 2)}[rule]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(coordinates, "FEW_BOXES", few)
        patched.setattr(coordinates, "MAX_BOXES", many)
        found = find_coordinates(rule_of(inside, needed, patch))
    passes, held = passing(inside, cut, rule), np.zeros(image, int)
    for low, size, sure in zip(found.low, found.size, found.sure, strict=True):
        box = tuple(map(slice, low, low + size))
        held[box] += 1
        assert not sure or passes[box].all()
    assert held.max(initial=0) <= 1
    held = held[tuple(slice(n) for n in passes.shape)]
    assert (held >= passes).all()
    if many > 1 << 4:
        assert passes.any() == bool(len(found.low)), "nothing is left undecided where nothing passes"


@given(regions())
def test_each_number_is_one_coordinate(case):
    inside, patch, rule = case
    needed = 1 if rule == "touching" else min(2, inside.size)
    found = find_coordinates(rule_of(inside, needed, patch))
    ends = found.ends
    if len(ends):
        coords, sure = found.at(np.arange(ends[-1]), ends)
        boxes = zip(found.low, found.size, found.sure, strict=True)
        expected = [(at, s) for low, size, s in boxes for at in map(tuple, np.argwhere(np.ones(size)) + low)]
        assert sorted(zip([tuple(at) for at in coords.tolist()], sure.tolist(), strict=True)) == sorted(expected)


MASK = np.zeros((40, 60), np.uint8)
MASK[5:18, 8:30] = 1
MASK[25:36, 40:56] = 1
MASK[10:12, 12:14] = 0


@pytest.fixture
def regions_of(tmp_path):
    """Open images and their masks as regions."""

    def make(masks=(MASK,), **section):
        for number, mask in enumerate(masks):
            tifffile.imwrite(tmp_path / f"{number}.tif", np.zeros(mask.shape, np.uint8))
            (tmp_path / "m").mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / "m" / f"{number}.tif", mask)
        sources = [open_image(tmp_path / f"{number}.tif") for number in range(len(masks))]
        return sources, open_regions(sources, RegionsConfig(mask="m/{stem}.tif", **section), base=tmp_path)

    return make


def shapes_of(sources):
    return [source.data_shape for source in sources]


def chances_are_even(counts):
    """Whether counts of equally likely things are as uneven as one in ten thousand times, or less."""
    expected = counts.mean()
    return ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-4, len(counts) - 1)


def drawn_coords(patching, n):
    passes = -(-n // patching.n_patches)
    return np.concatenate([patching.get_patch_specs().coords for _ in range(passes)])


@pytest.mark.parametrize("strategy", [RandomPatching, StratifiedPatching])
@pytest.mark.parametrize("keep", ["inside", "touching", "covered"])
def test_all_coordinates_that_pass_are_drawn_equally_often(regions_of, keep, strategy):
    sources, test = regions_of(keep=keep)
    patching = strategy(shapes_of(sources), 6, seed=1)
    if strategy is StratifiedPatching:
        mark_regions(patching, test)
    passes = passing(MASK > 0, (6, 6), keep)
    coords = drawn_coords(in_regions(patching, test), 40 * int(passes.sum()))
    counts = np.zeros(passes.shape, int)
    np.add.at(counts, tuple(coords.T), 1)
    assert not counts[~passes].any()
    assert chances_are_even(counts[passes])


def test_draws_of_stratified_follow_the_p_of_its_regions_and_what_is_excluded(regions_of):
    sources, test = regions_of(keep="touching")
    patching = StratifiedPatching(shapes_of(sources), 6, seed=1)
    cells = [(row, column) for row in range(6) for column in range(4)]
    patching.set_region_probs(0, 0, dict.fromkeys(cells, 0.25))
    patching.exclude_patches(0, 0, [(4, 7)])
    mark_regions(patching, test)
    coords = drawn_coords(in_regions(patching, test), 30_000)
    seldom = (coords < [36, 24]).all(axis=1)
    passes = passing(MASK > 0, (6, 6), "touching")
    passes[19:30, 37:48] = False  # touch the cell that is excluded
    counts = np.zeros(passes.shape, int)
    np.add.at(counts, tuple(coords.T), 1)
    assert not counts[~passes].any()
    n_seldom, n_all = passes[:36, :24].sum() / 4, passes.sum() - passes[:36, :24].sum() * 3 / 4
    expected = len(coords) * n_seldom / n_all
    assert abs(np.count_nonzero(seldom) - expected) < 5 * expected**0.5


@pytest.mark.parametrize("strategy", [RandomPatching, StratifiedPatching])
def test_how_many_are_drawn_at_a_time_does_not_matter(regions_of, strategy):
    sources, test = regions_of([MASK, MASK.T.copy()], keep="covered", coverage=0.8)

    def make():
        patching = strategy(shapes_of(sources), 5, seed=3)
        if strategy is StratifiedPatching:
            mark_regions(patching, test)
        return in_regions(patching, test)

    at_once, one_by_one, in_parts = make(), make(), make()
    for _ in range(2):
        specs = list(at_once.get_patch_specs())
        assert specs == [one_by_one.get_patch_spec(index) for index in range(one_by_one.n_patches)]
        half = in_parts.n_patches // 2
        assert specs == [*in_parts.get_patch_specs(0, half), *in_parts.get_patch_specs(half)]
    assert test.keeps(at_once.get_patch_specs()).all()
    owners = [spec["data_idx"] for spec in specs]
    assert [list(at_once.get_patch_indices(data_idx)) for data_idx in (0, 1)] == [
        [index for index, owner in enumerate(owners) if owner == data_idx] for data_idx in (0, 1)
    ]


@pytest.mark.parametrize("strategy", [RandomPatching, StratifiedPatching])
def test_another_seed_gives_other_patches(regions_of, strategy):
    sources, test = regions_of()
    first, second = (
        in_regions(strategy(shapes_of(sources), 5, seed=seed), test).get_patch_specs().coords for seed in (1, 2)
    )
    assert not np.array_equal(first, second)


def test_an_image_without_a_region_has_no_patches(regions_of):
    sources, test = regions_of([np.zeros_like(MASK), MASK])
    for patching in (RandomPatching(shapes_of(sources), 6, 0), StratifiedPatching(shapes_of(sources), 6, 0)):
        if isinstance(patching, StratifiedPatching):
            mark_regions(patching, test)
        found = in_regions(patching, test)
        assert len(found.get_patch_indices(0)) == 0
        assert len(found.get_patch_indices(1)) == found.n_patches > 0


def test_what_is_set_after_the_regions_were_marked_brings_no_patches_outside(regions_of):
    sources, test = regions_of(keep="touching")
    patching = StratifiedPatching(shapes_of(sources), 6, seed=1)
    mark_regions(patching, test)
    before = in_regions(patching, test).n_patches
    outside = [(row, 6) for row in range(3)]
    patching.set_region_probs(0, 0, dict.fromkeys(outside, 0.5))
    assert patching.n_patches > before
    assert before <= in_regions(patching, test).n_patches <= before + 1


def test_random_has_as_many_patches_as_would_tile_the_region(regions_of):
    sources, test = regions_of()
    tiles = ceil(40 / 6) * ceil(60 / 6)
    expected = ceil(tiles * np.count_nonzero(MASK) / MASK.size)
    assert in_regions(RandomPatching(shapes_of(sources), 6, 0), test).n_patches == expected


@pytest.mark.parametrize("strategy", [RandomPatching, StratifiedPatching])
def test_no_patch_that_fits_is_refused(regions_of, strategy):
    sources, test = regions_of(keep="inside")
    patching = strategy(shapes_of(sources), 20, 0)
    with pytest.raises(ConfigError, match=r"regions: no patch of 20 x 20 pixels is in the regions .*keep: touching"):
        in_regions(patching, test)
    if isinstance(patching, StratifiedPatching):
        with pytest.raises(ConfigError, match="regions: no patch of 20 x 20 pixels"):
            mark_regions(patching, test)


@pytest.mark.parametrize("left", [[(0, 0)], [(0, 1), (0, 2)]], ids=["cells without", "cells with"])
def test_a_region_that_is_all_excluded_is_refused_before_anything_is_drawn(regions_of, left):
    sources, test = regions_of(keep="inside")
    patching = StratifiedPatching(shapes_of(sources), 6, 0)
    cells = {(row, column) for row in range(6) for column in range(10)}
    patching.exclude_patches(0, 0, sorted(cells - set(left)))
    with pytest.raises(ConfigError, match=r"no patch of 6 x 6 pixels .*(is left to draw|keep)"):
        in_regions(patching, test)


class Columns:
    """Draws patches of one column, by its index."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.n_patches = 20

    def get_patch_indices(self, data_idx):
        return range(self.n_patches)

    def draw(self, indices):
        zeros = np.zeros(len(indices), np.int64)
        coords = np.stack([self.rng.integers(0, 35, len(indices)), 8 + indices], axis=1)
        return SpecTable(zeros, zeros, coords, np.full_like(coords, 6))


def test_any_strategy_that_draws_by_index_is_drawn_again_by_index(regions_of):
    _, test = regions_of(keep="covered")
    found = in_regions(Columns(0), test)
    passes = passing(MASK > 0, (6, 6), "covered")
    at = [found.get_patch_specs(0, 3).coords for _ in range(400)]
    for index in range(3):
        coords = np.array([drawn[index] for drawn in at])
        assert (coords[:, 1] == 8 + index).all()
        rows = np.flatnonzero(passes[:, 8 + index])
        counts = np.bincount(coords[:, 0], minlength=40)
        assert counts[rows].sum() == len(coords)
        assert chances_are_even(counts[rows])
    assert found.get_patch_spec(2)["coords"][1] == 10


def test_draws_by_index_that_never_pass_are_given_up_in_seconds(regions_of):
    _, test = regions_of([np.eye(60, dtype=np.uint8)], keep="inside")
    start = perf_counter()
    with pytest.raises(PlanError, match="patches drawn by weights is in them"):
        in_regions(Columns(0), test).get_patch_spec(0)
    assert perf_counter() - start < 10


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.sampled_from([RandomPatching, StratifiedPatching]), RULES)
def test_a_ten_thousandth_of_a_large_slide_is_found_at_once(tmp_path_factory, seed, strategy, keep):
    folder = tmp_path_factory.mktemp("slide")
    store = folder / "slide.zarr"
    shape, chunks = (100_000, 100_000), (1024, 1024)
    zarr.create_array(store=str(store), shape=shape, chunks=chunks, dtype="u1", dimension_names=["y", "x"])
    source = open_image(store)
    y, x = np.random.default_rng(seed).integers(0, 99_000, 2).tolist()
    corners = [[x, y], [x + 1000, y], [x + 1000, y + 1000], [x, y + 1000]]
    (folder / "roi.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    test = open_regions([source], RegionsConfig(geojson="roi.geojson", keep=keep), base=folder)
    patching = strategy([source.data_shape], 256, seed)
    if strategy is StratifiedPatching:
        mark_regions(patching, test)
    found = in_regions(patching, test)
    assert 9 <= found.n_patches <= 50
    specs = found.get_patch_specs()
    assert test.keeps(specs).all()
    assert ((specs.coords > [y - 256, x - 256]) & (specs.coords < [y + 1000, x + 1000])).all()


@pytest.mark.parametrize("strategy", [RandomPatching, StratifiedPatching])
def test_a_pickled_strategy_goes_on_where_it_was(regions_of, strategy):
    sources, test = regions_of()
    patching = in_regions(strategy(shapes_of(sources), 6, 0), test)
    patching.get_patch_specs()
    copied = pickle.loads(pickle.dumps(patching))
    assert list(copied.get_patch_specs()) == list(patching.get_patch_specs())

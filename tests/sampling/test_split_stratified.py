"""Splits of stratified patching: leak-free, exact in number, seeded, spread."""

from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patchplan.errors import ConfigError, ShapeError
from patchplan.patching import StratifiedPatching
from patchplan.plans.settings.splits import SplitConfig
from patchplan.sampling.splits import split_images, split_stratified, split_stratified_images
from patchplan.sampling.splits.choosing import NoRoomError
from tests.laws.stratified_cases import patching_of
from tests.sampling.splitting import amount, configs, every_draw, fixed_specs, shared_pixels


@st.composite
def scenes(draw, last_cells=True):
    """Images of one patch size, with cells excluded and regions made improbable.

    Where the last cells of an axis, which lack a pixel, are among them, hardly any cells may count as no patch.
    """
    ndim = draw(st.sampled_from([2, 2, 3]))
    patch = draw(st.tuples(*[st.integers(1, 4)] * ndim))
    most = 5 if ndim == 2 else 3
    size = st.tuples(*(st.integers(p, p * most + p - 1) for p in patch))
    shapes = [(draw(st.integers(1, 2)), 1, *draw(size)) for _ in range(draw(st.integers(1, 3)))]
    changes = []
    for _ in range(draw(st.integers(0, 2))):
        data_idx = draw(st.integers(0, len(shapes) - 1))
        axes = zip(shapes[data_idx][2:], patch, strict=True)
        cells = st.tuples(*(st.integers(0, (s + last_cells) // p - 1) for s, p in axes))
        changes.append((data_idx, shapes[data_idx][0] - 1, draw(st.lists(cells, max_size=3))))
    patching = patching_of((shapes, patch, changes), seed=draw(st.integers(0, 9)))
    for data_idx, sample_idx, cells in changes:
        patching.set_region_probs(data_idx, sample_idx, dict.fromkeys(cells, draw(st.sampled_from([0.0, 0.5]))))
    return patching


def parts(fold):
    """The patches of a fold's splits: all that training may draw, and those given."""
    fixed = {"validation": fold.validation, "test": fold.test}
    given = {name: [] if one is None else list(one.get_patch_specs()) for name, one in fixed.items()}
    return {"train": every_draw(fold.training), **given}


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_no_pixel_is_shared_and_the_numbers_are_exact(data):
    """Whatever training draws; context counted in; validation patches are whole cells inside their images."""
    patching = data.draw(scenes())
    n = patching.n_patches
    config = data.draw(configs(len(patching.patch_size), n))
    try:
        result = split_stratified(patching, config)
    except NoRoomError:
        assume(False)
    assert len(result.folds) == (config.k_folds or 1)
    context, _ = config.per_axis(len(patching.patch_size))
    seen = []
    for number, (fold, lost) in enumerate(zip(result.folds, result.lost, strict=True)):
        splits = parts(fold)
        assert shared_pixels(patching.data_shapes, splits, context) == 0
        assert fold.number == (number if config.k_folds else None)
        assert len(splits["test"]) == amount(config.test, n)
        if not config.k_folds:
            assert len(splits["validation"]) == amount(config.validation, n)
        assert fold.training.n_patches > 0
        assert lost == n - fold.training.n_patches - len(splits["validation"]) - len(splits["test"])
        assert parts(fold)["test"] == parts(result.folds[0])["test"]
        seen += [tuple(spec.values()) for spec in splits["validation"]]
        for spec in splits["validation"] + splits["test"]:
            size = patching.data_shapes[spec["data_idx"]][2:]
            ends = zip(spec["coords"], spec["patch_size"], size, strict=True)
            assert all(start % patch == 0 and start + patch <= end for start, patch, end in ends)
    assert len(set(seen)) == len(seen)
    if config.k_folds:
        sizes = [len(fixed_specs(fold.validation)) for fold in result.folds]
        assert max(sizes) - min(sizes) <= 1


def slow_most(patching, reach):
    """The most cells that can be set aside: all but those within reach of one that training keeps."""
    heads = {}
    for data_idx in range(len(patching.data_shapes)):
        for sample_idx, cells in enumerate(patching.get_cells(data_idx)[1]):
            heads[data_idx, sample_idx] = list(map(tuple, np.argwhere(cells).tolist()))
    every = sum(map(len, heads.values()))
    near = [
        sum(all(abs(a - b) <= r for a, b, r in zip(one, other, reach, strict=True)) for other in cells)
        for cells in heads.values()
        for one in cells
    ]
    return every - min(near, default=every)


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_exactly_the_largest_possible_number_is_had_and_one_more_is_refused(data):
    patching = data.draw(scenes(last_cells=False))
    ndim = len(patching.patch_size)
    context = data.draw(st.tuples(*[st.integers(0, 3)] * ndim))
    reach = [ceil(2 * c / p) for c, p in zip(context, patching.patch_size, strict=True)]
    most = slow_most(patching, reach)
    name = data.draw(st.sampled_from(["validation", "test"]))
    keys = {"context": context, "block": data.draw(st.integers(1, 4)), "seed": data.draw(st.integers(0, 99))}
    if most:
        fold = split_stratified(patching, SplitConfig(**{name: most}, **keys)).folds[0]
        assert getattr(fold, name).n_patches == most
        assert shared_pixels(patching.data_shapes, parts(fold), context) == 0
    problem = f"split: {name}: found {most + 1} of {patching.n_patches} patches; allowed are at most {most}, "
    with pytest.raises(ConfigError, match=problem + "|no patch that could be set aside"):
        split_stratified(patching, SplitConfig(**{name: most + 1}, **keys))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_the_number_that_an_error_names_beside_test_patches_is_possible(data):
    patching = data.draw(scenes(last_cells=False))
    test = data.draw(st.integers(1, max(1, patching.n_patches // 3)))
    context = data.draw(st.tuples(*[st.integers(0, 2)] * len(patching.patch_size)))
    config = SplitConfig(validation=1, test=test, context=context, seed=data.draw(st.integers(0, 99)))
    with pytest.raises(ConfigError, match=r"allowed are at most|no patch that could be set aside") as caught:
        split_stratified(patching, config.model_copy(update={"validation": 10**6}))
    assume("validation" in str(caught.value))
    most = int(str(caught.value).split("at most ")[1].split()[0])
    if most:
        fold = split_stratified(patching, config.model_copy(update={"validation": most})).folds[0]
        assert len(fixed_specs(fold.validation)) == most
    with pytest.raises(ConfigError, match=f"found {most + 1} of .* at most {most} beside"):
        split_stratified(patching, config.model_copy(update={"validation": most + 1}))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_the_same_seed_gives_the_same_split(data):
    """Also the same draws of training; what is split is not changed by it."""
    patching = data.draw(scenes())
    config = data.draw(configs(len(patching.patch_size), patching.n_patches))
    included, n = patching.get_included_grid_coords(), patching.n_patches
    try:
        one, two = (split_stratified(patching, config) for _ in range(2))
    except NoRoomError:
        assume(False)
    assert (patching.get_included_grid_coords(), patching.n_patches) == (included, n)
    for a, b in zip(one.folds, two.folds, strict=True):
        assert list(a.training.get_patch_specs()) == list(b.training.get_patch_specs())
        for of_a, of_b in ((a.validation, b.validation), (a.test, b.test)):
            assert (of_a is None) == (of_b is None)
            assert of_a is None or list(of_a.specs) == list(fixed_specs(of_b))


def test_other_seeds_choose_other_cells():
    patching = StratifiedPatching([(1, 1, 640, 640)], 32, seed=0)
    found = {
        tuple(
            fixed_specs(
                split_stratified(patching, SplitConfig(validation=40, seed=seed)).folds[0].validation
            ).coords.ravel()
        )
        for seed in range(20)
    }
    assert len(found) == 20


def test_cells_are_taken_in_proportion_from_every_sample():
    """A tenth of each sample, up or down to a whole cell."""
    patching = StratifiedPatching([(3, 1, 200, 200), (1, 1, 100, 410), (5, 1, 30, 30)], 10, seed=0)
    specs = fixed_specs(split_stratified(patching, SplitConfig(validation=0.1, seed=1)).folds[0].validation)
    counts = np.unique(np.stack([specs.data_idx, specs.sample_idx]), axis=1, return_counts=True)[1]
    assert counts.sum() == 166
    assert set(counts.tolist()[:3]) <= {40, 41}
    assert counts[3] in (41, 42)
    assert set(counts.tolist()[4:]) == {1}
    assert len(counts) in (8, 9)


def test_blocks_keep_cells_together():
    """Four blocks of 16 cells cost training the cells around them; single cells would cost more."""
    patching = StratifiedPatching([(1, 1, 2000, 2000)], 50, seed=0)
    lost = [
        split_stratified(patching, SplitConfig(validation=64, context=10, block=block, seed=0)).lost[0]
        for block in (1, 2, 4, 8)
    ]
    assert lost == sorted(lost, reverse=True)
    assert lost[2] < lost[0] / 2


def test_only_eligible_cells_are_set_aside():
    patching = StratifiedPatching([(1, 1, 40, 40), (2, 1, 39, 20)], 10, seed=0)
    eligible = np.zeros(4 * 4 + 2 * 4 * 2, bool)
    eligible[[0, 5, 15, 16 + 1, 16 + 7, 24]] = True  # 16 + 7 lacks a pixel
    fold = split_stratified(patching, SplitConfig(validation=5, seed=0), eligible).folds[0]
    specs = [(spec["data_idx"], spec["sample_idx"], *spec["coords"]) for spec in fixed_specs(fold.validation)]
    assert specs == [(0, 0, 0, 0), (0, 0, 10, 10), (0, 0, 30, 30), (1, 0, 0, 10), (1, 1, 0, 0)]
    with pytest.raises(ConfigError, match="found 6 of 32 patches; allowed are at most 5"):
        split_stratified(patching, SplitConfig(validation=6, seed=0), eligible)
    with pytest.raises(ShapeError, match=r"eligible has shape \(3,\); allowed is \(32,\), an entry per cell"):
        split_stratified(patching, SplitConfig(validation=1), np.ones(3, bool))
    with pytest.raises(ConfigError, match="there is no patch that could be set aside"):
        split_stratified(patching, SplitConfig(validation=1), np.zeros(32, bool))


def test_where_scattered_blocks_leave_no_room_they_stand_compactly():
    """Half for test and half of the rest for validation, with a context of a whole patch around each."""
    patching = StratifiedPatching([(1, 1, 1000, 1000)], 50, seed=0)
    config = SplitConfig(validation=90, test=200, context=25, seed=0)
    fold = split_stratified(patching, config).folds[0]
    assert (len(fixed_specs(fold.validation)), len(fixed_specs(fold.test))) == (90, 200)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"k_folds": 2, "context": 10}, "k_folds: fold 0 of 2 leaves no patch for training; use more folds or a small"),
        ({"k_folds": 10, "context": 0}, "k_folds: found 10; allowed are at most 9, one patch that can be set aside"),
        ({"test": 8, "k_folds": 2}, "k_folds: found 2; allowed are at most 1, one patch"),
        ({"validation": 1, "context": 99}, "validation: found 1 of 9 patches; allowed are at most 0, for training"),
        ({"validation": 1, "test": 8}, "found 1 of 9 patches; allowed are at most 0 beside 8 for test, for training"),
    ],
)
def test_more_than_there_is_room_for_is_refused(asked, problem):
    patching = StratifiedPatching([(1, 1, 30, 30)], 10, seed=0)
    with pytest.raises(ConfigError, match=problem):
        split_stratified(patching, SplitConfig(**asked, seed=0))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_splits_by_image_keep_images_whole(data):
    """Validation has all cells of its images, training all coordinates of its own."""
    patching = data.draw(scenes())
    names = [f"{i}.tif" for i in range(len(patching.data_shapes))]
    assume(len(names) > 1)
    config = data.draw(
        st.sampled_from([SplitConfig(validation=1, by="image", seed=2), SplitConfig(k_folds=2, by="image")])
    )
    labels = split_images(names, config)
    try:
        result = split_stratified_images(patching, labels)
    except NoRoomError:
        assume(False)
    for fold, of_fold in zip(result.folds, labels, strict=True):
        splits = parts(fold)
        assert shared_pixels(patching.data_shapes, splits, (9,) * len(patching.patch_size)) == 0
        assert splits["train"] == [spec for spec in every_draw(patching) if of_fold[spec["data_idx"]] == 0]
        cells = [patching.get_cells(i)[1].sum() for i in range(len(names)) if of_fold[i] == 1]
        assert len(splits["validation"]) == sum(cells)


def test_images_without_a_patch_cannot_be_a_split():
    patching = StratifiedPatching([(1, 1, 10, 10)] * 2, 10, seed=0)
    patching.exclude_patches(1, 0, [(0, 0)])
    for split, name in ((1, "validation"), (2, "test")):
        with pytest.raises(ConfigError, match=f"split: {name}: its images have no patch that could be set aside"):
            split_stratified_images(patching, np.array([[0, split]], np.int8))
    with pytest.raises(ConfigError, match="split: no patch is left for training; set fewer aside"):
        split_stratified_images(patching, np.array([[1, 0]], np.int8))


def test_a_copy_continues_the_stream_by_itself():
    """Draws and changes of one are not those of the other."""
    patching = StratifiedPatching([(2, 1, 40, 40)], 10, seed=3)
    patching.set_region_probs(0, 1, {(0, 0): 0.5})
    patching.get_patch_specs()
    copied, again = patching.copy(), patching.copy()
    assert list(copied.get_patch_specs()) == list(again.get_patch_specs()) == list(patching.get_patch_specs())
    copied.exclude_patches(0, 1, list(product(range(4), repeat=2)))
    copied.set_region_probs(0, 0, {(1, 1): 0.0})
    assert (copied.n_patches, patching.n_patches) == (15, 32)
    assert list(again.get_patch_specs()) == list(patching.get_patch_specs())

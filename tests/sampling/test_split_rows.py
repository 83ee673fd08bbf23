"""Splits of listed patches: leak-free, exact in number, seeded; the fast way equals the obvious one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patchplan.core.checks import gather_specs
from patchplan.errors import ConfigError
from patchplan.patching import create_patching
from patchplan.plans.settings.splits import SplitConfig
from patchplan.sampling.splits import split_rows, touching
from patchplan.sampling.splits.choosing import NoRoomError
from patchplan.sampling.splits.touching import Boxes
from tests.laws.test_contract import setups
from tests.sampling.splitting import amount, by_label, configs, shared_pixels


@st.composite
def tables(draw):
    """Data shapes and rows: of a listed strategy, or boxes of any place and size, hanging over or not."""
    if draw(st.booleans()):
        shapes, config = draw(setups(draw(st.sampled_from(["tiled", "sequential", "fixed_random", "whole"]))))
        specs = create_patching(shapes, config).get_patch_specs()
        keep = np.sort(draw(st.permutations(range(len(specs))))[: 40 if len(specs) > 40 else None])
        return shapes, gather_specs([specs[i] for i in keep.tolist()])
    return draw(boxes())


@st.composite
def boxes(draw):
    """Data shapes, and boxes of any place and size that start inside; they may hang over."""
    ndim = draw(st.integers(2, 3))
    shapes = [(draw(st.integers(1, 2)), 1, *draw(st.tuples(*[st.integers(1, 30)] * ndim))) for _ in range(2)]
    rows: list[Any] = []
    for _ in range(draw(st.integers(1, 30))):
        data_idx = draw(st.integers(0, 1))
        shape = shapes[data_idx]
        rows.append(
            {
                "data_idx": data_idx,
                "sample_idx": draw(st.integers(0, shape[0] - 1)),
                "coords": draw(st.tuples(*(st.integers(0, size - 1) for size in shape[2:]))),
                "patch_size": draw(st.tuples(*[st.integers(1, 12)] * ndim)),
            }
        )
    return shapes, gather_specs(rows)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_no_pixel_is_shared_and_the_numbers_are_exact(data):
    """And no row is left out that shares nothing with another split."""
    shapes, specs = data.draw(tables())
    config = data.draw(configs(specs.ndim, len(specs)))
    try:
        split = split_rows(specs, shapes, config)
    except NoRoomError:
        assume(False)
    context, _ = config.per_axis(specs.ndim)
    folds = config.k_folds or 1
    assert split.labels.shape == (folds, len(specs))
    assert split.lost == tuple((split.labels == -1).sum(axis=1))
    for labels in split.labels:
        splits = by_label(specs, labels)
        assert shared_pixels(shapes, splits, context) == 0
        assert len(splits["test"]) == amount(config.test, len(specs))
        assert config.k_folds or len(splits["validation"]) == amount(config.validation, len(specs))
        assert splits["train"]
        for i in np.flatnonzero(labels == -1).tolist()[:3]:
            assert shared_pixels(shapes, splits | {"left out": [specs[i]]}, context) > 0
    if config.k_folds:
        counts = (split.labels == 1).sum(axis=1)
        assert counts.max() - counts.min() <= 1
        assert ((split.labels == 1).sum(axis=0) <= 1).all()


def share(one, other, context):
    """Tell whether two patches share a pixel, both grown; where they do, they share one inside the image."""
    if (one["data_idx"], one["sample_idx"]) != (other["data_idx"], other["sample_idx"]):
        return False
    pairs = zip(one["coords"], one["patch_size"], other["coords"], other["patch_size"], context, strict=True)
    return all(a < b + q + 2 * c and b < a + p + 2 * c for a, p, b, q, c in pairs)


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_exactly_the_largest_possible_number_is_had_and_one_more_is_refused(data):
    """All rows but the neighbours of the one that has the fewest."""
    shapes, specs = data.draw(boxes())
    context = data.draw(st.tuples(*[st.integers(0, 3)] * specs.ndim))
    most = len(specs) - min(sum(share(one, other, context) for other in specs) for one in specs)
    name, number = data.draw(st.sampled_from([("validation", 1), ("test", 2)]))
    keys = {"context": context, "seed": data.draw(st.integers(0, 99))}
    if most:
        labels = split_rows(specs, shapes, SplitConfig(**{name: most}, **keys)).labels[0]
        assert (labels == number).sum() == most
        assert shared_pixels(shapes, by_label(specs, labels), context) == 0
    problem = f"split: {name}: found {most + 1} of {len(specs)} patches; allowed are at most {most}, for training"
    with pytest.raises(ConfigError, match=problem):
        split_rows(specs, shapes, SplitConfig(**{name: most + 1}, **keys))


@given(st.data())
def test_the_same_seed_gives_the_same_labels(data):
    shapes, config = data.draw(setups("tiled"))
    specs = create_patching(shapes, config).get_patch_specs()
    assume(len(specs) > 8)
    config = data.draw(configs(specs.ndim, len(specs)))
    try:
        one, two = (split_rows(specs, shapes, config).labels for _ in range(2))
    except NoRoomError:
        assume(False)
    assert np.array_equal(one, two)


@settings(max_examples=150)
@given(data=st.data())
def test_boxes_that_touch_are_found_however_space_is_cut(data):
    """As comparing all pairs, with grids so small that space is halved often."""
    n_axes, n, m = data.draw(st.tuples(st.integers(1, 3), st.integers(0, 30), st.integers(0, 30)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    size, longest = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 40)))
    mine, theirs = (
        Boxes(start, start + rng.integers(1, longest + 1, start.shape))
        for start in (rng.integers(0, size, (n_axes, count)) for count in (n, m))
    )
    pairs = np.ones((n, m), bool)
    for axis in range(n_axes):
        pairs &= mine.start[axis, :, np.newaxis] < theirs.stop[axis]
        pairs &= mine.stop[axis, :, np.newaxis] > theirs.start[axis]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(touching, "LIMIT", data.draw(st.sampled_from([1, 5, 40, 300, 10**6])))
        assert np.array_equal(touching.touching(mine, theirs), pairs.any(axis=1))


def test_sizes_and_contexts_up_to_the_largest_do_not_overflow():
    side = 2**62
    shapes = [(1, 1, side, side)]
    rows = [(0, 0), (0, side - 10), (side - 10, 0), (side - 10, side - 10)]
    specs = gather_specs([{"data_idx": 0, "sample_idx": 0, "coords": c, "patch_size": (side, 10)} for c in rows])
    labels = split_rows(specs, shapes, SplitConfig(validation=1, seed=0)).labels[0]
    assert sorted(labels.tolist()) == [-1, 0, 0, 1]
    with pytest.raises(ConfigError, match="found 1 of 4 patches; allowed are at most 0"):
        split_rows(specs, shapes, SplitConfig(validation=1, context=side, seed=0))


def test_rows_are_taken_in_proportion_from_every_sample_in_blocks():
    shapes = [(2, 1, 400, 400), (1, 1, 200, 400)]
    specs = create_patching(shapes, {"name": "tiled", "patch_size": 10}).get_patch_specs()
    split = split_rows(specs, shapes, SplitConfig(validation=0.04, block=5, context=5, seed=0))
    chosen = specs.data_idx[split.labels[0] == 1]
    assert np.bincount(chosen).tolist() == [128, 32]
    assert split.lost[0] < 160 * 3


def test_where_scattered_blocks_leave_no_room_they_stand_compactly():
    """Half of all for test and validation, with a context of half a patch around each."""
    shapes = [(1, 1, 200, 200)]
    specs = create_patching(shapes, {"name": "tiled", "patch_size": 10}).get_patch_specs()
    labels = split_rows(specs, shapes, SplitConfig(validation=90, test=200, context=5, seed=0)).labels[0]
    assert np.bincount(labels[labels > 0]).tolist() == [0, 90, 200]
    assert (labels == 0).sum() >= 50


def test_no_rows_cannot_be_split():
    specs = create_patching([(1, 1, 9, 9)], {"name": "tiled", "patch_size": 3}).get_patch_specs(0, 0)
    with pytest.raises(ConfigError, match="split: there is no patch that could be set aside"):
        split_rows(specs, [(1, 1, 9, 9)], SplitConfig(validation=1))

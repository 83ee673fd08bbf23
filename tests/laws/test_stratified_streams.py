"""Indices, streams and samples of stratified patching."""

import pickle
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.patching.stratified import StratifiedPatching
from tests.laws.stratified_cases import (
    Sample,
    patching_of,
    scenes,
)


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

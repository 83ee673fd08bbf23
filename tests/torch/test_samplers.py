"""Samplers: who gets which patch."""

from collections import Counter
from itertools import groupby
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader

import patchplan
from patchplan.errors import PatchplanError, PlanError
from patchplan.torch import FileBatchSampler, PatchDataset, WeightedSampler
from tests.torch.making import make_images, make_table


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Patches of six images, 7 to 12 of each."""
    folder = tmp_path_factory.mktemp("files")
    images = [
        path for number in range(6) for path in make_images(folder / str(number), "npy", 1, (8 * (7 + number), 8))
    ]
    patchplan.plan(images, folder / "p.csv", patching={"name": "random", "patch_size": 8, "seed": 0})
    return PatchDataset(folder / "p.csv")


@settings(max_examples=60)
@given(
    batch_size=st.integers(1, 70),
    num_workers=st.integers(0, 5),
    world_size=st.integers(1, 4),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.integers(0, 99),
)
@example(batch_size=1, num_workers=4, world_size=3, shuffle=True, drop_last=False, seed=0)
def test_every_item_is_in_one_batch_of_one_rank(dataset, **options):
    """But for those that are dropped, or make up for those that lack."""
    batch_size, world_size, drop_last = options["batch_size"], options["world_size"], options["drop_last"]
    ranks = [FileBatchSampler(dataset, rank=rank, **options) for rank in range(world_size)]
    batches = [list(sampler) for sampler in ranks]
    n = len(dataset)
    each = n // world_size if drop_last else -(-n // world_size)
    each = each // batch_size * batch_size if drop_last else each
    for sampler, found in zip(ranks, batches, strict=True):
        assert len(found) == len(sampler)
        assert sum(map(len, found)) == each
        assert sum(len(batch) < batch_size for batch in found) <= (0 if drop_last else 1)
    counts = Counter(item for found in batches for batch in found for item in batch)
    if drop_last:
        assert set(counts.values()) <= {1}
    else:
        assert sorted(counts) == list(range(n))
        assert sum(counts.values()) - n == each * world_size - n < world_size


@settings(max_examples=60)
@given(batch_size=st.integers(1, 20), num_workers=st.integers(0, 4), shuffle=st.booleans(), seed=st.integers(0, 99))
def test_a_worker_goes_from_file_to_file_and_never_back(dataset, batch_size, num_workers, shuffle, seed):
    sampler = FileBatchSampler(dataset, batch_size, num_workers=num_workers, shuffle=shuffle, seed=seed)
    batches = list(sampler)
    n_workers = max(1, num_workers)
    visits = 0
    for worker in range(n_workers):
        read = [dataset.data_idx[item] for batch in batches[worker::n_workers] for item in batch]
        files = [file for file, _ in groupby(read)]
        assert len(files) == len(set(files))
        visits += len(files)
    assert visits <= 6 + n_workers - 1


@pytest.mark.filterwarnings("ignore:This (process|DataLoader will create):Warning")
def test_a_loader_gives_batches_to_workers_as_the_sampler_takes_it(dataset):
    """Batch b goes to worker b % num_workers."""

    def worker_of(patch: torch.Tensor) -> int:
        del patch
        info: Any = torch.utils.data.get_worker_info()
        return int(info.id)

    told = PatchDataset(dataset.plan, transform=worker_of)
    sampler = FileBatchSampler(told, 3, num_workers=3)
    batches = DataLoader(told, batch_sampler=sampler, num_workers=3, multiprocessing_context="fork")
    assert [int(batch[0]) for batch in batches] == [number % 3 for number in range(len(sampler))]


def test_shuffling_follows_seed_and_epoch(dataset):
    def order(seed, epoch):
        dataset.set_epoch(epoch)
        return [item for batch in FileBatchSampler(dataset, 4, seed=seed) for item in batch]

    found = [order(*key) for key in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert len({tuple(one) for one in found}) == 4
    assert order(0, 0) == found[0]
    plain = FileBatchSampler(dataset, 4, shuffle=False)
    assert [item for batch in plain for item in batch] == list(range(len(dataset)))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 0}, "batch_size: found 0; allowed: a whole number from 1"),
        ({"num_workers": -1}, "num_workers: found -1"),
        ({"seed": 0.5}, "seed: found 0.5"),
        ({"world_size": 0}, "world_size: found 0"),
        ({"rank": 2, "world_size": 2}, "rank: found 2; allowed: 0 to 1, as world_size is 2"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_numbers_that_make_no_sense_are_refused(dataset, options, match):
    with pytest.raises(PatchplanError, match=match):
        FileBatchSampler(dataset, **{"batch_size": 4} | options)


WEIGHTS = [0, 1, 0, 2.5, 1e-3, 10, 0, 4, 0]


def test_draws_are_in_proportion_to_the_weights(tmp_path):
    dataset = PatchDataset(make_table(tmp_path, "weight", WEIGHTS))
    n = 200_000
    counts = np.bincount(list(WeightedSampler(dataset, n, seed=1)), minlength=len(WEIGHTS))
    wanted = n * np.array(WEIGHTS) / sum(WEIGHTS)
    assert not counts[wanted == 0].any()
    assert chisquare(counts[wanted > 0], wanted[wanted > 0]).pvalue > 0.001


def test_weights_are_those_of_the_split(tmp_path):
    rows = [f"{split},{weight}" for split, weight in [("train", 0), ("test", 5), ("train", 2)]]
    dataset = PatchDataset(make_table(tmp_path, "split,weight", rows), split="train")
    assert dataset.weights.tolist() == [0, 2]
    assert list(WeightedSampler(dataset)) == [1, 1]


def test_ranks_share_the_draws_and_epochs_differ(tmp_path):
    dataset = PatchDataset(make_table(tmp_path, "weight", WEIGHTS))
    whole = list(WeightedSampler(dataset, 40, seed=3))
    ranks = [list(WeightedSampler(dataset, 40, seed=3, rank=rank, world_size=4)) for rank in range(4)]
    assert [item for draw in zip(*ranks, strict=True) for item in draw] == whole
    assert len(WeightedSampler(dataset, 41, world_size=4)) == 11
    dataset.set_epoch(1)
    assert list(WeightedSampler(dataset, 40, seed=3)) != whole


@pytest.mark.parametrize(
    ("weights", "match"),
    [([1, -1], "column weight has -1.0; allowed are numbers from 0"), ([0, 0], "all weights are 0")],
    ids=["negative", "zero"],
)
def test_weights_that_cannot_be_drawn_are_refused(tmp_path, weights, match):
    with pytest.raises(PlanError, match=match):
        WeightedSampler(PatchDataset(make_table(tmp_path, "weight", weights)))


def test_a_plan_without_weights_is_refused(dataset):
    with pytest.raises(PlanError, match=r"p\.csv: has no column weight; plan with weights: in the config"):
        WeightedSampler(dataset)

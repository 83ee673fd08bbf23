"""Epochs, splits and folds of `PatchDataset`."""

import pytest

pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ConfigError, PlanError
from patchplan.torch import PatchDataset
from tests.plans.making import edit
from tests.torch.making import STRATEGIES, make_images, make_plan, make_table


@pytest.mark.parametrize("name", ["random", "stratified"])
@settings(max_examples=5)
@given(data=st.data())
def test_an_epoch_that_was_not_written_is_what_plan_would_have_written(tmp_path_factory, name, data):
    """Whatever epochs were written before it."""
    folder = tmp_path_factory.mktemp("epochs")
    config = STRATEGIES[name] | {"seed": data.draw(st.integers(0, 2**64))}
    images = make_images(folder, "npy")
    written, epoch = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 5))
    epochs = data.draw(st.sampled_from([None, written])) if written == 1 else written
    patchplan.plan(images, folder / "all.csv", patching=config, epochs=6)
    patchplan.plan(images, folder / "some.parquet", patching=config, epochs=epochs)
    dataset = PatchDataset(folder / "some.parquet", epoch=epoch)
    wanted = list(patchplan.open_plan(folder / "all.csv").epoch(epoch).specs())
    assert [dataset.specs(i) for i in range(len(dataset))] == wanted


@pytest.mark.parametrize("name", ["tiled", "sequential", "fixed_random", "whole"])
def test_other_strategies_have_the_same_patches_in_every_epoch(tmp_path, name):
    dataset = PatchDataset(make_plan(tmp_path, STRATEGIES[name]))
    first = list(map(dataset.specs, range(len(dataset))))
    dataset.set_epoch(7)
    assert dataset.epoch == 7
    assert list(map(dataset.specs, range(len(dataset)))) == first


def test_a_split_has_its_rows_and_their_indices(tmp_path):
    labels = ["train", "validation", "train", "test", "train"]
    plan = make_table(tmp_path, "split", labels)
    for split in ("train", "validation", "test"):
        dataset = PatchDataset(plan, split=split, with_index=True)
        wanted = [i for i, label in enumerate(labels) if label == split]
        assert [dataset[i][1] for i in range(len(dataset))] == wanted
        assert [dataset.specs(i)["coords"][0] for i in range(len(dataset))] == wanted
    assert len(PatchDataset(plan)) == 5


def test_validation_is_the_same_in_every_epoch_and_training_is_not(tmp_path):
    rows = [f"{split},{epoch}" for epoch in range(2) for split in ("train", "validation")]
    plan = make_table(tmp_path, "split,epoch", rows)
    training, validation = PatchDataset(plan, split="train"), PatchDataset(plan, split="validation")
    for dataset in (training, validation):
        dataset.set_epoch(1)
    assert (training.index(0), validation.index(0)) == (2, 1)
    validation.set_epoch(9)
    assert validation.index(0) == 1
    training.set_epoch(9)
    with pytest.raises(PlanError, match=r"--epoch: found 9; .* has rows of epochs 0 to 1"):
        len(training)


def test_a_fold_must_be_chosen(tmp_path):
    plan = make_table(tmp_path, "split,fold", ["train,0", "validation,0", "validation,1", "train,1"])
    with pytest.raises(ConfigError, match=r"fold: none given, but .*plan.parquet has folds; choose one with fold=0"):
        PatchDataset(plan, split="train")
    assert PatchDataset(plan, split="train", fold=1).index(0) == 3
    with pytest.raises(PlanError, match=r"--fold: found 2; .* has 0, 1"):
        PatchDataset(plan, fold=2)


@pytest.mark.parametrize("section", ["regions", "filter", "split", "weights"])
def test_what_chose_among_the_patches_cannot_be_drawn_anew(tmp_path, section):
    plan = make_plan(tmp_path, STRATEGIES["stratified"])
    edit(plan, header=lambda header: header["config"].update({section: {"name": "max"}}))
    dataset = PatchDataset(plan)
    match = f"epoch: found 1; .* has epoch 0 only, and .* its config has {section}. Write .* --epochs N"
    with pytest.raises(PlanError, match=match):
        dataset.set_epoch(1)
    assert dataset.epoch == 0


def test_without_a_seed_nothing_is_drawn_anew(tmp_path):
    plan = make_plan(tmp_path, STRATEGIES["random"], epochs=2)
    edit(plan, header=lambda header: header["config"]["patching"].pop("seed"))
    with pytest.raises(PlanError, match="has epochs 0 to 1, and others cannot be drawn anew: it has no seed"):
        PatchDataset(plan, epoch=2)

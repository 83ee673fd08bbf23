"""Epochs, splits and folds of `PatchDataset`."""

import pytest

pytest.importorskip("torch")

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ConfigError, PlanError
from patchplan.plans.subset import write_subset
from patchplan.torch import PatchDataset
from tests.plans.making import edit
from tests.torch.making import STRATEGIES, TABLE_NAMES, make_images, make_plan, make_table


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


SPLIT = {"split": {"validation": 1, "test": 1, "by": "image", "seed": 1}}


@pytest.mark.parametrize("epochs", [None, 1, 2])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_patchplan_set_aside_is_the_same_in_every_epoch(tmp_path, split, epochs):
    images = make_images(tmp_path, "npy", 3)
    plan = tmp_path / "plan.parquet"
    patchplan.plan(images, plan, patching=STRATEGIES["random"], config=SPLIT, epochs=epochs)
    dataset = PatchDataset(plan, split=split)
    first = [(dataset.index(i), dataset.specs(i)) for i in range(len(dataset))]
    for epoch in (1, 2, 9):
        dataset.set_epoch(epoch)
        assert [(dataset.index(i), dataset.specs(i)) for i in range(len(dataset))] == first
    with pytest.raises(PlanError, match=r"^epoch: found 9; .* cannot be drawn anew: its config has split"):
        PatchDataset(plan, split="train", epoch=9)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_table_by_hand_has_the_epoch_that_was_asked_for(tmp_path, split):
    rows = [f"{split},{epoch}" for epoch in range(2) for split in ("train", "validation", "test")]
    dataset = PatchDataset(make_table(tmp_path, "split,epoch", rows), split=split)
    first = dataset.index(0)
    dataset.set_epoch(1)
    assert dataset.index(0) == first + 3
    dataset.set_epoch(9)
    with pytest.raises(PlanError, match=r"^epoch: found 9; .* has rows of epochs 0 to 1"):
        len(dataset)


def test_a_table_by_hand_that_patchplan_split_has_the_epoch_that_was_asked_for(tmp_path):
    """What is set aside stays, but its patches are those of the table."""
    rows = [f"{i},{i % 2},0,{30 * (i % 2)},{i},8,8,{i // 4}" for i in range(8)]
    (tmp_path / "table.csv").write_text("\n".join([f"{TABLE_NAMES},epoch", *rows]))
    patching = {"name": "fixed", "table": str(tmp_path / "table.csv")}
    plan = make_plan(tmp_path, patching, "npy", config={"split": {"validation": 0.5, "seed": 1}})
    dataset = PatchDataset(plan, split="validation", epoch=1)
    assert {dataset.index(i) // 4 for i in range(len(dataset))} == {1}


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_subset_of_a_later_epoch_has_no_other(tmp_path, split):
    images = make_images(tmp_path, "npy", 3)
    config = {"split": {"validation": 1, "by": "image", "seed": 1}}
    whole = tmp_path / "whole.parquet"
    patchplan.plan(images, whole, patching=STRATEGIES["random"], config=config, epochs=2)
    wanted = patchplan.open_plan(whole).epoch(1, split=split)
    write_subset(patchplan.open_plan(whole).epoch(1), np.arange(len(PatchDataset(whole))), tmp_path / "part.parquet")
    dataset = PatchDataset(tmp_path / "part.parquet", split=split, epoch=1)
    assert [dataset.specs(i) for i in range(len(dataset))] == list(wanted.specs())
    with pytest.raises(PlanError, match=r"^epoch: found 0; .* has rows of epoch 1 only"):
        PatchDataset(tmp_path / "part.parquet", split=split)


def test_a_fold_must_be_chosen(tmp_path):
    plan = make_table(tmp_path, "split,fold", ["train,0", "validation,0", "validation,1", "train,1"])
    match = r"^fold: none given; .*plan.parquet has 0, 1; choose one with fold="
    with pytest.raises(ConfigError, match=match):
        PatchDataset(plan, split="train")
    assert PatchDataset(plan, split="train", fold=1).index(0) == 3
    with pytest.raises(PlanError, match=r"^fold: found 2; .* has 0, 1"):
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

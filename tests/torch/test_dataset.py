"""`PatchDataset`: the patches of a plan, by item."""

import importlib
import pickle
from typing import Any
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import patchplan.torch
from patchplan.errors import ImageError, MissingExtraError, PatchplanError, PlanError
from patchplan.patching.factory import STRATEGIES as REGISTRY
from patchplan.torch import PatchDataset
from tests.torch.making import STRATEGIES, assert_same, make_images, make_plan, make_table, pixels, read


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("kind", ["tif", "zarr", "npy"])
def test_items_are_the_patches_of_the_plan(tmp_path, name, kind):
    plan = make_plan(tmp_path, STRATEGIES[name], kind)
    dataset = PatchDataset(plan)
    assert_same([dataset[i] for i in range(len(dataset))], read(plan))
    assert [dataset.specs(i) for i in range(len(dataset))] == list(patchplan.open_plan(plan).specs())
    assert [dataset.index(i) for i in range(len(dataset))] == list(range(len(dataset)))


def test_all_strategies_are_here():
    assert {*STRATEGIES, "fixed"} == REGISTRY.keys()


def test_volumes_with_channels(tmp_path):
    np.save(tmp_path / "a.npy", pixels((3, 20, 30, 40), "f4", 0))
    patching = {"name": "tiled", "patch_size": [8, 16, 16], "overlaps": [2, 4, 4]}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching=patching, axes="CZYX")
    dataset = PatchDataset(tmp_path / "p.csv", channels=[2, 0], pad_mode="reflect")
    assert dataset[0].shape == (2, 8, 16, 16)
    found = [dataset[i] for i in range(len(dataset))]
    assert_same(found, read(tmp_path / "p.csv", channels=[2, 0], pad_mode="reflect"))


@pytest.mark.parametrize("name", ["tiled", "sequential", "whole"])
def test_a_plan_without_rows_is_the_same(tmp_path, name):
    plan = make_plan(tmp_path, STRATEGIES[name], rows=False)
    dataset = PatchDataset(plan)
    assert_same([dataset[i] for i in range(len(dataset))], read(plan))
    assert dataset.data_idx.tolist() == patchplan.open_plan(plan).specs().data_idx.tolist()


def test_a_plan_of_any_number_of_tiles_without_rows_takes_no_memory(tmp_path):
    np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (200_000, 200_000))
    patching = {"name": "sequential", "patch_size": 8, "overlaps": 4}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.json", patching=patching, rows=False)
    dataset = PatchDataset(tmp_path / "p.json")
    assert len(dataset) == 49_999**2
    assert dataset[len(dataset) - 1].shape == (1, 8, 8)


DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", ">u2", ">f8")


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_kept_and_makes_batches(tmp_path, dtype):
    np.save(tmp_path / "a.npy", pixels((16, 16), dtype, 0))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching={"name": "whole"})
    dataset = PatchDataset(tmp_path / "p.csv")
    assert dataset[0].numpy().dtype == np.dtype(dtype).newbyteorder("=")
    batch = torch.utils.data.default_collate([dataset[0], dataset[0]])
    assert np.array_equal(batch[1, 0].numpy(), np.load(tmp_path / "a.npy"))


@pytest.mark.parametrize(("dtype", "wanted"), [("g", torch.float64), ("G", torch.complex128)], ids=["real", "complex"])
def test_types_that_torch_lacks_become_the_widest_it_has(tmp_path, dtype, wanted):
    if np.dtype(dtype).itemsize == wanted.itemsize:
        pytest.skip("this machine has none wider")
    np.save(tmp_path / "a.npy", pixels((16, 16), dtype, 0))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching={"name": "whole"})
    found = PatchDataset(tmp_path / "p.csv")[0]
    assert found.dtype == wanted
    assert np.array_equal(found[0].numpy(), np.load(tmp_path / "a.npy"))


def test_a_transform_gets_the_patch_and_the_target(tmp_path):
    plan = make_plan(tmp_path, STRATEGIES["tiled"])
    make_images(tmp_path / "masks", "npy", dtype="u1")
    dataset = PatchDataset(plan, targets=tmp_path / "masks", transform=lambda x, y: (x.float() / 2, y > 3))
    plain = PatchDataset(plan, targets=tmp_path / "masks", with_index=True)
    (x, y), (px, py, index) = dataset[5], plain[5]
    assert torch.equal(x, px.float() / 2)
    assert torch.equal(y, py > 3)
    assert index == 5


def test_a_pickle_is_small_whatever_the_plan(tmp_path):
    np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (8_000, 8_000))
    patching = {"name": "fixed_random", "patch_size": 8, "seed": 0}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.parquet", patching=patching)
    dataset = PatchDataset(tmp_path / "p.parquet")
    dataset.set_epoch(4)
    assert len(dataset) == 1_000_000
    held: Any = dataset._opened.rows(0)
    assert sum(column.base.nbytes for column in held._specs.columns().values()) < 8_000_000
    pickled = pickle.dumps(dataset)
    assert len(pickled) < 10_000
    again = pickle.loads(pickled)
    assert (again.epoch, len(again), again.specs(77)) == (4, 1_000_000, dataset.specs(77))


def test_a_relative_path_holds_wherever_the_process_goes(tmp_path, monkeypatch):
    plan = make_plan(tmp_path, STRATEGIES["tiled"])
    make_images(tmp_path / "masks", "npy", dtype="u1")
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(PatchDataset("plan.parquet", targets="masks/{stem}.npy"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    x, y = pickle.loads(pickled)[3]
    assert_same([x, y], [read(plan)[3], read(plan, images=[tmp_path / f"masks/{i}.npy" for i in range(2)])[3]])


def test_images_that_have_moved_are_found_below_root(tmp_path):
    plan = make_plan(tmp_path / "old", STRATEGIES["tiled"])
    wanted = read(plan)
    plan = plan.rename(tmp_path / "plan.parquet")
    with pytest.raises(ImageError, match=r"image 0: .*0\.tif: no such file; if the images have moved"):
        PatchDataset(plan)
    assert_same([PatchDataset(plan, root=tmp_path / "old")[1]], wanted[1:2])
    assert_same([PatchDataset(patchplan.open_plan(plan, tmp_path / "old"))[1]], wanted[1:2])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"pad_mode": "wrap"}, "pad_mode: found 'wrap'; allowed: constant, reflect, edge"),
        ({"channels": [3]}, r"^channels: found 3; image 0 \(0.tif\) has channels 0 to 0"),
        ({"channels": []}, "channels: found none; allowed: numbers of channels"),
        ({"channels": "0"}, "channels: found '0'; allowed: a whole number from 0"),
        ({"target_channels": [0]}, "target_channels: allowed with targets only"),
        ({"epoch": -1}, "epoch: found -1; allowed: a whole number from 0"),
        ({"seed": "a"}, "seed: found 'a'; allowed: a whole number from 0"),
        ({"split": "train"}, "^split: found 'train'; .* has no column split"),
        ({"fold": 0}, "^fold: found 0; .* has no column fold"),
        ({"epoch": 3, "split": "train"}, "^split: found 'train'; .* has no column split"),
        ({"root": "nowhere"}, "no such file; if the images have moved, say with root= which folder"),
        ({"transform": 3}, "^transform: found 3; allowed: what can be called, or None"),
        ({"targets": 3}, "targets: found int 3; allowed: paths, or images"),
        ({"targets": ["a.tif", "b.tif"]}, "has no targets: no file"),
        ({"targets": []}, "targets: found 0 paths; allowed: 2, one per image"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_wrong_is_said_at_once(tmp_path, options, match):
    plan = make_plan(tmp_path, STRATEGIES["random"])
    with pytest.raises(PatchplanError, match=match):
        PatchDataset(plan, **options)


@pytest.mark.parametrize("plan", [3, None, "nowhere.csv"])
def test_what_is_no_plan_is_refused(plan):
    with pytest.raises(PlanError, match=r"as plan; allowed: the path of a plan|there is no such file"):
        PatchDataset(plan)


@pytest.mark.parametrize("position", [9, -1, 2**70])
def test_a_position_outside_is_refused(tmp_path, position):
    dataset = PatchDataset(make_table(tmp_path, "weight", [1] * 9))
    for ask in (dataset.__getitem__, dataset.specs, dataset.index):
        with pytest.raises(IndexError, match=r"patch index .* is out of range: there are 9 patches"):
            ask(position)


@pytest.mark.parametrize("position", [True, 1.0, "1", slice(2), None], ids=repr)
@pytest.mark.parametrize("rows", [True, False], ids=["rows", "computed"])
def test_a_position_that_is_no_whole_number_is_refused(tmp_path, position, rows):
    dataset = PatchDataset(make_plan(tmp_path, STRATEGIES["tiled"], rows=rows))
    for ask in (dataset.__getitem__, dataset.specs, dataset.index):
        with pytest.raises(TypeError, match=r"^position: found .*; allowed: a whole number from 0$"):
            ask(position)


@pytest.mark.parametrize("position", [np.int64(1), torch.tensor(1)], ids=["numpy", "torch"])
def test_a_position_may_be_a_number_of_numpy_or_torch(tmp_path, position):
    dataset = PatchDataset(make_plan(tmp_path, STRATEGIES["tiled"]))
    assert torch.equal(dataset[position], dataset[1])


def test_an_image_that_vanishes_is_told_of_in_words_of_python(tmp_path):
    """Also by a process that opens the plan anew."""
    plan = make_plan(tmp_path, STRATEGIES["tiled"])
    dataset = PatchDataset(plan)
    again = pickle.loads(pickle.dumps(dataset))
    (tmp_path / "0.tif").rename(tmp_path / "gone.tif")
    for one in (dataset, again):
        with pytest.raises(ImageError, match=r"0\.tif: no such file; .* say with root= which folder"):
            one[0]


def test_without_torch_the_line_that_installs_it_is_said():
    with (
        mock.patch("importlib.util.find_spec", return_value=None),
        pytest.raises(MissingExtraError, match=r"needs PyTorch; run: pip install 'patchplan\[torch\]'"),
    ):
        importlib.reload(patchplan.torch)


def test_validation_rows_of_a_table_are_those_of_the_epoch_that_is_asked_for(tmp_path):
    """A table made by hand may validate on other patches in each epoch; only what `plan` set aside stays."""
    rows = ["index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split,epoch"]
    rows += [
        f"{i},0,0,{8 * i},{epoch},8,8,{split},{epoch}"
        for epoch in (0, 1)
        for i, split in enumerate(("train", "validation"))
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    np.save(tmp_path / "a.npy", np.zeros((40, 40), np.uint8))
    fixed = {"name": "fixed", "table": str(tmp_path / "t.csv")}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.parquet", patching=fixed)
    for epoch in (0, 1):
        dataset = PatchDataset(tmp_path / "p.parquet", split="validation", epoch=epoch)
        assert dataset.specs(0)["coords"] == (8, epoch)

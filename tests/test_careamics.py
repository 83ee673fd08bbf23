"""Our strategies and plans drive CAREamics' own dataset, and `stitch` takes what it predicts."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from tests.cli.running import run
from tests.torch.making import STRATEGIES, make_images, pixels, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("careamics")

    from careamics.config.data import DataConfig
    from careamics.config.data.patch_filter import MeanStdPatchFilterConfig
    from careamics.dataset.dataset import CareamicsDataset
    from careamics.dataset.factory.filter_bg import filter_background
    from careamics.dataset.image_stack_loader import load_arrays, load_iter_tiff, load_tiffs
    from careamics.dataset.patch_constructor import BasicPatchConstr
    from careamics.dataset.patch_extractor import LimitFilesPatchExtractor, PatchExtractor
    from careamics.dataset.patching import StratifiedPatching
    from careamics.lightning.data import CareamicsDataModule
    from careamics.lightning.data.grouped_index_sampler import GroupedIndexSampler
    from careamics.lightning.modules import N2VModule
    from careamics.lightning.prediction.convert_prediction import decollate_image_region_data
    from careamics.lightning.prediction.stitch_prediction import stitch_prediction
    from lightning import Trainer
    from torch.utils.data import DataLoader

pytestmark = pytest.mark.filterwarnings("ignore")  # those of lightning, of which there are many

PREDICTING = {"tiled", "whole"}
STRATIFIED = {"name": "stratified", "patch_size": [16, 16]}
IMAGES: dict[str, list[tuple[int, ...]]] = {
    "YX": [(70, 60), (33, 48)],
    "CYX": [(2, 70, 60), (2, 33, 48)],
    "TYX": [(3, 40, 33), (2, 33, 48)],
    "YXC": [(40, 33, 3)],
    "SCYX": [(2, 2, 33, 40)],
}
UNET = {"architecture": "UNet", "in_channels": 1, "num_classes": 1, "depth": 1, "num_channels_init": 8}
N2V = {"algorithm": "n2v", "loss": "n2v", "model": {**UNET, "n2v2": False, "independent_channels": True}}


def dataset(strategy: Any, extractor: Any, axes: str = "YX", **config: Any) -> Any:
    """CAREamics' dataset of a strategy of ours, without augmentations and normalisation."""
    options: dict[str, Any] = {"mode": "training", "data_type": "array", "patching": STRATIFIED, "augmentations": []}
    data_config = DataConfig(axes=axes, normalization={"name": "none"}, **{**options, **config})
    return CareamicsDataset(data_config, BasicPatchConstr(strategy, extractor))


def tiffs(plan: Any) -> Any:
    """The images of a plan as CAREamics reads them, in the plan's order."""
    return PatchExtractor(load_tiffs([plan.image_path(i) for i in range(len(plan.images))], axes="YX"))


def box(item: Any) -> tuple[slice, ...]:
    """Where an item was read."""
    spec = item.region_spec
    return tuple(slice(start, start + size) for start, size in zip(spec["coords"], spec["patch_size"], strict=True))


def rows(plan: Any, epoch: int, split: str) -> Any:
    """The patches of an epoch and a split."""
    return patchplan.FixedPatching(plan.epoch(epoch, split=split).specs())


@pytest.mark.parametrize("axes", IMAGES)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_drives_the_dataset_to_the_pixels_of_the_plan(tmp_path, name, axes):
    arrays = [pixels(shape, "u2", seed) for seed, shape in enumerate(IMAGES[axes])]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
    patchplan.plan(tmp_path, tmp_path / "plan.parquet", patching=STRATEGIES[name], axes=axes)
    plan = patchplan.open_plan(tmp_path / "plan.parquet")
    extractor = PatchExtractor(load_arrays(arrays, axes))
    assert [tuple(shape) for shape in extractor.shapes] == list(plan.data_shapes)

    overlaps = {"overlaps": [4, 4]} if name == "tiled" else {}
    patching = {"name": name} if name == "whole" else {"name": name, "patch_size": [16, 16], **overlaps}
    mode = {"mode": "predicting", "patching": patching} if name in PREDICTING else {}
    data = dataset(plan.patching, extractor, axes, **mode)
    items = [data[i][0] for i in range(len(data))]
    assert [item.region_spec for item in items] == list(plan.specs())
    for item, patch in zip(items, read(tmp_path / "plan.parquet"), strict=True):
        np.testing.assert_array_equal(item.data, np.asarray(patch))


def test_volumes_and_tiles_that_overhang(tmp_path):
    volume = pixels((5, 40, 70), "u2", 0)
    np.save(tmp_path / "a.npy", volume)
    patching = {"name": "tiled", "patch_size": [8, 32, 32], "overlaps": [3, 8, 9], "multiple_of": 1}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching=patching, axes="ZYX")
    plan = patchplan.open_plan(tmp_path / "p.csv")
    tiled = {"name": "tiled", "patch_size": [8, 32, 32], "overlaps": [2, 8, 8]}
    extractor = PatchExtractor(load_arrays([volume], "ZYX"))
    data = dataset(plan.patching, extractor, "ZYX", mode="predicting", patching=tiled)
    tiles = np.stack([data[i][0].data for i in range(len(data))])
    np.testing.assert_array_equal(patchplan.stitch(plan, tiles).arrays[0], volume)


def test_their_filter_and_our_split_work_on_our_stratified():
    images = [pixels((90, 80), "f4", 0), pixels((70, 100), "f4", 1)]
    images[0][:50] = 0
    extractor = PatchExtractor(load_arrays(images, "YX"))
    ours = patchplan.StratifiedPatching(extractor.shapes, (16, 16), seed=0)
    theirs = StratifiedPatching(extractor.shapes, (16, 16), seed=0)
    unfiltered = ours.n_patches
    for patching in (ours, theirs):
        filter_background(MeanStdPatchFilterConfig(mean_threshold=20.0), patching, extractor)
    assert ours.n_patches == theirs.n_patches < unfiltered

    split = patchplan.create_val_split(ours, 6, np.random.default_rng(1))
    training, validation = (dataset(patching, extractor) for patching in split)
    held = [np.zeros(image.shape, bool) for image in images]
    for i in range(len(validation)):
        held[validation[i][0].region_spec["data_idx"]][box(validation[i][0])] = True
    assert sum(map(np.count_nonzero, held)) == 6 * 16 * 16
    for i in range(len(training)):
        item = training[i][0]
        assert not held[item.region_spec["data_idx"]][box(item)].any()


def test_files_are_visited_one_by_one_where_few_are_in_memory(tmp_path):
    paths = make_images(tmp_path, n=3)
    patching = patchplan.RandomPatching([(1, 1, 70, 60)] * 3, (16, 16), seed=0)
    data = dataset(patching, LimitFilesPatchExtractor(load_iter_tiff(paths, "YX")), data_type="tiff", in_memory=False)
    order = list(GroupedIndexSampler.from_dataset(data, rng=np.random.default_rng(0)))
    images = [data[i][0].region_spec["data_idx"] for i in order]
    assert sorted(order) == list(range(len(data)))
    assert sum(a != b for a, b in pairwise(images)) == 2


def test_epochs_of_a_plan_differ_where_workers_draw_the_same_ones_again(tmp_path):
    make_images(tmp_path, n=1)
    random = {"name": "random", "patch_size": 16, "seed": 3}
    patchplan.plan(tmp_path / "0.tif", tmp_path / "p.parquet", patching=random, epochs=2)
    plan = patchplan.open_plan(tmp_path / "p.parquet")
    data = dataset(patchplan.RandomPatching(plan.data_shapes, 16, seed=3), tiffs(plan), data_type="tiff")

    def epoch() -> list[tuple[int, int]]:
        starts = [batch.region_spec["coords"] for (batch,) in DataLoader(data, num_workers=2)]
        return [(int(y), int(x)) for y, x in starts]

    assert epoch() == epoch()
    for number in range(2):
        specs = plan.epoch(number).specs()
        data.patch_constructor.patching_strategy = patchplan.FixedPatching(specs)
        assert epoch() == [spec["coords"] for spec in specs]


class PlannedData(CareamicsDataModule):
    """CAREamics' data module, its patches from a plan for training and its tiles from one for prediction."""

    def __init__(self, training: Any, tiles: Any) -> None:
        files = [training.image_path(i) for i in range(len(training.images))]
        patching = training.header.config["patching"]
        config = DataConfig(
            mode="training",
            data_type="tiff",
            axes="YX",
            patching=patching,
            normalization={"name": "mean_std"},
            batch_size=4,
            num_workers=0,
        )
        super().__init__(config, train_data=files, val_data=files)
        self.training, self.tiles = training, tiles
        self.seen: list[Any] = []
        self.train_dataset = self.dataset(rows(training, 0, "train"), self.config)
        self.val_dataset = self.dataset(rows(training, 0, "validation"), self.config.convert_mode("validating"))

    def dataset(self, patching: Any, config: Any) -> Any:
        """Read patches of the training images."""
        return CareamicsDataset(config, BasicPatchConstr(patching, tiffs(self.training)))

    def setup(self, stage: str) -> None:
        """Leave the datasets of training as they are; CAREamics would build that of prediction anew."""
        if stage != "predict":
            super().setup(stage)
            return
        predicting = self.config.convert_mode("predicting", new_patch_size=[32, 32], overlap_size=[8, 8])
        self.predict_dataset = self.dataset(self.tiles.patching, predicting)

    def train_dataloader(self) -> Any:
        """Go on to the next epoch of the plan."""
        assert self.train_dataset is not None
        epoch = rows(self.training, self.trainer.current_epoch, "train")
        self.train_dataset.patch_constructor.patching_strategy = epoch
        self.seen.append(epoch)
        return super().train_dataloader()


def plans(folder: Path) -> tuple[Any, Any]:
    """A plan with background, validation and epochs, and one of tiles, of the same two images."""
    make_images(folder / "images", n=2, shape=(96, 90))
    training = {
        "patching": {**STRATIFIED, "seed": 1},
        "filter": {"name": "mean_std", "mean_threshold": 99.0},
        "split": {"validation": 4, "context": 2},
    }
    patchplan.plan(folder / "images", folder / "training.parquet", config=training, epochs=2)
    tiled = {"name": "tiled", "patch_size": 32, "overlaps": 8}
    patchplan.plan(folder / "images", folder / "tiles.csv", patching=tiled)
    return patchplan.open_plan(folder / "training.parquet"), patchplan.open_plan(folder / "tiles.csv")


def test_their_network_trains_on_a_plan_and_we_stitch_what_it_predicts(tmp_path):
    training, tiles = plans(tmp_path)
    data, module = PlannedData(training, tiles), N2VModule(N2V)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        max_epochs=2, accelerator="cpu", enable_model_summary=False, reload_dataloaders_every_n_epochs=1, **quiet
    )
    trainer.fit(module, datamodule=data)
    first, second = ([patching.get_patch_spec(i) for i in range(patching.n_patches)] for patching in data.seen)
    assert first != second

    batches = trainer.predict(module, datamodule=data)
    np.save(tmp_path / "predicted.npy", np.concatenate([np.asarray(batch.data) for batch in batches]))
    done = run("stitch", "tiles.csv", "predicted.npy", "-o", "ours", "--format", "npy", "--quiet", cwd=tmp_path)
    assert done.code == 0, done.err
    theirs, _ = stitch_prediction([tile for batch in batches for tile in decollate_image_region_data(batch)])
    for number, image in enumerate(theirs):
        np.testing.assert_array_equal(np.load(tmp_path / "ours" / f"{number}.npy"), np.squeeze(image))

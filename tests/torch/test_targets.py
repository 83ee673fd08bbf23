"""Targets: other images, of which the same patches are taken."""

import numpy as np
import pytest

pytest.importorskip("torch")

import patchplan
from patchplan.errors import ConfigError, ImageError, PatchplanError, ShapeError
from patchplan.torch import PatchDataset
from tests.torch.making import STRATEGIES, assert_same, make_images, make_plan, pixels, read


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Two images, and masks of the same names."""
    folder = tmp_path_factory.mktemp("targets")
    make_images(folder / "masks", "npy", dtype="u1")
    return make_plan(folder, STRATEGIES["tiled"])


@pytest.fixture(scope="module")
def wanted(plan):
    return read(plan, images=[plan.parent / f"masks/{i}.npy" for i in range(2)])


def given_as(kind, folder):
    masks = [folder / "masks" / f"{i}.npy" for i in range(2)]
    return {
        "folder": folder / "masks",
        "pattern": f"{folder}/masks/{{stem}}.npy",
        "paths": masks,
        "texts": tuple(map(str, masks)),
        "names": {f"{i}.tif": mask for i, mask in enumerate(masks)},
        "open": list(map(patchplan.open_image, masks)),
    }[kind]


@pytest.mark.parametrize("kind", ["folder", "pattern", "paths", "texts", "names", "open"])
def test_targets_are_named_in_any_way(plan, wanted, kind):
    dataset = PatchDataset(plan, targets=given_as(kind, plan.parent))
    assert_same([dataset[i][1] for i in range(len(dataset))], wanted)


def test_channels_and_samples_of_a_target(tmp_path):
    """Other channels than the image's; one sample for all of it."""
    np.save(tmp_path / "a.npy", pixels((4, 30, 30), "u1", 0))
    np.save(tmp_path / "t.npy", pixels((2, 30, 30), "f4", 1))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching=STRATEGIES["tiled"], axes="TYX")
    target = patchplan.open_image(tmp_path / "t.npy", axes="CYX")
    dataset = PatchDataset(tmp_path / "p.csv", targets=target, target_channels=[1], pad_mode="edge")
    last = len(dataset) - 1
    assert dataset.specs(last)["sample_idx"] == 3
    (y, x), (h, w) = dataset.specs(last)["coords"], dataset.specs(last)["patch_size"]
    assert np.array_equal(dataset[last][1].numpy(), np.load(tmp_path / "t.npy")[1:, y : y + h, x : x + w])


@pytest.mark.parametrize("opened", [False, True], ids=["path", "open"])
@pytest.mark.parametrize("shape", [(35, 30), (70, 61)], ids=["half", "other"])
def test_a_target_of_another_size_is_refused(tmp_path, shape, opened):
    plan = make_plan(tmp_path, STRATEGIES["tiled"])
    masks = make_images(tmp_path / "masks", "npy", shape=shape)
    dataset = PatchDataset(plan, targets=list(map(patchplan.open_image, masks)) if opened else masks)
    with pytest.raises(ImageError, match=rf"targets.*0\.npy .*{shape[0]}.*70"):
        dataset[0]


@pytest.mark.parametrize(
    ("targets", "match"),
    [
        (3, "targets: found int 3; allowed: paths, or images"),
        ([np.zeros((3, 3))], "targets: found list .*; allowed: paths, or images"),
        (["a.tif", "b.tif"], r"0\.tif has no targets: no file"),
        ([], "targets: found 0 paths; allowed: 2, one per image"),
        ("masks/{index}.npy", r"targets: found \{index\}"),
        ("masks/0.npy", r"targets: found one path 'masks/0\.npy' for 2 images"),
        ("nowhere", r"targets: found 'nowhere'; there is no file or folder .*nowhere; allowed: a folder, a path with"),
        ({"0.tif": "masks/0.npy"}, r"targets: image .*1\.tif has none"),
    ],
    ids=["number", "array", "missing", "none", "pattern", "one", "nowhere", "mapping"],
)
def test_targets_that_cannot_be_are_refused_at_once(plan, monkeypatch, targets, match):
    monkeypatch.chdir(plan.parent)
    with pytest.raises(PatchplanError, match=match):
        PatchDataset(plan, targets=targets)


def test_one_open_target_for_two_images_is_refused(plan):
    target = patchplan.open_image(plan.parent / "masks/0.npy")
    with pytest.raises(ConfigError, match="targets: found 1 open images; allowed: 2, one per image"):
        PatchDataset(plan, targets=target)


def test_a_channel_that_a_target_lacks_is_refused(plan):
    dataset = PatchDataset(plan, targets=plan.parent / "masks", target_channels=[1])
    with pytest.raises(ShapeError, match=r"0\.npy: channel 1 asked for; it has 0 to 0"):
        dataset[0]

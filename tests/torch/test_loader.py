"""`PatchDataset` in a real DataLoader: the same batches with any workers, forked or spawned."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.utils.data import DataLoader

import patchplan
from patchplan.errors import ImageError
from patchplan.torch import PatchDataset, seed_worker
from tests.images.test_manifest import IMAGES, ROWS
from tests.torch.making import STRATEGIES, assert_same, make_images, make_plan, read

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # Python 3.12 warns of every fork
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),  # on a machine of few processors
]
KINDS = ("tif", "zarr", "npy")


def loader(dataset: PatchDataset, workers: int = 0, method: str = "fork", **options: Any) -> DataLoader[Any]:
    """Return a loader; started as `method` says."""
    if workers:
        options["multiprocessing_context"] = method
    return DataLoader(dataset, num_workers=workers, **{"batch_size": 4} | options)


def items(batches: Any) -> list[torch.Tensor]:
    """All items of all batches."""
    return [item for batch in batches for item in batch]


@pytest.fixture(scope="module", params=KINDS)
def drawn(request, tmp_path_factory) -> Path:
    """A stratified plan of two images with one epoch written."""
    return make_plan(tmp_path_factory.mktemp(request.param), STRATEGIES["stratified"], request.param)


def epoch_of(plan: Path, epoch: int) -> list[Any]:
    """The patches of any epoch, as `patchplan plan --epochs` writes them."""
    written = plan.with_name("written.parquet")
    images = [image.uri for image in map(patchplan.open_plan(plan).open_image, range(2))]
    patchplan.plan(images, written, patching=STRATEGIES["stratified"], epochs=epoch + 1, overwrite=True)
    return read(written, epoch)


STARTED = [
    ("tif", "fork"),
    ("zarr", "fork"),
    ("npy", "fork"),
    ("tif", "spawn"),
    ("zarr", "spawn"),
    ("zarr", "forkserver"),
]
"""How workers are started for which files; all but forking takes seconds."""


@pytest.mark.parametrize(("drawn", "method"), STARTED, indirect=["drawn"])
def test_persistent_workers_see_every_epoch(drawn, method):
    """Also those that were not written."""
    dataset = PatchDataset(drawn)
    batches = loader(dataset, 2, method, persistent_workers=True)
    for epoch in (0, 3, 1):
        dataset.set_epoch(epoch)
        assert_same(items(batches), epoch_of(drawn, epoch))


def test_workers_that_are_forked_after_the_parent_has_read_pixels(drawn):
    dataset = PatchDataset(drawn)
    wanted = read(drawn)
    assert_same(items(loader(dataset)), wanted)
    assert_same(items(loader(dataset, 2, "fork")), wanted)
    assert_same([dataset[3]], wanted[3:4])


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_workers_gives_the_same_batches(drawn, workers):
    dataset = PatchDataset(drawn)
    options: dict[str, Any] = {"shuffle": True, "batch_size": 3, "drop_last": True}
    found, wanted = (
        list(loader(dataset, n, generator=torch.Generator().manual_seed(5), **options)) for n in (workers, 0)
    )
    assert len(found) == len(wanted)
    assert all(map(torch.equal, found, wanted))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_written_epochs_are_read_by_workers(tmp_path, suffix):
    plan = tmp_path / f"plan{suffix}"
    patchplan.plan(make_images(tmp_path, "npy"), plan, patching=STRATEGIES["random"], epochs=3)
    dataset = PatchDataset(plan)
    batches = loader(dataset, 2, persistent_workers=True)
    for epoch in (1, 2, 0):
        dataset.set_epoch(epoch)
        assert_same(items(batches), read(plan, epoch))


@pytest.mark.parametrize(("kind", "method"), STARTED[:4])
def test_targets_go_with_their_patches(tmp_path, kind, method):
    plan = make_plan(tmp_path, STRATEGIES["tiled"], kind)
    masks = make_images(tmp_path / "masks", kind, dtype="u1")
    dataset = PatchDataset(plan, targets=tmp_path / "masks")
    pairs = list(loader(dataset, 2, method))
    assert_same(items(x for x, _ in pairs), read(plan))
    assert_same(items(y for _, y in pairs), read(plan, images=masks))


@pytest.mark.skipif(not ROWS, reason="no ../shared/images beside the repository")
def test_real_images_one_by_one(tmp_path):
    """Of any format, dtype and number of channels, so that they make no batches."""
    rows = [row for row in ROWS if row["read"] == "ok" and not row["format"].startswith(("ome-zarr", "BROKEN"))]
    of_each = {(row["format"], row["axes"], row["dtype"]): IMAGES / row["file"] for row in rows}
    patching = {"name": "fixed_random", "patch_size": 200, "seed": 0}
    plan = tmp_path / "plan.parquet"
    patchplan.plan(list(of_each.values()), plan, patching=patching, z_as_samples=True, skip_broken=True)
    few = patchplan.open_plan(plan).specs()
    first = np.unique(few.data_idx, return_index=True)[1].tolist()
    dataset = PatchDataset(plan, with_index=True, pad_mode="reflect")
    assert len(first) > 20
    for patch, index in loader(dataset, 2, batch_size=None, sampler=first):
        spec = few[index]
        image = patchplan.open_plan(plan).open_image(spec["data_idx"])
        wanted = image.read(spec["sample_idx"], spec["coords"], spec["patch_size"], pad_mode="reflect")
        assert_same([patch], [wanted])


FRESH = """
import sys
from torch.utils.data import DataLoader
from patchplan.torch import FileBatchSampler, PatchDataset

def reader(patch):
    from patchplan.images.zarr import traffic
    return "tensorstore" in sys.modules and not traffic._forked

dataset = PatchDataset(sys.argv[1], transform=reader)
batches = DataLoader(dataset, batch_sampler=FileBatchSampler(dataset, 8), num_workers=2, multiprocessing_context="fork")
assert all(batch.all() for batch in batches)
assert "tensorstore" not in sys.modules
"""


def test_a_parent_that_reads_no_pixels_leaves_its_workers_the_faster_reader(tmp_path):
    plan = make_plan(tmp_path, STRATEGIES["tiled"], "zarr")
    subprocess.run([sys.executable, "-c", FRESH, plan], check=True)


def test_a_prediction_in_a_loader_is_stitched(tmp_path):
    plan = make_plan(tmp_path, STRATEGIES["tiled"])
    with patchplan.Stitcher(plan, tmp_path / "out", format="npy") as stitcher:
        for x, index in loader(PatchDataset(plan, with_index=True), 2):
            stitcher.add(index, x.numpy())
    for number in range(2):
        image = patchplan.open_image(tmp_path / f"{number}.tif")
        wanted = image.read(0, (0, 0), image.data_shape[2:])[0]
        assert np.array_equal(np.load(tmp_path / f"out/{number}.npy"), wanted)


def test_an_error_of_a_worker_names_the_file(tmp_path):
    plan = make_plan(tmp_path, STRATEGIES["tiled"])
    dataset = PatchDataset(plan)
    (tmp_path / "1.tif").write_bytes(b"II*\0")
    with pytest.raises(ImageError, match=r"image 1 is not as it was planned: .*1\.tif"):
        list(loader(dataset, 2))


def noise(patch: torch.Tensor) -> torch.Tensor:
    """Random numbers of each kind, in the place of an augmentation."""
    del patch
    return torch.tensor([torch.rand(1).item(), np.random.rand(), random.random()])


@pytest.fixture
def one_kind(tmp_path) -> Path:
    return make_plan(tmp_path, STRATEGIES["random"])


@pytest.mark.parametrize("workers", [1, 4])
def test_with_a_seed_random_transforms_are_the_same_with_any_workers(one_kind, workers):
    dataset = PatchDataset(one_kind, transform=noise, seed=1)
    first = torch.cat(list(loader(dataset)))
    assert torch.equal(torch.cat(list(loader(dataset, workers))), first)
    dataset.set_epoch(1)
    other = torch.cat(list(loader(dataset, workers)))
    numbers = torch.cat([first, other, torch.cat(list(loader(PatchDataset(one_kind, transform=noise, seed=2))))])
    assert len(numbers[: len(first)].unique(dim=0)) == len(first)
    assert len(numbers.unique(dim=0)) == len(numbers)


def test_a_seed_leaves_the_generators_as_they_were(one_kind):
    dataset = PatchDataset(one_kind, transform=noise, seed=1)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    wanted = noise(torch.empty(0))
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    _ = dataset[0], dataset[1]
    assert torch.equal(noise(torch.empty(0)), wanted)


def test_each_worker_and_epoch_has_random_numbers_of_its_own(one_kind):
    dataset = PatchDataset(one_kind, transform=noise)

    def drawn_in(epoch: int) -> torch.Tensor:
        dataset.set_epoch(epoch)
        generator = torch.Generator().manual_seed(0)
        return torch.cat(list(loader(dataset, 2, worker_init_fn=seed_worker, generator=generator)))

    first, second, again = drawn_in(0), drawn_in(1), drawn_in(0)
    assert torch.equal(first, again)
    numbers = torch.cat([first, second])
    for kind in range(3):
        assert len(numbers[:, kind].unique()) == len(numbers)


def test_seed_worker_is_for_workers():
    with pytest.raises(RuntimeError, match=r"seed_worker\(0\) is for DataLoader"):
        seed_worker(0)

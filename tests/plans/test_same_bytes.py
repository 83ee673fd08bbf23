"""Same inputs, same bytes, in any folder; and where a plan looks for its images."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from patchplan import api
from patchplan.patching.factory import STRATEGIES
from patchplan.plans.plan import open_plan
from tests.plans.making import SUFFIXES, files_of, make_image, make_plan

CONFIGS = {
    "fixed": "name: fixed\ntable: table.csv\n",
    "fixed_random": "name: fixed_random\npatch_size: [8, 8]\nseed: 3\n",
    "random": "name: random\npatch_size: 8\nseed: 340282366920938463463374607431768211455\n",
    "sequential": "axes: YX\npatching:\n  name: sequential\n  patch_size: 8\n  stride: 5\n",
    "stratified": "name: stratified\npatch_size: 8\nseed: 3\n",
    "tiled": "name: tiled\npatch_size: 8\nhalo: 2\nmultiple_of: 2\n",
    "whole": "name: whole\n",
}
TABLE = "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n0,0,1,2,8,8\n1,0,0,0,9,9\n"


def make_project(folder: Path) -> None:
    """Images of three formats, a config per strategy, and a table."""
    (folder / "images").mkdir(parents=True)
    make_image(folder / "images" / "a.npy", (40, 30))
    tifffile.imwrite(
        folder / "images" / "b.tif", np.zeros((32, 24), "u2"), resolution=(1e4, 1e4), metadata={"axes": "YX"}
    )
    zarr.create_array(folder / "images" / "c.zarr", shape=(20, 20), chunks=(8, 8), dtype="f4")
    (folder / "table.csv").write_text(TABLE)
    for name, text in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(text)


def plan_project(folder: Path, suffix: str) -> None:
    for name in CONFIGS:
        axes = None if name == "sequential" else "YX"
        epochs = 2 if name in ("random", "stratified") else None
        api.plan(
            folder / "images", folder / f"{name}{suffix}", config=folder / f"{name}.yaml", axes=axes, epochs=epochs
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_inputs_give_the_same_bytes_in_another_folder(tmp_path, monkeypatch, suffix):
    """Other folder, other depth, absolute or relative paths, any time: byte for byte the same files."""
    assert CONFIGS.keys() == STRATEGIES.keys()
    here, there = tmp_path / "here", tmp_path / "some" / "where else"
    make_project(here)
    there.parent.mkdir()
    shutil.copytree(here, there)
    plan_project(here, suffix)
    monkeypatch.chdir(there.parent)
    plan_project(Path("where else"), suffix)
    written = files_of(here)
    assert {f"{name}{suffix}" for name in CONFIGS} <= written.keys()
    assert ("tiled.csv.json" in written) == (suffix == ".csv")
    assert files_of(there) == written


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_paths_in_a_plan_are_relative_to_its_folder(tmp_path, suffix):
    (tmp_path / "images").mkdir()
    (tmp_path / "plans").mkdir()
    image = make_image(tmp_path / "images" / "a b.npy")
    api.plan(image, tmp_path / "plans" / f"p{suffix}", config={"name": "whole"})
    plan = open_plan(tmp_path / "plans" / f"p{suffix}")
    assert plan.images[0].uri == "../images/a b.npy"
    assert Path(str(plan.image_path(0))).samefile(image)


def test_root_makes_the_plan_independent_of_where_it_is_written(tmp_path):
    (tmp_path / "images" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    image = make_image(tmp_path / "images" / "sub" / "a.npy")
    for folder in (tmp_path, tmp_path / "elsewhere"):
        api.plan(image, folder / "p.json", config={"name": "whole"}, root=tmp_path / "images")
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "elsewhere" / "p.json").read_bytes()
    assert open_plan(tmp_path / "p.json").images[0].uri == "sub/a.npy"
    assert not open_plan(tmp_path / "p.json").image_path(0).exists()
    assert Path(str(open_plan(tmp_path / "p.json", root=tmp_path / "images").image_path(0))).samefile(image)


def test_root_says_where_moved_images_are_now(tmp_path):
    plan = make_plan(tmp_path, ".parquet")
    (tmp_path / "moved").mkdir()
    moved = (tmp_path / "a.npy").rename(tmp_path / "moved" / "a.npy")
    assert not open_plan(plan).image_path(0).exists()
    assert Path(str(open_plan(plan, tmp_path / "moved").image_path(0))).samefile(moved)


def test_a_plan_written_through_a_linked_folder_finds_its_images(tmp_path):
    (tmp_path / "a" / "deep" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "deep" / "folder", target_is_directory=True)
    image = make_image(tmp_path / "image.npy")
    api.plan(image, tmp_path / "link" / "p.json", config={"name": "whole"})
    assert Path(str(open_plan(tmp_path / "link" / "p.json").image_path(0))).samefile(image)

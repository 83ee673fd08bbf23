"""What workers find of patches is what threads find: the same plan."""

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import patchplan
from patchplan.cli.app import app
from patchplan.errors import ConfigError, ImageError

FILTERS = {
    "max": {"name": "max", "threshold": 180},
    "mean_std": {"name": "mean_std", "mean_threshold": 100, "std_threshold": 10},
    "shannon": {"name": "shannon", "threshold": 6.0},
    "mask": {"name": "mask", "masks": "masks", "coverage": 0.4},
    "a smaller mask": {"name": "mask", "masks": "small", "coverage": 0.4},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("filtered")
    rng = np.random.default_rng(3)
    for name in ("images", "masks", "small"):
        (found / name).mkdir()
    for number in range(2):
        pixels = rng.integers(0, 200 + 40 * number, (3, 150, 170), "u1")
        pixels[:, :70] //= 3
        tifffile.imwrite(found / "images" / f"{number}.tif", pixels, metadata={"axes": "ZYX"}, imagej=True)
        mask = (rng.random((3, 150, 170)) > 0.6).astype("u1")
        tifffile.imwrite(found / "masks" / f"{number}.tif", mask, metadata={"axes": "ZYX"}, imagej=True)
        small = np.ascontiguousarray(mask[:, ::2, ::2])
        tifffile.imwrite(found / "small" / f"{number}.tif", small, metadata={"axes": "ZYX"}, imagej=True)
    return found


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("strategy", [{"name": "tiled", "overlaps": 8}, {"name": "stratified", "seed": 1}])
def test_the_plan_is_that_of_threads(folder, client, tmp_path, name, strategy):
    given = {name: str(folder / value) if name == "masks" else value for name, value in FILTERS[name].items()}
    config = {"patching": {"patch_size": [32, 32], **strategy}, "filter": given}
    plans = []
    for number, options in enumerate([{}, {"scheduler": client}]):
        plans.append(tmp_path / f"{number}.csv")
        patchplan.plan(folder / "images", plans[-1], config=config, z_as_samples=True, root=folder, **options)
    assert plans[0].read_bytes() == plans[1].read_bytes()
    told = [json.loads(plan.with_name(f"{plan.name}.json").read_text()) for plan in plans]
    assert told[0] == told[1]


def test_from_the_command_line(folder, client, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("patching: {name: tiled, patch_size: 32}\nfilter: {name: max, threshold: 180}\n")
    plans = []
    for number, options in enumerate([(), ("--scheduler", client.scheduler.address)]):
        plans.append(tmp_path / f"{number}.csv")
        given = (folder / "images", "-c", config, "--z-as-samples", "--root", folder, "-o", plans[-1], *options)
        done = CliRunner().invoke(app, ["plan", *map(str, given)])
        assert done.exit_code == 0, done.output
    assert plans[0].read_bytes() == plans[1].read_bytes()


def test_an_image_that_breaks_is_named(folder, client, tmp_path):
    image = tmp_path / "broken.tif"
    tifffile.imwrite(image, np.arange(128 * 128, dtype="u2").reshape(128, 128), compression="zlib", tile=(64, 64))
    text = bytearray(image.read_bytes())
    with tifffile.TiffFile(image) as tif:
        start, count = tif.pages.first.dataoffsets[3], tif.pages.first.databytecounts[3]
    text[start : start + count] = bytes(count)
    image.write_bytes(text)
    config = {"patching": {"name": "tiled", "patch_size": 32}, "filter": FILTERS["max"]}
    with pytest.raises(ImageError, match=r"broken\.tif"):
        patchplan.plan(image, tmp_path / "p.csv", config=config, scheduler=client)
    assert not (tmp_path / "p.csv").exists()


def test_without_a_filter_there_is_nothing_to_do_for_workers(folder, tmp_path):
    with pytest.raises(ConfigError, match="--scheduler: workers read the pixels for a filter, and there is none"):
        patchplan.plan(
            folder / "images", tmp_path / "p.csv", config={"name": "whole"}, z_as_samples=True, scheduler="local"
        )

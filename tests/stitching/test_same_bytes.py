"""The same bytes for any number of workers, any memory, any order, stitched at once or tile by tile."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import ConfigError, PatchplanError
from tests.plans.making import files_of
from tests.stitching.making import write_folder, write_stack
from tests.stitching.oracle import stitch_slowly
from tests.stitching.test_blends import close

SETTINGS: dict[str, dict[str, Any]] = {
    "one worker": {"workers": 1},
    "two workers": {"workers": 2},
    "four workers": {"workers": 4},
    "the least memory": {"memory": "least", "workers": 1},
    "the least memory, four workers": {"memory": "least", "workers": 4},
    "much memory": {"memory": "4GB", "workers": 2},
}
OUTPUTS: dict[str, dict[str, Any]] = {
    "out.zarr": {"chunks": 32, "shards": 64},
    "plain.zarr": {"chunks": 48, "shards": "none"},
    "two.zarr": {"chunks": 32, "ngff": "0.4"},
    "out.ome.tif": {"chunks": 32},
    "out.npy": {},
}


def least_memory(plan: Any, tiles: Any, output: Path, **options: Any) -> str:
    """Return the least memory that is accepted, as the refusal of less says."""
    with pytest.raises(ConfigError, match=r"--memory: found .* at least (\S+)") as error:
        patchplan.stitch(plan, tiles, output, **{**options, "memory": "1KB"})
    amount = re.search(r"at least (\w+)", str(error.value))
    assert amount
    assert not list(output.parent.iterdir())
    return amount[1]


def content(path: Path) -> dict[str, bytes]:
    """All bytes of an output: a file, or all files of a store."""
    return files_of(path) if path.is_dir() else {"": path.read_bytes()}


@pytest.mark.parametrize("blend", ["crop", "gaussian", "max"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_workers_memory_and_kind_of_tiles_change_no_byte(case, tmp_path, name, blend):
    plan, tiles = case
    stack = write_stack(tmp_path / "tiles.zarr", list(tiles))
    folder = write_folder(tmp_path / "tiles", list(tiles))
    wanted: dict[str, bytes] = {}
    for number, options in enumerate(SETTINGS.values()):
        given = (tiles, stack, folder)[number % 3]
        output = tmp_path / str(number) / name
        output.parent.mkdir()
        chosen = {"blend": blend, **OUTPUTS[name], **options}
        if options.get("memory") == "least":
            chosen["memory"] = least_memory(plan, given, output, **chosen)
        patchplan.stitch(plan, given, output, **chosen)
        found = content(output)
        wanted = wanted or found
        assert found == wanted, list(SETTINGS)[number]


def test_what_is_the_same_is_also_right(case, tmp_path):
    plan, tiles = case
    patchplan.stitch(plan, tiles, tmp_path / "out.npy", blend="gaussian", memory="64MB", workers=3)
    found = np.load(tmp_path / "out.npy")
    close(found, stitch_slowly(plan, list(tiles), blend="gaussian")[0])


@pytest.mark.parametrize("blend", ["crop", "hann"])
def test_memory_below_the_minimum_is_refused_naming_it_and_the_minimum_works(case, tmp_path, blend):
    plan, tiles = case
    options: dict[str, Any] = {"chunks": 64, "shards": 128, "blend": blend}
    least = least_memory(plan, tiles, tmp_path / "out.zarr", **options)
    patchplan.stitch(plan, tiles, tmp_path / "out.zarr", memory=least, **options)


@pytest.mark.parametrize("memory", ["2 apples", "", "-1MB", "0", -5, 0, "nanGB"])
def test_memory_that_is_no_amount_is_refused(case, tmp_path, memory):
    plan, tiles = case
    with pytest.raises(PatchplanError, match=r"--memory: found .*allowed"):
        patchplan.stitch(plan, tiles, tmp_path / "out.zarr", memory=memory)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_that_are_no_number_are_refused(case, tmp_path, workers):
    plan, tiles = case
    with pytest.raises(PatchplanError, match=r"--workers: found .*allowed"):
        patchplan.stitch(plan, tiles, tmp_path / "out.zarr", workers=workers)

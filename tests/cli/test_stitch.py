"""`patchplan stitch` through its real entry point: what it writes, prints and says."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

import patchplan
from patchplan.plans.plan import Plan, open_plan
from tests.cli.running import listing, run
from tests.stitching.making import cut, grid, pixels_of, plan_pixels, same, write_folder, write_stack

KEYS = {"plan", "blend", "n_tiles", "outputs", "missing", "duplicate", "bad", "missing_output", "notes"}
OUTPUT_KEYS = {"data_idx", "uri", "shape", "axes", "dtype", "levels", "n_tiles", "filled"}


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """A folder with an image, a plan of 12 tiles, and its tiles as a stack, a folder, and all but three."""
    folder: Path = tmp_path_factory.mktemp("stitch")
    tiles = cut(plan := plan_pixels(folder, pixels_of((30, 40), "u2"), "YX", grid(13, 3)))
    write_stack(folder / "tiles.zarr", tiles)
    write_folder(folder / "tiles", tiles)
    write_folder(folder / "some", [None if k in (2, 5, 9) else tile for k, tile in enumerate(tiles)])
    write_folder(folder / "rest", [tile if k in (2, 5, 9) else None for k, tile in enumerate(tiles)])
    write_stack(folder / "floats.zarr", [np.repeat(tile.astype("f4") / 3, 3, 0) for tile in tiles])
    assert plan.n_patches == 12
    return folder


def open_case(case: Path) -> Plan:
    return open_plan(case / "plan.parquet")


@pytest.mark.parametrize("tiles", ["tiles.zarr", "tiles"])
def test_every_kind_of_output(case, tmp_path, tiles):
    pixels = pixels_of((30, 40), "u2")
    for name in ("out.npy", "out.zarr", "out.ome.tif", "out.tif"):
        code, out, err = run("stitch", "plan.parquet", tiles, "-o", tmp_path / name, cwd=case)
        assert (code, err) == (0, "")
        for shown in (name, "YX", "30 x 40", "uint16", "crop: 12 tiles, 1 image"):
            assert shown in out
    same(np.load(tmp_path / "out.npy"), pixels)
    array: Any = zarr.open_array(tmp_path / "out.zarr" / "0", mode="r")
    same(np.squeeze(array[...]), pixels)
    same(tifffile.imread(tmp_path / "out.ome.tif"), pixels)
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert tif.is_ome


def test_json_has_the_keys_of_the_design_and_is_all_of_stdout(case, tmp_path):
    code, out, err = run("stitch", "plan.parquet", "tiles", "-o", tmp_path / "out.npy", "--json", cwd=case)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert set(result) == KEYS
    assert set(result["outputs"][0]) == OUTPUT_KEYS
    expected = {"data_idx": 0, "uri": str(tmp_path / "out.npy"), "shape": [30, 40], "axes": "YX", "dtype": "uint16"}
    assert expected.items() <= result["outputs"][0].items()
    assert (result["n_tiles"], result["missing"], result["duplicate"], result["bad"]) == (12, [], [], [])
    assert (result["blend"], result["missing_output"]) == ("crop", None)


def test_options_of_pixels_and_chunks_reach_the_library(case, tmp_path):
    options = shlex.split("--reduce argmax --blend gaussian --labels --levels 2 --chunks 16 --shards none --json")
    code, out, err = run("stitch", "plan.parquet", "floats.zarr", "-o", tmp_path / "out.zarr", *options, cwd=case)
    assert code == 0, err
    (output,) = json.loads(out)["outputs"]
    assert (output["axes"], output["dtype"], output["levels"]) == ("YX", "uint8", 2)
    level: Any = zarr.open_array(tmp_path / "out.zarr" / "1", mode="r")
    assert (level.shape, level.chunks) == ((15, 20), (15, 16))


def test_options_of_tiles_and_running_reach_the_library(case, tmp_path):
    options = shlex.split("--dtype uint8 --fill-value 3 --margin 0 --scale 1,1 --memory 1GB --workers 2")
    options += ["--compression", "lzw"]
    code, _, err = run("stitch", "plan.parquet", "floats.zarr", "-o", tmp_path / "a.ome.tif", *options, cwd=case)
    assert code == 0, err
    assert "note: " in err
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert (tif.series[0].shape, tif.series[0].dtype) == ((3, 30, 40), np.dtype("u1"))
        assert tif.pages.first.compression == tifffile.COMPRESSION.LZW


def test_ngff_0_4_is_zarr_v2(case, tmp_path):
    assert run("stitch", "plan.parquet", "tiles", "-o", tmp_path / "out.zarr", "--ngff", "0.4", cwd=case).code == 0
    assert (tmp_path / "out.zarr" / ".zattrs").exists()
    assert run("stitch", "plan.parquet", "tiles", "-o", tmp_path / "new.zarr", cwd=case).code == 0
    assert (tmp_path / "new.zarr" / "zarr.json").exists()


def test_missing_tiles_exit_1_write_nothing_and_are_listed(case, tmp_path):
    code, out, err = run("stitch", "plan.parquet", "some", "-o", tmp_path / "out.zarr", cwd=case)
    assert (code, out) == (1, "")
    assert err.startswith("failed: ")
    assert "missing" in err
    assert "2, 5, 9" in err
    code, out, err = run("stitch", "plan.parquet", "some", "-o", tmp_path / "out.zarr", "--json", cwd=case)
    found = json.loads(out)
    assert code == 1
    assert (found["missing"], found["duplicate"], found["bad"], found["outputs"]) == ([2, 5, 9], [], [], [])
    assert found["n_tiles"] == 9
    assert set(found) == KEYS
    assert listing(tmp_path) == {}


def test_what_is_missing_can_be_run_again(case, tmp_path):
    args = ("stitch", "plan.parquet", "some", "-o", tmp_path / "out.npy")
    code, _, _ = run(*args, "--missing-output", tmp_path / "again.csv", cwd=case)
    assert code == 1
    assert list(open_plan(tmp_path / "again.csv").epoch().index) == [2, 5, 9]
    assert run(*args, "rest", cwd=case).code == 0
    same(np.load(tmp_path / "out.npy"), pixels_of((30, 40), "u2"))


def test_missing_tiles_may_be_allowed_and_are_said(case, tmp_path):
    args = ("stitch", "plan.parquet", "some", "-o", tmp_path / "out.npy", "--allow-missing", "--fill-value", "7")
    code, out, err = run(*args, cwd=case)
    assert code == 0
    assert "missing: 3 tiles: 2, 5, 9" in err
    found = np.load(tmp_path / "out.npy")
    assert 0 < (found != pixels_of((30, 40), "u2")).sum() <= (found == 7).sum()
    code, out, err = run(*args, "--overwrite", "--json", cwd=case)
    assert (code, json.loads(out)["missing"]) == (0, [2, 5, 9])


def test_check_reads_all_and_writes_nothing(case, tmp_path):
    before = listing(case)
    code, out, err = run("stitch", "plan.parquet", "tiles", "--check", cwd=case)
    assert (code, err) == (0, "")
    assert out == "12 tiles checked\n"
    code, out, err = run("stitch", "plan.parquet", "some", "rest", "tiles", "--check", "--json", cwd=case)
    assert code == 1
    found = json.loads(out)
    assert (found["duplicate"], found["outputs"]) == (list(range(12)), [])
    code, out, err = run("stitch", "plan.parquet", "some", "--check", "--quiet", cwd=case)
    assert (code, out) == (1, "")
    assert "failed: missing" in err
    assert run("stitch", "plan.parquet", "some", "--check", "--allow-missing", cwd=case).code == 0
    assert listing(case) == before


def test_a_later_re_run_may_replace_tiles(case, tmp_path):
    args = ("stitch", "plan.parquet", "tiles", "rest", "-o", tmp_path / "out.npy")
    assert run(*args, cwd=case).code == 1
    assert run(*args, "--later-wins", cwd=case).code == 0


def test_a_dry_run_tells_what_would_be_written(case, tmp_path):
    for args in ((), ("-o", tmp_path / "out.zarr")):
        code, out, err = run("stitch", "plan.parquet", "tiles", "--dry-run", *args, cwd=case)
        assert (code, err) == (0, "")
        for shown in ("YX", "30 x 40", "uint16", "12 tiles"):
            assert shown in out
        assert "dry run: nothing written" in out
    assert listing(tmp_path) == {}


def test_an_existing_output_stays_unless_it_may_be_replaced(case, tmp_path):
    for name in ("out.npy", "out.zarr", "out.ome.tif"):
        args = ("stitch", "plan.parquet", "tiles", "-o", tmp_path / name)
        patchplan.stitch(case / "plan.parquet", case / "tiles", tmp_path / name, allow_missing=True)
        before = listing(tmp_path)
        code, out, err = run(*args, cwd=case)
        assert (code, out) == (2, "")
        assert f"{name}: exists already; use --overwrite" in err
        assert listing(tmp_path) == before
        assert run(*args, "--overwrite", cwd=case).code == 0
        assert listing(tmp_path) == before, "the same bytes, and nothing beside them"


def test_quiet_is_silent_and_json_stays(case, tmp_path):
    args = (
        "stitch",
        "plan.parquet",
        "floats.zarr",
        "--dtype",
        "uint8",
        "-o",
        tmp_path / "out.npy",
        "--quiet",
        "--overwrite",
    )
    assert tuple(run(*args, cwd=case)) == (0, "", "")
    code, out, err = run(*args, "--json", cwd=case)
    assert (code, json.loads(out)["n_tiles"], err) == (0, 12, "")


def test_the_sources_need_not_be_at_hand(case, tmp_path):
    (tmp_path / "plan.parquet").write_bytes((case / "plan.parquet").read_bytes())
    code, _, err = run("stitch", "plan.parquet", case / "tiles", "-o", "out.ome.tif", cwd=tmp_path)
    assert code == 0, err
    same(tifffile.imread(tmp_path / "out.ome.tif"), pixels_of((30, 40), "u2"))


def test_one_epoch_of_several(tmp_path):
    patching = {"name": "random", "patch_size": 9, "seed": 4}
    plan = plan_pixels(tmp_path, pixels_of((31, 40)), "YX", patching, epochs=2)
    write_stack(tmp_path / "tiles.zarr", cut(plan, epoch=1))
    args = ("stitch", "plan.parquet", "tiles.zarr", "--blend", "max", "-o", "out.npy", "--json")
    code, out, err = run(*args, "--epoch", "1", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert json.loads(out)["n_tiles"] == plan.n_patches
    found = np.load(tmp_path / "out.npy")
    assert (found == pixels_of((31, 40))).sum() + json.loads(out)["outputs"][0]["filled"] >= found.size
    code, _, err = run(*args, "--epoch", "2", "--overwrite", cwd=tmp_path)
    assert code == 2
    assert "--epoch: found 2" in err

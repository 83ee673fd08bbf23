"""`patchplan inspect --cost` and splits as users run them: tables, JSON, the gate on leaks, bad input."""

import json
import re

import numpy as np
import pytest
import tifffile

from tests.cli.running import TILED, npy, run

COST_KEYS = {"pixels", "pixels_read", "bytes", "bytes_read", "n_counted", "sampled", "chunks_per_patch"}
ORDERS = {"plan_order", "morton_order"}


@pytest.fixture
def folder(tmp_path):
    """A tiled TIFF and a .npy with a plan of tiles; patches side by side, of two splits."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((128, 96), "u2"), tile=(32, 32), compression="zlib")
    npy(tmp_path / "b.npy", 40, 30)
    assert run("plan", "a.tif", "b.npy", *TILED, "-o", "tiles.parquet", cwd=tmp_path).code == 0
    split(tmp_path, "split.csv", ["train", "train", "val"])
    return tmp_path


def split(folder, name, names):
    """Write a plan of columns of b.npy of these splits."""
    header = "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split"
    rows = [f"0,0,0,{10 * i},40,10,{one}" for i, one in enumerate(names)]
    (folder / "table.csv").write_text("\n".join([header, *rows, ""]))
    made = run("plan", "b.npy", "--strategy", "fixed", "--table", "table.csv", "-o", name, cwd=folder)
    assert made.code == 0, made.err


def test_cost_is_told_per_image_and_in_total(folder):
    code, out, err = run("inspect", "tiles.parquet", "--cost", "--cache", "8KB", "--json", cwd=folder)
    assert (code, err) == (0, "")
    result = json.loads(out)
    tiff, plain = (image["cost"] for image in result["images"])
    for cost in (tiff, plain, result["total"]["cost"]):
        assert cost.keys() >= COST_KEYS | ORDERS
        assert cost["sampled"] is False
    assert (tiff["unit"], tiff["chunks"], tiff["chunk_bytes"], tiff["n_chunks"]) == ("chunk", [32, 32], 2048, 12)
    assert (plain["unit"], plain["chunks"], plain["plan_order"]["amplification"]) == ("pixel", None, 1)
    assert (tiff["bytes"], tiff["pixels"]) == (128 * 96 * 2, 128 * 96)
    order = tiff["plan_order"]
    assert (
        order["amplification"] == order["bytes"] / order["bytes_wanted"] == order["chunks"] * 2048 / tiff["bytes_read"]
    )
    total = result["total"]["cost"]
    assert total["cache"] == 8000
    assert total["stitch_memory"]["default"] == 2 * 10**9 > total["stitch_memory"]["least"] > 0


def test_cost_as_a_table(folder):
    code, out, err = run("inspect", "tiles.parquet", "--cost", "--cache", "8KB", cwd=folder)
    assert (code, err) == (0, "")
    assert re.search(r"a\.tif +32 x 32 +[\d.]+ \(max 4\) +[\d.]+ x +[\d.]+ x +[\d.]+ x", out)
    assert re.search(r"b\.npy +none, mapped +- +[\d.]+ x +1 x +1 x", out)
    assert "loaded through a cache of 8KB: " in out
    assert re.search(r"stitch: --memory at least about [\d.]+ [MG]B, by default 2 GB", out)
    assert "loaded" not in run("inspect", "tiles.parquet", cwd=folder).out


def test_the_cost_of_a_source_that_has_gone_follows_from_the_plan(folder):
    there = json.loads(run("inspect", "tiles.parquet", "--cost", "--json", cwd=folder).out)
    (folder / "a.tif").unlink()
    code, out, err = run("inspect", "tiles.parquet", "--cost", "--json", cwd=folder)
    there["images"][0]["cost"]["as_planned"] = True
    assert (code, json.loads(out)["images"]) == (0, there["images"])
    assert "warning: not found below .: image 0 (a.tif)" in err


def test_splits_and_their_context(folder):
    code, out, err = run("inspect", "split.csv", "--require-no-leak", "--json", cwd=folder)
    assert (code, err) == (0, "")
    splits = json.loads(out)["splits"]
    assert (splits["names"], splits["leaks"]) == (["train", "val"], [])
    assert splits["per_split"] == {"train": {"n_patches": 2, "pixels": 800}, "val": {"n_patches": 1, "pixels": 400}}
    assert "no pixel is in two splits" in run("inspect", "split.csv", cwd=folder).out
    code, out, err = run("inspect", "split.csv", "--require-no-leak", "--context", "0,2", "--json", cwd=folder)
    assert code == 1
    assert err == (
        "failed: leak: found 160 pixels in train and val, first at image 0 sample 0 [0:40, 18:22]; "
        "required: none (--require-no-leak)\n"
    )
    splits = json.loads(out)["splits"]
    box = {"data_idx": 0, "sample_idx": 0, "start": [0, 18], "stop": [40, 22]}
    assert splits["context"] == [0, 2]
    assert splits["leaks"] == [{"splits": ["train", "val"], "fold": None, "pixels": 160, "boxes": [box]}]
    out = run("inspect", "split.csv", "--context", "0,2", cwd=folder).out
    assert "leak: 160 pixels in train and val, context of 0 x 2 pixels counted in, first image 0 sample 0" in out
    assert json.loads(run("inspect", "tiles.parquet", "--json", cwd=folder).out)["splits"] is None


NO_SPLIT = "--context, --require-no-leak: tiles.parquet has no column split; allowed for plans that have one"
BAD = {
    "a cache without cost": (["tiles.parquet", "--cache", "1GB"], "--cache: allowed with --cost only"),
    "a cache of no size": (["tiles.parquet", "--cost", "--cache", "1XB"], "--cache: found '1XB'; allowed: 0, or a"),
    "a negative cache": (["tiles.parquet", "--cost", "--cache", "-1GB"], "--cache: found '-1GB'; allowed: 0, or a"),
    "leaks without splits": (["tiles.parquet", "--require-no-leak"], NO_SPLIT),
    "context without splits": (["tiles.parquet", "--context", "3"], NO_SPLIT),
    "a context of no number": (["split.csv", "--context", "x"], "--context: found 'x'; allowed"),
    "a negative context": (["split.csv", "--context", "-1"], "--context: Y is -1; allowed are 0"),
    "a context of too many axes": (["split.csv", "--context", "1,2,3"], r"--context \[1, 2, 3\] has 3 entries"),
    "a row of no split": (["none.csv"], "none.csv: column split has empty fields"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_exits_2_with_one_line(folder, case):
    split(folder, "none.csv", ["train", "", "val"])
    args, expected = BAD[case]
    code, out, err = run("inspect", *args, cwd=folder)
    assert (code, out) == (2, "")
    assert re.match(f"error: .*{expected}", err)
    assert len(err.splitlines()) == 1


def test_more_names_than_can_be_compared_are_said_and_not_fatal(folder):
    (folder / "table.csv").write_text(
        "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split\n"
        + "".join(f"0,0,{i},0,5,5,s{i}\n" for i in range(17))
    )
    made = run("plan", "b.npy", "--strategy", "fixed", "--table", "table.csv", "-o", "seventeen.csv", cwd=folder)
    assert made.code == 0
    code, out, err = run("inspect", "seventeen.csv", "--json", cwd=folder)
    assert (code, json.loads(out)["splits"]) == (0, None)
    assert "warning: column split has more than 16 names (s0, s1, s2, ...), which are not compared" in err

"""`patchplan export` as users run it: what is written and said, JSON, bad input, nothing half-written."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import OutputError, PatchplanError
from patchplan.plans.export import geojson
from tests.cli.running import listing, npy, run
from tests.plans.geojson_rules import read_valid

KEYS = ["out", "object_type", "kept", "n_features", "bytes", "images", "notes"]


@pytest.fixture
def folder(tmp_path):
    """A plan of one image, and one of two."""
    npy(tmp_path / "a.npy", 40, 30)
    npy(tmp_path / "b.npy", 20, 30)
    patchplan.plan(tmp_path / "a.npy", tmp_path / "one.csv", config={"name": "tiled", "patch_size": 16, "overlaps": 4})
    both = [tmp_path / "a.npy", tmp_path / "b.npy"]
    patchplan.plan(both, tmp_path / "two.parquet", config={"name": "random", "patch_size": 16, "seed": 1}, epochs=2)
    return tmp_path


def test_one_image_is_a_file(folder):
    code, out, err = run("export", "one.csv", "-o", "one.geojson", cwd=folder)
    size = (folder / "one.geojson").stat().st_size
    assert (code, err) == (0, "")
    assert out == f"9 patches of 1 image as tiles: {size / 1000:.1f} kB\nwrote one.geojson\n"
    features = read_valid(folder / "one.geojson")
    assert features[1]["geometry"]["coordinates"] == [[[12, 0], [28, 0], [28, 16], [12, 16], [12, 0]]]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((folder / "one.geojson").stat().st_mode) == 0o666 & ~umask
    kept = run("export", "one.csv", "-o", "kept.geojson", "--kept", "--object-type", "annotation", cwd=folder)
    assert kept.out.startswith("9 kept parts of 1 image as annotations")
    features = read_valid(folder / "kept.geojson")
    assert features[1]["geometry"]["coordinates"] == [[[14, 0], [26, 0], [26, 14], [14, 14], [14, 0]]]
    areas = [np.ptp(np.array(one["geometry"]["coordinates"][0]), axis=0).prod() for one in features]
    assert sum(areas) == 40 * 30, "the kept parts of tiles partition the image"
    assert tuple(run("export", "one.csv", "-o", "quiet.geojson", "--quiet", cwd=folder)) == (0, "", "")
    assert (folder / "quiet.geojson").read_bytes() == (folder / "one.geojson").read_bytes()


def test_several_images_are_a_folder_and_one_can_be_chosen(folder):
    code, out, err = run("export", "two.parquet", "-o", "out", cwd=folder)
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["a.npy: 6 patches", "b.npy: 4 patches"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.geojson", "b.geojson"]
    for data_idx, name in enumerate("ab"):
        args = ("export", "two.parquet", "-o", f"{name}.geojson", "--image", str(data_idx))
        assert run(*args, cwd=folder).code == 0
        assert (folder / f"{name}.geojson").read_bytes() == (folder / "out" / f"{name}.geojson").read_bytes()
    second = run("export", "two.parquet", "-o", "second.geojson", "--image", "0", "--epoch", "1", cwd=folder)
    assert second.code == 0
    features = read_valid(folder / "second.geojson")
    assert [one["properties"]["measurements"]["epoch"] for one in features] == [1] * 6
    assert features[0]["geometry"] != read_valid(folder / "a.geojson")[0]["geometry"]


def test_a_folder_is_replaced_whole_but_nothing_in_it_that_is_not_ours(folder):
    assert run("export", "two.parquet", "-o", "out", cwd=folder).code == 0
    code, _, err = run("export", "two.parquet", "-o", "out", cwd=folder)
    assert (code, "out: exists already; use --overwrite" in err) == (2, True)
    assert run("export", "two.parquet", "-o", "out", "--image", "1", "--overwrite", cwd=folder).code == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["b.geojson"]
    (folder / "out" / "mine.geojson").write_text("drawn by hand")
    before = listing(folder)
    code, _, err = run("export", "two.parquet", "-o", "out", "--overwrite", cwd=folder)
    assert (code, "mine.geojson" in err) == (2, True)
    assert listing(folder) == before


def test_splits_and_folds_are_chosen_and_coloured(folder):
    (folder / "table.csv").write_text(
        "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split,fold,weight\n"
        "0,0,0,0,8,8,train,0,0.5\n0,0,8,8,8,8,validation,0,1\n0,0,16,8,8,8,train,1,2\n"
    )
    run("plan", "a.npy", "--strategy", "fixed", "--table", "table.csv", "-o", "split.json", cwd=folder)
    run("export", "split.json", "-o", "all.geojson", cwd=folder)
    found = [one["properties"] for one in read_valid(folder / "all.geojson")]
    assert [one["classification"]["name"] for one in found] == ["train", "validation", "train"]
    assert found[0]["classification"] == found[2]["classification"] != found[1]["classification"]
    assert [(one["measurements"]["fold"], one["measurements"]["weight"]) for one in found] == [(0, 0.5), (0, 1), (1, 2)]
    assert run("export", "split.json", "-o", "f.geojson", "--split", "train", "--fold", "1", cwd=folder).code == 0
    assert [one["properties"]["name"] for one in read_valid(folder / "f.geojson")] == ["2"]
    code, _, err = run("export", "split.json", "-o", "no.geojson", "--split", "trian", cwd=folder)
    assert (code, err) == (2, "error: --split: found 'trian'; split.json has train, validation\n")


def test_json_is_all_of_stdout_and_a_dry_run_tells_the_same(folder):
    code, out, err = run("export", "one.csv", "-o", "one.geojson", "--json", cwd=folder)
    assert (code, err) == (0, "")
    written = json.loads(out)
    assert list(written) == KEYS
    assert list(written["images"][0]) == ["data_idx", "uri", "file", "n_features", "bytes"]
    before = listing(folder)
    dry = json.loads(run("export", "one.csv", "--dry-run", "--json", cwd=folder).out)
    assert listing(folder) == before
    assert dry["images"][0].pop("file") is None
    assert written["images"][0].pop("file") == "one.geojson"
    assert dry == written | {"out": None}
    assert run("export", "one.csv", "--dry-run", cwd=folder).out.endswith("dry run: nothing written\n")


BAD: dict[str, tuple[str, str | None, dict[str, Any], str]] = {
    "no output": ("one.csv", None, {}, r"^no output given: name it with -o FILE.geojson, or use --dry-run$"),
    "a file for two images": ("two.parquet", "x.geojson", {}, "two.parquet has 2 images, and a file takes one; choose"),
    "a plan's suffix": ("one.csv", "x.json", {}, "x.json: .json is a plan; allowed: .geojson, or a folder"),
    "no such image": ("two.parquet", "x", {"image": 2}, "--image: found 2; two.parquet has images 0 to 1"),
    "an image below 0": ("two.parquet", "x", {"image": -1}, "--image: found -1"),
    "half an image": ("two.parquet", "x", {"image": 0.5}, "--image: found 0.5"),
    "no tiles": ("two.parquet", "x", {"kept": True}, "--kept: two.parquet does not say what is kept"),
    "an unknown type": ("one.csv", "x", {"object_type": "cell"}, "--object-type: found 'cell'; allowed: tile, annot"),
    "no such epoch": ("one.csv", "x.geojson", {"epoch": 1}, "--epoch: found 1"),
    "no splits": ("one.csv", "x.geojson", {"split": "train"}, "one.csv has no column split"),
    "no plan": ("a.npy", "x.geojson", {}, "a.npy: found suffix '.npy'"),
    "a missing plan": ("no.csv", "x.geojson", {}, "no.csv: there is no such file"),
    "a folder that is not there": ("one.csv", "no/x.geojson", {}, "the folder no does not exist"),
    "a folder as a file": ("one.csv", "folder.geojson", {}, "folder.geojson: is a folder"),
    "a file as a folder": ("two.parquet", "a.npy", {}, "a.npy: is a file"),
    "a file that is there": ("one.csv", "there.geojson", {}, "there.geojson: exists already; use --overwrite"),
    "a dry run onto it": ("one.csv", "there.geojson", {"dry_run": True}, "there.geojson: exists already"),
    "a dry run onto a folder": ("two.parquet", ".", {"dry_run": True}, r"\.: is no name for an output"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_leaves_nothing(folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    (folder / "folder.geojson").mkdir()
    (folder / "there.geojson").write_text("mine")
    before = listing(folder)
    plan, out, options, message = BAD[name]
    with pytest.raises(PatchplanError, match=message):
        patchplan.export(plan, out, **options)
    assert listing(folder) == before


def test_bad_input_is_one_line_and_exit_code_2(folder):
    code, out, err = run("export", "two.parquet", "-o", "x.geojson", cwd=folder)
    assert (code, out) == (2, "")
    assert err == (
        "error: x.geojson: two.parquet has 2 images, and a file takes one; choose it with --image, or give a folder\n"
    )
    code, _, err = run("export", "one.csv", "-o", "x.geojson", "--object-type", "cell", cwd=folder)
    assert (code, "Invalid value for '--object-type'" in err) == (2, True)


def test_an_image_without_patches_has_nothing_to_export(folder):
    (folder / "table.csv").write_text("data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n0,0,0,0,8,8\n")
    run("plan", "a.npy", "b.npy", "--strategy", "fixed", "--table", "table.csv", "-o", "a.json", cwd=folder)
    code, _, err = run("export", "a.json", "-o", "x.geojson", "--image", "1", cwd=folder)
    assert (code, err) == (2, "error: a.json: has no such patches; nothing to export\n")
    assert not (folder / "x.geojson").exists()
    assert json.loads(run("export", "a.json", "-o", "x", "--json", cwd=folder).out)["images"][0]["data_idx"] == 0
    assert [path.name for path in (folder / "x").iterdir()] == ["a.geojson"]


def test_what_fails_on_the_way_leaves_what_was_there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    Path("there.geojson").write_text("mine")
    before = listing(folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(geojson.Features, "text", full)
    for out in ("there.geojson", "new"):
        with pytest.raises(OutputError, match=rf"{out}: cannot be written: No space left on device"):
            patchplan.export("one.csv", out, overwrite=True)
        assert listing(folder) == before
        assert not Path("new.partial").exists()

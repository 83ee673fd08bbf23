"""`patchplan extract` as users run it."""

import json
import re
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import patchplan
from patchplan.plans.plan import open_plan
from tests.cli.running import TILED, TOOL, environment, listing, run
from tests.extracting.making import assert_same, load, make_npy, make_zarr, one_by_one

OUTS = {"stack": ("out.zarr",), "array": ("out.npy",), "folder": ("out",), "tif": ("out", "--format", "tif")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images, masks for them, a plan of 72 tiles of 16 x 16, and plans of one image each."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "masks").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.txt").write_text("mine")
    for i in range(2):
        make_npy(folder / f"{i}.npy", (60 + 20 * i, 70), "u2", i)
        make_npy(folder / "masks" / f"{i}.npy", (60 + 20 * i, 70), "?", i)
    make_zarr(folder / "z.zarr", (40, 40), "u1", (20, 20))
    tiled = {"name": "tiled", "patch_size": 16, "overlaps": 4}
    patchplan.plan([folder / "0.npy", folder / "1.npy"], folder / "p.csv", patching=tiled)
    patchplan.plan(folder / "0.npy", folder / "one.csv", patching=tiled)
    patchplan.plan(folder / "z.zarr", folder / "z.csv", patching=tiled)
    random = {"name": "random", "patch_size": 8, "seed": 1}
    patchplan.plan(folder / "0.npy", folder / "r.parquet", patching=random, epochs=2)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of what is made."""
    copied: Path = shutil.copytree(made, tmp_path / "folder")
    return copied


def refused(folder: Path, *args: str | Path) -> str:
    """Run, expect one line and exit code 2, and nothing new in the folder."""
    before = listing(folder)
    done = run("extract", *args, cwd=folder)
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert listing(folder) == before
    return done.err


@pytest.mark.parametrize("kind", OUTS)
def test_each_kind_of_output(folder, kind):
    code, out, err = run("extract", "p.csv", "-o", *OUTS[kind], cwd=folder)
    assert (code, err) == (0, "")
    words = {"stack": "a stack", "array": "an array", "folder": "a folder of .npy", "tif": "a folder of .tif"}
    assert "72 patches of 1 x 16 x 16 (C Y X) uint16: 36.9 kB" in out
    assert f"wrote {OUTS[kind][0]}, {words[kind]}" in out
    assert_same(load(folder / OUTS[kind][0]), one_by_one(open_plan(folder / "p.csv")))


def test_a_store_for_predictions_says_that_it_is_room(folder):
    code, out, err = run(
        "extract", "p.csv", "--empty", "--channels-out", "2", "--dtype", "float32", "-o", "out.zarr", cwd=folder
    )
    assert (code, err) == (0, "")
    assert out == "room for 72 tiles of 2 x 16 x 16 (C Y X) float32: 147.5 kB\nwrote out.zarr, a stack\n"


def test_json_is_all_of_stdout_and_quiet_is_silent(folder):
    code, out, err = run("extract", "p.csv", "-o", "out.zarr", "--json", cwd=folder)
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "out": "out.zarr",
        "kind": "stack",
        "format": "zarr",
        "n_patches": 72,
        "shape": [1, 16, 16],
        "dtype": "uint16",
        "epoch": 0,
        "bytes": 72 * 512,
        "empty": False,
        "notes": [],
    }
    assert tuple(run("extract", "p.csv", "-o", "out.zarr", "--overwrite", "--quiet", cwd=folder)) == (0, "", "")


def test_a_dry_run_checks_and_writes_nothing(folder):
    before = listing(folder)
    code, out, err = run("extract", "p.csv", "--dry-run", cwd=folder)
    assert (code, err) == (0, "")
    assert "72 patches" in out
    assert "dry run: nothing written" in out
    code, out, _ = run("extract", "p.csv", "-o", "out.npy", "--dry-run", "--json", cwd=folder)
    result = json.loads(out)
    assert (code, result["out"], result["kind"], result["bytes"]) == (0, None, "array", 72 * 512)
    assert listing(folder) == before
    (folder / "0.npy").unlink()
    assert run("extract", "p.csv", "--dry-run", cwd=folder).code == 2


def test_other_images_channels_and_padding(folder):
    code, _, err = run("extract", "p.csv", "--from", "masks", "-o", "masks.npy", cwd=folder)
    assert (code, err) == (0, "")
    names = ("masks/0.npy", "masks/1.npy")
    code, _, err = run("extract", "p.csv", "--from", names[0], "--from", names[1], "-o", "again.npy", cwd=folder)
    assert (code, err) == (0, "")
    assert (folder / "masks.npy").read_bytes() == (folder / "again.npy").read_bytes()
    assert np.load(folder / "masks.npy").dtype == bool
    rgb = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    tifffile.imwrite(folder / "rgb.tif", rgb)
    args = ("--strategy", "sequential", "--patch-size", "64", "-o", "rgb.json")
    assert run("plan", "rgb.tif", *args, cwd=folder).code == 0
    args = ("--channels", "2,0", "--pad-mode", "reflect", "-o", "rgb.npy")
    assert run("extract", "rgb.json", *args, cwd=folder).code == 0
    wanted = np.pad(rgb, ((0, 24), (0, 14), (0, 0)), mode="reflect").transpose(2, 0, 1)[[2, 0]]
    assert np.array_equal(np.load(folder / "rgb.npy"), wanted[None])


def test_other_images_that_need_to_be_told_how_to_read_them(folder):
    group = zarr.open_group(folder / "labels.zarr", mode="w")
    for i in range(2):
        group.create_array(f"of{i}", shape=(60 + 20 * i, 70), chunks=(20, 20), dtype="u1")[...] = i + 1
    np.save(folder / "one.npy", np.zeros((2, 60, 70), "u1"))
    args = ("--from", "labels.zarr", "--array", "of0", "-o", "l.npy")
    code, _, err = run("extract", "one.csv", *args, cwd=folder)
    assert (code, err) == (0, "")
    assert (np.load(folder / "l.npy") == 1).all()
    assert "say what they are" in refused(folder, "one.csv", "--from", "one.npy", "-o", "m.npy")
    code, _, err = run("extract", "one.csv", "--from", "one.npy", "--axes", "CYX", "-o", "m.npy", cwd=folder)
    assert (code, err, np.load(folder / "m.npy").shape[1]) == (0, "", 2)


def test_epochs(folder):
    for epoch in ("0", "1"):
        assert run("extract", "r.parquet", "--epoch", epoch, "-o", f"{epoch}.zarr", cwd=folder).code == 0
        assert_same(load(folder / f"{epoch}.zarr"), one_by_one(open_plan(folder / "r.parquet"), epoch=int(epoch)))
    assert "has epochs 0 to 1" in refused(folder, "r.parquet", "--epoch", "2", "-o", "2.zarr")


def test_images_that_have_moved_or_changed(folder):
    (folder / "there").mkdir()
    (folder / "0.npy").rename(folder / "there" / "0.npy")
    shutil.copy(folder / "1.npy", folder / "there" / "1.npy")
    err = refused(folder, "p.csv", "-o", "out.zarr")
    assert "image 0: 0.npy: no such file; if the images have moved, say with --root" in err
    code, _, err = run("extract", "p.csv", "--root", "there", "-o", "out.zarr", cwd=folder)
    assert (code, err) == (0, "")
    make_npy(folder / "there" / "1.npy", (80, 71), "u2")
    err = refused(folder, "p.csv", "--root", "there", "-o", "out.npy")
    assert "image 1 is not as it was planned: " in err
    assert "recorded was YX (80, 70) uint16" in err
    (folder / "there" / "1.npy").unlink()
    with (folder / "there" / "1.npy").open("wb") as file:
        np.lib.format.write_array(file, np.zeros((80, 70), "u2"), version=(2, 0))
    code, _, err = run("extract", "p.csv", "--root", "there", "-o", "out.npy", cwd=folder)
    assert code == 0
    assert err == "warning: changed since it was planned, with the same axes, shape and dtype: image 1 (1.npy)\n"


REFUSALS = {
    "no output": (("p.csv",), "no output given"),
    "no plan": (("0.npy", "-o", "out.zarr"), "found suffix '.npy'"),
    "missing plan": (("none.csv", "-o", "out.zarr"), "there is no such file"),
    "epoch": (("p.csv", "--epoch", "1", "-o", "out"), "--epoch: found 1"),
    "format of a stack": (("p.csv", "--format", "tif", "-o", "out.zarr"), "--format tif: allowed for a folder"),
    "channel": (("p.csv", "--channels", "1", "-o", "out"), "--channels: found 1; image 0 (0.npy) has channels 0 to 0"),
    "channels": (("p.csv", "--channels", "a", "-o", "out"), "--channels: found 'a'; allowed: numbers from 0"),
    "memory": (("p.csv", "--memory", "lots", "-o", "out"), "--memory: found 'lots'"),
    "little memory": (("p.csv", "--memory", "1KB", "-o", "out"), "MB are needed"),
    "workers": (("p.csv", "--workers", "0", "-o", "out"), "--workers: found 0"),
    "folder": (("p.csv", "-o", "none/out"), "the folder none does not exist"),
    "too few": (
        ("p.csv", "--from", "masks/0.npy", "-o", "out"),
        "--from: found 1 for the 2 of p.csv; allowed: an image for each",
    ),
    "shape": (
        ("p.csv", "--from", "1.npy", "--from", "0.npy", "-o", "out"),
        "--from: 1.npy (S 1, Y 80, X 70) does not fit image 0 of the plan, 0.npy (S 1, Y 60, X 70)",
    ),
    "missing": (("p.csv", "--from", "nowhere", "-o", "out"), "nowhere: no such file or folder"),
    "axes alone": (("p.csv", "--axes", "YX", "-o", "out"), "--axes: allowed with --from only"),
    "dtype alone": (("p.csv", "--dtype", "u1", "-o", "out"), "allowed with --empty only"),
    "empty folder": (("p.csv", "--empty", "--channels-out", "1", "--dtype", "u1", "-o", "out"), "must end in .zarr"),
    "empty of images": (("p.csv", "--empty", "--from", "masks", "-o", "out.zarr"), "--from: not allowed with --empty"),
    "empty and resume": (
        ("p.csv", "--empty", "--channels-out", "1", "--dtype", "u1", "-o", "out.zarr", "--resume"),
        "--resume: not allowed with --empty, which writes no patch",
    ),
    "existing, to go on with": (("p.csv", "-o", "masks", "--resume"), "masks: exists already, and does not tell"),
    "empty of what": (("p.csv", "--empty", "-o", "out.zarr"), "needs --channels-out C and --dtype"),
    "existing": (("p.csv", "-o", "masks"), "masks: exists already"),
    "other files": (("p.csv", "-o", "notes", "--overwrite"), "notes.txt in it is no part of such an output"),
    "the masks": (("p.csv", "--from", "masks", "-o", "masks", "--overwrite"), "is read for this and would be lost"),
    "an image": (("one.csv", "-o", "0.npy", "--overwrite"), "0.npy is read for this and would be lost"),
    "in an image": (("z.csv", "-o", "z.zarr/out"), "lies inside the Zarr store"),
    "an image's store": (("z.csv", "-o", "z.zarr", "--overwrite"), "no part of such an output"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_refused(folder, name):
    args, words = REFUSALS[name]
    assert words in refused(folder, *args)


@pytest.mark.parametrize("kind", OUTS)
def test_an_output_is_replaced_only_when_asked(folder, kind):
    args = ("extract", "p.csv", "-o", *OUTS[kind])
    assert run(*args, cwd=folder).code == 0
    first = listing(folder)
    assert "exists already; use --overwrite" in refused(folder, *args[1:])
    make_npy(folder / "0.npy", (60, 70), "u2", 7)
    make_npy(folder / "1.npy", (80, 70), "u2", 8)
    assert run(*args, "--overwrite", cwd=folder).code == 0
    assert listing(folder).keys() == first.keys()
    assert_same(load(folder / OUTS[kind][0]), one_by_one(open_plan(folder / "p.csv")))


@pytest.mark.parametrize("kind", OUTS)
def test_a_disk_that_runs_full_harms_nothing(tmp_path, kind):
    """Files of at most 20 kB are allowed, patches are larger."""
    make_npy(tmp_path / "a.npy", (300, 300), "u2")
    code, _, _ = run("plan", "a.npy", "--strategy", "tiled", "--patch-size", "128", "-o", "p.csv", cwd=tmp_path)
    assert code == 0
    args = ["extract", "p.csv", "-o", *OUTS[kind], "--overwrite"]
    assert run(*args, cwd=tmp_path).code == 0
    before = listing(tmp_path)
    done = subprocess.run(
        [*TOOL, *args],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"error: {OUTS[kind][0]}: cannot be written: (\S+: )?File too large\n", done.stderr)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("kind", OUTS)
def test_an_image_that_is_broken_midway_leaves_nothing(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 255, (256, 64), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, rowsperstrip=16, compression="zlib")
    assert run("plan", "a.tif", *TILED, "-o", "p.csv", cwd=tmp_path).code == 0
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        offset = tif.pages.first.dataoffsets[12]
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(offset)
        file.write(b"broken" * 10)
    err = refused(tmp_path, "p.csv", "-o", *OUTS[kind])
    assert "a.tif: cannot be read" in err


def test_checksums(folder):
    code, _, err = run("extract", "p.csv", "-o", "out.zarr", "--checksums", cwd=folder)
    assert (code, err) == (0, "")
    assert run("verify", "out.zarr", cwd=folder).code == 0
    lines = (folder / "out.zarr.sha256").read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == sorted(
        name for name in listing(folder) if name.startswith("out.zarr/")
    )

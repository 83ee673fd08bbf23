"""Bad input: a message of its own, exit code 2, no traceback, nothing written."""

import os
import re
import resource
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import TILED, TOOL, environment, listing, npy, run

CONFIGS = {
    "no-yaml.yaml": "a: b: c",
    "key.yaml": "name: tiled\npatch_sise: 16\n",
    "type.yaml": "name: tiled\npatch_size: '16'\n",
    "tie.yaml": "name: tiled\npatch_size: 16\noverlaps: 2\nstride: 4\n",
}
BAD = {
    "config-no-yaml": (
        ("a.npy", "-c", "no-yaml.yaml"),
        r"no-yaml\.yaml: no valid YAML: mapping values are not allowed",
    ),
    "config-wrong-key": (
        ("a.npy", "-c", "key.yaml"),
        r"key\.yaml, line 2: patch_sise: unknown key \(did you mean patch_size\?\)",
    ),
    "config-wrong-type": (
        ("a.npy", "-c", "type.yaml"),
        r"type\.yaml, line 2: patch_size: found '16'; allowed: a whole number",
    ),
    "config-contradiction": (("a.npy", "-c", "tie.yaml"), r"tie\.yaml.*: found overlaps and stride; allowed: one of"),
    "config-missing": (("a.npy", "-c", "no.yaml"), r"no\.yaml: cannot be read: No such file"),
    "config-is-an-image": (("a.npy", "-c", "a.npy"), r"a\.npy: no valid YAML"),
    "no-strategy": (("a.npy",), r"no strategy given; allowed: fixed, .*--strategy"),
    "no-patch-size": (("a.npy", "--strategy", "tiled"), r"--patch-size: missing, but needed"),
    "dims-3-on-2d": (("a.npy", "--strategy", "tiled", "--patch-size", "4,16,16"), r"a\.npy: .*3"),
    "dims-2-on-3d": (
        ("volume.ome.tif", "--strategy", "tiled", "--patch-size", "16,16"),
        r"volume\.ome\.tif: .*--z-as-samples",
    ),
    "dims-mixed": (
        ("a.npy", "volume.ome.tif", "--strategy", "tiled", "--patch-size", "4"),
        r"a\.npy.*2-D, .*volume\.ome\.tif.*3-D",
    ),
    "dims-unknown": (("stack.npy", *TILED), r"stack\.npy: .*--axes"),
    "size-word": (
        ("a.npy", "--strategy", "tiled", "--patch-size", "16x16"),
        r"--patch-size: found '16x16'; allowed: 64 \(all axes\)",
    ),
    "size-zero": (
        ("a.npy", "--strategy", "tiled", "--patch-size", "0"),
        r"--patch-size: found 0; allowed: a whole number from 1",
    ),
    "overlap-too-large": (
        ("a.npy", "--strategy", "tiled", "--patch-size", "16", "--overlaps", "16"),
        r"overlaps: Y is 16; allowed are 0 to 15",
    ),
    "halo-and-stride": (
        ("a.npy", *TILED[:4], "--halo", "2", "--stride", "4"),
        r"found halo and stride; allowed: one of",
    ),
    "negative-seed": (
        ("a.npy", "--strategy", "random", "--patch-size", "16", "--seed", "-1"),
        r"--seed: found -1; allowed: a whole number from 0",
    ),
    "small-stratified": (
        ("small.npy", "--strategy", "stratified", "--patch-size", "16"),
        r"image 0 \(small\.npy\): Y is 9, smaller than .*--skip-small",
    ),
    "epochs-of-tiled": (
        ("a.npy", *TILED, "--epochs", "2"),
        r"--epochs: tiled gives the same patches each epoch; allowed for random",
    ),
    "no-rows-of-random": (
        ("a.npy", "--strategy", "random", "--patch-size", "16", "--no-rows"),
        r"--no-rows: random plans need their rows",
    ),
    "missing-file": (("nowhere.tif", *TILED), r"nowhere\.tif: no such file or folder"),
    "missing-glob": (("*.bmp", *TILED), r"\*\.bmp: this pattern matches no file"),
    "empty-folder": (("empty", *TILED), r"empty: no images in this folder; known suffixes are"),
    "plan-as-image": (("earlier.json", *TILED), r"earlier\.json: is a plan or table, not an image"),
    "text-as-image": (("notes.txt", *TILED), r"notes\.txt: unknown kind of file"),
    "broken-image": (("a.npy", "broken.tif", *TILED), r"broken\.tif: "),
    "all-broken": (("broken.tif", *TILED, "--skip-broken"), r"broken\.tif: "),
    "missing-table": (("a.npy", "--strategy", "fixed", "--table", "no.csv"), r"no\.csv: there is no such file"),
    "no-such-series": (("series.tif", *TILED, "--series", "9"), r"series\.tif: .*9"),
    "no-such-level": (("pyramid.tif", *TILED, "--level", "9"), r"pyramid\.tif: .*9"),
    "no-such-array": (("group.zarr", *TILED, "--array", "middle"), r"group\.zarr: .*middle"),
    "series-of-npy": (("a.npy", *TILED, "--series", "1"), r"a\.npy: --series 1 does not apply to npy"),
    "wrong-axes": (("a.npy", *TILED, "--axes", "ZYX"), r"a\.npy: .*ZYX"),
}
BAD_OUTPUTS = {
    "none": ((), r"no output given: name a plan with -o PLAN"),
    "exists": (("-o", "earlier.json"), r"earlier\.json: exists already; use --overwrite"),
    "suffix": (("-o", "p.txt"), r"p\.txt: found suffix '\.txt'; allowed: \.parquet, \.csv, \.json"),
    "folder": (("-o", "empty.csv", "--overwrite"), r"empty\.csv: is a folder; give the name of a file"),
    "no-folder": (("-o", "no/p.csv"), r"no/p\.csv: the folder no does not exist"),
    "unknown-option": (("-o", "p.csv", "--overlap", "3"), r"No such option: --overlap"),
    "unknown-strategy": (("-o", "p.csv", "--strategy", "tilde"), r"Invalid value for '--strategy'"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, inputs) -> Path:
    """A copy of the inputs with more that is bad: nothing may be written into it."""
    import shutil

    folder: Path = tmp_path_factory.mktemp("bad") / "here"
    shutil.copytree(inputs, folder)
    for name, text in CONFIGS.items():
        (folder / name).write_text(text)
    (folder / "earlier.json").write_text('{"header": {}, "specs": []}')
    (folder / "empty").mkdir()
    (folder / "empty.csv").mkdir()
    return folder


def refused(folder: Path, *args: str) -> str:
    """Run the tool on bad input and return what it says."""
    before = listing(folder)
    done = run("plan", *args, cwd=folder)
    assert (done.code, done.out) == (2, ""), done.err
    assert listing(folder) == before
    return done.err


@pytest.mark.parametrize("name", BAD)
def test_bad_input(folder, name):
    args, message = BAD[name]
    err = refused(folder, *args, "-o", "p.parquet")
    assert re.search(rf"^error: .*{message}", err, re.MULTILINE), err
    assert all(line.startswith("error: ") for line in err.splitlines())


@pytest.mark.parametrize("name", BAD_OUTPUTS)
def test_bad_output(folder, name):
    args, message = BAD_OUTPUTS[name]
    err = refused(folder, "a.npy", *TILED, *args)
    assert re.search(message, err), err


@pytest.mark.parametrize("end", [".parquet", ".csv", ".json"])
def test_a_full_disk(inputs, tmp_path, end):
    """No file may grow beyond 4096 bytes, as on a disk with no room."""
    command = [*TOOL, "plan", inputs / "a.npy", "--strategy", "tiled", "--patch-size", "2", "-o", f"p{end}"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(rf"^error: p{end}: cannot be written: .*[Ff]ile too large$", done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_a_read_only_folder(inputs, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    if os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("root writes everywhere")
    code, _, err = run("plan", inputs / "a.npy", *TILED, "-o", "locked/p.csv", cwd=tmp_path)
    assert code == 2
    assert "locked/p.csv: cannot be written: Permission denied" in err


CLAIM = (
    '{"zarr_format":3,"node_type":"array","shape":[4611686018427387904,4611686018427387904],"data_type":"uint8",'
    '"chunk_grid":{"name":"regular","configuration":{"chunk_shape":[64,64]}},"chunk_key_encoding":{"name":"default"},'
    '"fill_value":0,"codecs":[{"name":"bytes"}]}'
)


@pytest.mark.parametrize("strategy", ["tiled", "sequential", "random", "fixed_random", "stratified"])
def test_a_small_file_that_claims_more_patches_than_int64_counts(tmp_path, strategy):
    (tmp_path / "claim.zarr").mkdir()
    (tmp_path / "claim.zarr" / "zarr.json").write_text(CLAIM)
    args = ("plan", "claim.zarr", "--strategy", strategy, "--patch-size", "1", "-o", "p.parquet")
    code, _, err = run(*args, cwd=tmp_path)
    assert code == 2
    assert err.startswith("error: ")
    assert {path.name for path in tmp_path.iterdir()} == {"claim.zarr"}


def test_an_empty_path_is_no_folder(inputs):
    assert "no such file or folder" in refused(inputs, "", *TILED, "--dry-run", "--skip-broken", "--axes", "YX")


def test_many_broken_images_are_named_but_not_endlessly(tmp_path):
    npy(tmp_path / "a.npy", 20, 20)
    for i in range(30):
        (tmp_path / f"broken{i:02}.tif").write_bytes(b"II*\0")
    code, _, err = run("plan", ".", *TILED, "--dry-run", cwd=tmp_path)
    assert code == 2
    assert "30 of 31 images cannot be opened: broken00.tif: " in err
    assert "and 20 more" in err

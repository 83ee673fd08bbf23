"""`patchplan extract` stopped by a signal, or by an image that breaks, and gone on with."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.running import environment, listing, run
from tests.extracting.making import ENDS, assert_same, load, make_npy

ALREADY = "is there already, of this plan and these options: nothing is left to do"


def refused(folder: Path, *args: str) -> str:
    """Run, expect one line and exit code 2, and nothing new in the folder."""
    before = listing(folder)
    done = run("extract", *args, cwd=folder)
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.count("\n") == 1
    assert listing(folder) == before
    return done.err


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """An image, and a plan of 10,000 tiles, so three batches."""
    make_npy(tmp_path / "a.npy", (800, 800), "u1")
    args = ("--strategy", "sequential", "--patch-size", "8", "--no-rows", "-o", "p.json")
    assert run("plan", "a.npy", *args, cwd=tmp_path).code == 0
    return tmp_path


def stop(folder: Path, how: signal.Signals, *args: str) -> subprocess.CompletedProcess[str]:
    """Extract with one worker, and send a signal when the first batch is noted."""
    command = [sys.executable, "-m", "tests.extracting.stopping", str(int(how)), "1", "extract", *args]
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [*command, "--workers", "1"],
        cwd=folder,
        env=environment(PYTHONPATH=root),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("kind", "how"),
    [("stack", signal.SIGINT), ("array", signal.SIGTERM), ("stack", signal.SIGKILL)],
)
def test_stopped_and_gone_on_with(begun, kind, how):
    """It says how to go on; a second time there is nothing left to do."""
    args = ("p.json", "-o", ENDS[kind])
    out = ENDS[kind]
    assert run("extract", *args, cwd=begun).code == 0
    wanted = listing(begun)
    shutil.rmtree(begun / out) if (begun / out).is_dir() else (begun / out).unlink()
    done = stop(begun, how, *args)
    assert {path.name for path in begun.iterdir()} == {"a.npy", "p.json", f"{out}.partial"}
    advice = f"what is done stays in {out}.partial: use --resume to go on, or --overwrite to begin anew"
    if how is signal.SIGKILL:
        assert done.returncode == -how
    else:
        assert (done.returncode, done.stdout, done.stderr) == (130, "", f"interrupted: {advice}\n")
    left = run("extract", *args, cwd=begun)
    assert (left.code, left.out) == (2, "")
    assert f"{out}.partial: is left from a run that was stopped; use --resume" in left.err
    code, said, err = run("extract", *args, "--resume", cwd=begun)
    assert (code, err) == (0, "")
    assert f"wrote {out}" in said
    assert listing(begun) == wanted
    code, _, err = run("extract", *args, "--resume", cwd=begun)
    if kind == "stack":
        assert (code, err) == (0, f"warning: {out} {ALREADY}\n")
    else:
        assert (code, err.split(": ")[:2]) == (2, ["error", out])
    assert listing(begun) == wanted


def test_what_is_not_the_same_is_not_gone_on_with(begun):
    assert stop(begun, signal.SIGINT, "p.json", "-o", "out.npy").returncode == 130
    before = listing(begun)
    err = refused(begun, "p.json", "-o", "out.npy", "--resume", "--pad-mode", "edge")
    assert "out.npy.partial: was begun with --pad-mode constant, and now it is edge" in err
    make_npy(begun / "a.npy", (800, 800), "u1", 1)
    err = refused(begun, "p.json", "-o", "out.npy", "--resume")
    assert "out.npy.partial: image 0 (a.npy) has changed since the run began" in err
    code, _, err = run("extract", "p.json", "-o", "out.npy", "--overwrite", cwd=begun)
    assert (code, err) == (0, "")
    assert not {name for name in before if "partial" in name} & listing(begun).keys()


def test_an_image_that_breaks_midway_leaves_what_was_done(begun):
    """The image is whole again, and the run goes on."""
    pixels = np.load(begun / "a.npy")
    tifffile.imwrite(begun / "a.tif", pixels, rowsperstrip=16, compression="zlib")
    args = ("--strategy", "sequential", "--patch-size", "8", "-o", "p.csv")
    assert run("plan", "a.tif", *args, cwd=begun).code == 0
    with tifffile.TiffFile(begun / "a.tif") as tif:
        offset = tif.pages.first.dataoffsets[-1]
    whole, found = (begun / "a.tif").read_bytes(), (begun / "a.tif").stat()
    (begun / "a.tif").write_bytes(whole[:offset] + b"broken" * 10 + whole[offset + 60 :])
    os.utime(begun / "a.tif", ns=(0, found.st_mtime_ns))
    code, out, err = run("extract", "p.csv", "-o", "out.zarr", "--workers", "1", cwd=begun)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: a\.tif: cannot be read.*\nnote: what is done stays in out\.zarr\.partial.*\n", err)
    (begun / "a.tif").write_bytes(whole)
    os.utime(begun / "a.tif", ns=(0, found.st_mtime_ns))
    assert tuple(run("extract", "p.csv", "-o", "out.zarr", "--resume", "--quiet", cwd=begun)) == (0, "", "")
    assert_same(load(begun / "out.zarr"), list(pixels.reshape(100, 8, 100, 8).swapaxes(1, 2).reshape(-1, 1, 8, 8)))

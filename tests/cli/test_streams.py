"""Data on stdout, talk on stderr, nothing where it was asked for; no escape codes in pipes."""

import json
import os
import pty
import subprocess

import pytest

from tests.cli.running import TILED, TOOL, environment, run

PLAN_KEYS = ["plan", "n_patches", "images", "resolved"]
OURS = ["strategy", "n_rows", "seed", "epochs", "splits", "chosen", "skipped", "notes"]
IMAGE_KEYS = ["data_idx", "uri", "axes", "shape", "dtype", "data_shape", "n_patches"]


def test_json_has_the_keys_of_the_design_and_is_all_of_stdout(inputs, tmp_path):
    code, out, err = run("plan", "a.npy", "small.npy", *TILED, "-o", tmp_path / "p.csv", "--json", cwd=inputs)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert sorted(result) == sorted(PLAN_KEYS + OURS)
    assert result["images"] == [
        dict(zip(IMAGE_KEYS, (0, "a.npy", "YX", [100, 80], "uint8", [1, 1, 100, 80], 56), strict=True)),
        dict(zip(IMAGE_KEYS, (1, "small.npy", "YX", [9, 9], "uint8", [1, 1, 9, 9], 1), strict=True)),
    ]
    halo = [[2, 2], [2, 2]]
    assert result["resolved"] == {"patch_size": [16, 16], "overlaps": [4, 4], "stride": [12, 12], "halo": halo}
    assert (result["plan"], result["n_patches"]) == (str(tmp_path / "p.csv"), 57)


def test_talk_is_on_stderr_and_json_stays_whole_beside_it(inputs):
    args = ("plan", "stack.npy", "broken.tif", *TILED, "--axes", "QYX", "--skip-broken", "--dry-run")
    code, out, err = run(*args, "--json", cwd=inputs)
    assert code == 0
    result = json.loads(out)
    assert "warning: left out: broken.tif: " in err
    assert [f"note: {note}" for note in result["notes"]] == [
        line for line in err.splitlines() if line.startswith("note: ")
    ]
    code, out, err = run(*args, cwd=inputs)
    assert "left out" not in out
    assert "warning: left out: broken.tif: " in err


def test_quiet_is_silent(inputs, tmp_path):
    args = ("plan", "a.npy", "broken.tif", *TILED, "--skip-broken", "--quiet")
    assert run(*args, "-o", tmp_path / "p.csv", cwd=inputs) == run(*args, "--dry-run", cwd=inputs)
    assert tuple(run(*args, "--dry-run", cwd=inputs)) == (0, "", "")
    assert (tmp_path / "p.csv").stat().st_size > 0
    code, out, err = run(*args, "--dry-run", "--json", cwd=inputs)
    assert (code, json.loads(out)["n_patches"], err) == (0, 56, "")
    code, out, err = run("plan", "nowhere.tif", *TILED, "--quiet", "--dry-run", cwd=inputs)
    assert (code, out, err) == (2, "", "error: nowhere.tif: no such file or folder\n")


def test_the_summary_names_images_counts_sizes_seed_and_plan(inputs, tmp_path):
    args = ("plan", "folder", "--strategy", "random", "--patch-size", "8", "--seed", "12", "--epochs", "2")
    code, out, err = run(*args, "-o", tmp_path / "p.csv", cwd=inputs)
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    for shown in (
        "folder/b.npy",
        "folder/deep/c.npy",
        "random: 20 patches in 2 images x 2 epochs = 40 rows",
        "seed 12",
    ):
        assert shown in words
    assert f"wrote {tmp_path / 'p.csv'}" in out


def test_a_terminal_gets_colours_on_stderr_and_stdout_stays_data(inputs):
    """The same run with stderr on a terminal: bars and colours there, JSON untouched."""
    ours, theirs = pty.openpty()
    command = [*TOOL, "plan", "a.npy", "broken.tif", *TILED, "--skip-broken", "--dry-run", "--json"]
    done = subprocess.run(
        command, cwd=inputs, env=environment(), stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True
    )
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "\x1b[" in seen
    assert "left out" in seen
    assert json.loads(done.stdout)["n_patches"] == 56


@pytest.mark.parametrize(
    "args", [("schema",), ("plan", "a.npy", *TILED, "--dry-run", "--json")], ids=["schema", "json"]
)
def test_a_reader_that_goes_away_gets_no_traceback(inputs, args):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [*TOOL, *args], cwd=inputs, env=environment(), stdout=theirs, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(theirs)
    assert done.stderr == b""
    assert done.returncode != 1, "1 says that a check failed"


def test_a_reader_that_goes_away_before_a_table_is_no_failed_check(inputs):
    test_a_reader_that_goes_away_gets_no_traceback(inputs, ("plan", "a.npy", *TILED, "--dry-run"))


def test_a_stdout_on_a_full_disk_is_an_error_and_no_traceback(inputs):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [*TOOL, "schema"],
            cwd=inputs,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"No space left on device" in done.stderr

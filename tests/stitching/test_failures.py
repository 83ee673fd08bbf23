"""A full disk, a kill, an interrupt midway: the old output stays, nothing half-written stands under its name."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import OutputError
from patchplan.plans.plan import Plan
from tests.cli.running import TOOL, environment
from tests.plans.making import files_of
from tests.stitching.making import Array, grid, pixels_of, plan_pixels, write_stack

OUTPUTS = ("out.zarr", "out.ome.tif", "out.npy")
CHUNKS = ("--chunks", "64", "--shards", "none")


def options_of(output: str) -> tuple[str, ...]:
    """Small chunks, so that there is a midway; .npy has none."""
    return {"out.zarr": CHUNKS, "out.ome.tif": CHUNKS[:2], "out.npy": ()}[output]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A plan of 1500 x 1500 pixels, its tiles (noise, which no codec makes smaller), and a source."""
    folder: Path = tmp_path_factory.mktemp("made")
    plan = plan_pixels(folder, np.zeros((1500, 1500), "u1"), "YX", grid(64, 8))
    write_stack(folder / "tiles.zarr", list(pixels_of((plan.n_patches, 1, 64, 64), "f4")))
    return folder


def command(made: Path, output: str, *more: str) -> list[str]:
    return [
        *TOOL, "stitch", str(made / "plan.parquet"), str(made / "tiles.zarr"), "-o", output, *options_of(output), *more,
    ]  # fmt: skip


def earlier(folder: Path, made: Path, output: str) -> dict[str, bytes]:
    """Leave an earlier output of another kind of pixels there, and return its bytes."""
    done = subprocess.run(
        command(made, output, "--reduce", "threshold:0", "--quiet"), cwd=folder, env=environment(), check=True
    )
    assert done.returncode == 0
    return files_of(folder)


def limit_files_to(size: int) -> Any:
    """Let no file grow beyond `size`, as on a full disk: writing fails, the signal for it is ignored."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("old", [False, True], ids=["new", "over an old one"])
def test_a_file_that_cannot_grow_is_one_line_and_exit_code_2(made, tmp_path, output, old):
    before = earlier(tmp_path, made, output) if old else {}
    done = subprocess.run(
        command(made, output, "--overwrite"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit_files_to(10_000),
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: {output}: ")
    assert files_of(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == ({output} if old else set())


@pytest.fixture
def small_disk(tmp_path) -> Any:
    """A folder on a disk of 3 MB, where we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount")
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_full_disk_is_one_line_and_exit_code_2(made, small_disk, output):
    (small_disk / output).with_suffix(".txt").write_text("mine")
    done = subprocess.run(
        command(made, output),
        cwd=small_disk,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    first, *more = done.stderr.splitlines()
    assert first.startswith(f"error: {output}: ")
    assert "No space left on device" in first
    mine, left = Path(output).with_suffix(".txt").name, f"{output}.partial"
    found = {path.name for path in small_disk.iterdir()}
    if found == {mine, left}:
        assert more == [f"note: what is done stays in {left}: use --resume to go on, or --overwrite to begin anew"]
    else:
        assert (found, more) == ({mine}, [])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)], ids=["KILL", "INT", "TERM"]
)
def test_stopped_midway_the_old_output_stays_and_the_next_run_finishes(made, tmp_path, output, how, code):
    before = earlier(tmp_path, made, output)
    done = stopped(how, command(made, output, "--overwrite", "--workers", "1", "--blend", "gaussian"), tmp_path)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    found = files_of(tmp_path)
    assert {name: found[name] for name in before} == before
    if how != signal.SIGKILL:
        advice = f"what is done stays in {output}.partial: use --resume to go on, or --overwrite to begin anew"
        assert done.stderr == f"interrupted: {advice}\n"
    assert {path.name for path in tmp_path.iterdir()} == {output, f"{output}.partial"}
    done = subprocess.run(
        command(made, output, "--overwrite", "--quiet"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {output}, "what the killed run left is gone"
    assert files_of(tmp_path) != before


def stopped(how: signal.Signals, command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command that gets a signal when it has written its first box."""
    return subprocess.run(
        [sys.executable, "-m", "tests.stitching.stopping", str(int(how)), *command[len(TOOL) :]],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_after_a_kill_without_an_old_output_nothing_stands_under_the_name(made, tmp_path):
    done = stopped(signal.SIGKILL, command(made, "out.zarr", "--workers", "1", "--blend", "hann"), tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr.partial"]
    done = subprocess.run(
        command(made, "out.zarr"), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "out.zarr.partial: is left from a run that was stopped; use --resume" in done.stderr
    assert not (tmp_path / "out.zarr").exists()


@pytest.fixture
def small(tmp_path) -> tuple[Plan, Array]:
    """A plan of four tiles and their pixels."""
    plan = plan_pixels(tmp_path, pixels_of((20, 20)), "YX", grid(12, 4))
    return plan, pixels_of((plan.n_patches, 1, 12, 12), "f4")


@pytest.mark.parametrize("output", ["out.zarr", "out.ome.tif", "out.npy"])
def test_an_object_that_fails_midway_leaves_nothing(small, tmp_path, output):
    plan, tiles = small

    class Failing:
        asked = 0

        def tile(self, index: int) -> Array:
            Failing.asked += 1
            if Failing.asked > plan.n_patches + 2:
                raise RuntimeError("out of order")
            if index == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            tile: Array = tiles[index]
            return tile

    before = files_of(tmp_path)
    with pytest.raises(OSError, match="No space"):
        patchplan.stitch(plan, Failing(), tmp_path / output)
    assert files_of(tmp_path) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="a user who may write anywhere")
def test_a_folder_that_is_read_only_is_an_error_that_names_it(small, tmp_path):
    plan, tiles = small
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"locked.*Permission denied"):
        patchplan.stitch(plan, tiles, locked / "out.zarr")

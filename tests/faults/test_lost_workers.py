"""Workers of a cluster that are killed while they write: the same bytes. One death; 20 with PATCHPLAN_FAULTS=all."""

import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

import patchplan
from patchplan.journal import RECORD
from tests.cli.running import TOOL, environment
from tests.cluster.serving import serving
from tests.cluster.test_stitch import same_bytes
from tests.stitching.making import grid, pixels_of, plan_of, write_image

ALL = os.environ.get("PATCHPLAN_FAULTS") == "all"
DEATHS, SIDE = (20, 3000) if ALL else (1, 700)
SMALL: dict[str, Any] = {"blend": "gaussian", "force": True, "chunks": 32, "shards": 64, "memory": "200MB"}
STITCH: dict[str, Any] = {**SMALL, "dtype": "f4"}


class Killing:
    """Kills one of the workers, whatever it does, whenever so much more is done."""

    def __init__(self, client, what, wanted):
        self.deaths, self._what, self._client, self._wanted = 0, what, client, wanted
        self._draw = random.Random(0)

    def __call__(self, what, done, total):
        due = min(self._wanted, done * (self._wanted + 1) // total)
        if what == self._what and self.deaths < due:
            pids = list(self._client.run(os.getpid, on_error="ignore").values())
            if pids:
                os.kill(self._draw.choice(pids), signal.SIGKILL)
                self.deaths += 1


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of two worker processes, which are started again when they die."""
    with serving(tmp_path_factory.mktemp("workers")) as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plan of a square image, and its tiles."""
    folder = tmp_path_factory.mktemp("made")
    plan = plan_of(write_image(folder / "image.npy", pixels_of((SIDE, SIDE), "u2"), "YX"), grid(64, 16), axes="YX")
    patchplan.extract(plan, folder / "tiles.zarr")
    return plan, folder / "tiles.zarr"


def test_a_stitch_whose_workers_die_has_the_same_bytes(tmp_path, made, client):
    killing = Killing(client, "pixels", DEATHS)
    patchplan.stitch(made[0], made[1], tmp_path / "here.zarr", **STITCH)
    patchplan.stitch(made[0], made[1], tmp_path / "there.zarr", **STITCH, scheduler=client, progress=killing)
    assert killing.deaths == DEATHS
    same_bytes(tmp_path / "there.zarr", tmp_path / "here.zarr")


@pytest.mark.skipif(not ALL, reason="half a minute: PATCHPLAN_FAULTS=all")
def test_a_pyramid_whose_workers_die_has_the_same_bytes(tmp_path, made, client):
    killing = Killing(client, "blocks of the pyramid", 5)
    patchplan.stitch(made[0], made[1], tmp_path / "here.zarr", **STITCH)
    patchplan.stitch(made[0], made[1], tmp_path / "there.zarr", **STITCH, scheduler=client, progress=killing)
    assert killing.deaths == 5
    same_bytes(tmp_path / "there.zarr", tmp_path / "here.zarr")


def size_of(path):
    """Return the bytes of a file, 0 of one that is not there."""
    return path.stat().st_size if path.exists() else 0


@pytest.mark.skipif(not ALL, reason="half a minute: PATCHPLAN_FAULTS=all")
def test_ctrl_c_ends_processes_and_boxes_and_the_run_can_go_on(tmp_path, made):
    """A terminal sends it to all processes of the group."""
    words = [*TOOL, "stitch", *map(str, (made[0].path, made[1])), "-o", "out.zarr", "--chunks", "32", "--shards", "64"]
    words += ["--blend", "gaussian", "--force", "--memory", "200MB", "--scheduler", "local", "--workers", "2"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=tmp_path, env=environment(), start_new_session=True, **streams) as process:
        until = time.monotonic() + 60
        while process.poll() is None and size_of(tmp_path / "out.zarr.partial" / "journal") <= RECORD.itemsize:
            assert time.monotonic() < until
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    notes, last = told.splitlines()[:-1], told.splitlines()[-1]
    assert (process.returncode, len(notes)) == (130, 1), told
    assert notes[0].startswith("note: 2 worker processes on this machine, dashboard: http://127.0.0.1:")
    assert last.startswith("interrupted: what is done stays in out.zarr.partial: use --resume")
    patchplan.stitch(made[0], made[1], tmp_path / "out.zarr", **SMALL, resume=True)
    patchplan.stitch(made[0], made[1], tmp_path / "whole.zarr", **SMALL)
    same_bytes(tmp_path / "out.zarr", tmp_path / "whole.zarr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zarr", "whole.zarr"]


@pytest.mark.skipif(not ALL, reason="a gigabyte of patches: PATCHPLAN_FAULTS=all")
@pytest.mark.parametrize("name", ["stack.zarr", "folder", "array.npy"])
def test_patches_whose_workers_die_have_the_same_bytes(tmp_path, client, name):
    image = write_image(tmp_path / "image.npy", pixels_of((3500, 3500), "u1"), "YX")
    plan = plan_of(image, grid(512, 448), axes="YX")  # some batches of 64 MB
    killing = Killing(client, "patches", 5)
    patchplan.extract(plan, tmp_path / f"here-{name}")
    patchplan.extract(plan, tmp_path / f"there-{name}", scheduler=client, progress=killing)
    assert killing.deaths == 5
    same_bytes(tmp_path / f"there-{name}", tmp_path / f"here-{name}")

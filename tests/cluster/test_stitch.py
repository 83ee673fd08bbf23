"""Stitching and extracting on a cluster: whoever computes a block, it has the same bytes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import patchplan
from patchplan.cli.app import app
from patchplan.errors import AuditError, ConfigError, OutputError, TilesError
from tests.cli.running import environment
from tests.stitching.making import grid, pixels_of, plan_of, write_image, write_stack

SMALL: dict[str, Any] = {"chunks": 16, "shards": 32}


def files_of(path: Path) -> dict[str, bytes]:
    """Return the bytes of a file, or of all files of a folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def same_bytes(one: Path, other: Path) -> None:
    """Require the same files."""
    found, wanted = files_of(one), files_of(other)
    assert found.keys() == wanted.keys()
    assert [name for name in found if found[name] != wanted[name]] == []


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A plan of two images of two time points, and its tiles."""
    folder = tmp_path_factory.mktemp("case")
    inputs = [
        write_image(folder / f"{name}.npy", pixels_of((2, 150, 170 + i), "u2", i), "TYX") for i, name in enumerate("ab")
    ]
    plan = plan_of(inputs, grid(32, 8), axes="TYX")
    patchplan.extract(plan, folder / "tiles.zarr")
    return plan, folder / "tiles.zarr"


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "sharded": ("ome-zarr", SMALL),
    "0.4": ("ome-zarr", {"ngff": "0.4", "chunks": 16}),
    "tiff": ("ome-tiff", {"chunks": 16}),
    "gaussian": ("ome-zarr", {**SMALL, "blend": "gaussian", "force": True, "dtype": "f4"}),
    "npy": ("npy", {}),
    "reduced": ("ome-zarr", {**SMALL, "reduce": "threshold:1000", "memory": "100MB"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_have_the_bytes_of_a_run_without_a_cluster(tmp_path, case, client, kind):
    plan, tiles = case
    name, options = KINDS[kind]
    here = patchplan.stitch(plan, tiles, tmp_path / "here", format=name, **options)
    there = patchplan.stitch(plan, tiles, tmp_path / "there", format=name, **options, scheduler=client)
    same_bytes(tmp_path / "there", tmp_path / "here")
    assert [one.filled for one in there.outputs] == [one.filled for one in here.outputs]
    assert there.notes == here.notes


def test_patches_of_no_grid_and_tiles_that_are_missing(tmp_path, client):
    image = write_image(tmp_path / "image.npy", pixels_of((30, 60, 70), "u2"), "ZYX")
    plan = plan_of(image, {"name": "random", "patch_size": [8, 16, 16], "seed": 3}, axes="ZYX")
    patchplan.extract(plan, tmp_path / "all.zarr")
    cut = [tile[0] for _, tile, _ in patchplan.read_patches(plan, 1)]
    some = write_stack(tmp_path / "some.zarr", [None if k % 7 == 3 else tile for k, tile in enumerate(cut)])
    options: dict[str, Any] = {
        "blend": "average",
        "force": True,
        "dtype": "f4",
        "allow_missing": True,
        **SMALL,
        "fill_value": 7,
    }
    here = patchplan.stitch(plan, some, tmp_path / "here.zarr", **options)
    there = patchplan.stitch(plan, some, tmp_path / "there.zarr", **options, scheduler=client)
    same_bytes(tmp_path / "there.zarr", tmp_path / "here.zarr")
    assert there.outputs[0].filled == here.outputs[0].filled
    assert here.outputs[0].filled


def stopped(plan, tiles, out, after, **options):
    """Run until some boxes are written, and stop as a user would."""

    def stop(what, done, total):
        if done >= after * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patchplan.stitch(plan, tiles, out, **options, progress=stop)


@pytest.mark.parametrize("first", ["here", "there"])
def test_a_run_goes_on_where_another_was_stopped_with_and_without_a_cluster(tmp_path, case, client, first):
    plan, tiles = case
    options: dict[str, Any] = {"format": "ome-zarr", **SMALL, "memory": "100MB", "workers": 1}
    patchplan.stitch(plan, tiles, tmp_path / "whole", **options)
    where: dict[str, Any] = {"here": None, "there": client}
    stopped(plan, tiles, tmp_path / "out", 0.3, **options, scheduler=where.pop(first))
    seen = []
    patchplan.stitch(
        plan,
        tiles,
        tmp_path / "out",
        **options,
        scheduler=where.popitem()[1],
        resume=True,
        progress=lambda what, done, total: seen.append(done / total),
    )
    assert seen[0] > 0.25, "what was done is not done again"
    same_bytes(tmp_path / "out", tmp_path / "whole")


def test_a_broken_tile_is_named_at_once(tmp_path, case, client):
    plan, _ = case
    patchplan.extract(plan, tmp_path / "tiles")
    victim = sorted((tmp_path / "tiles").iterdir())[17]
    victim.write_bytes(victim.read_bytes()[:-9])
    options: dict[str, Any] = {"format": "ome-zarr", **SMALL}
    with pytest.raises(AuditError, match="tile 17") as here:
        patchplan.stitch(plan, tmp_path / "tiles", tmp_path / "out", **options)
    with pytest.raises(AuditError, match="tile 17") as there:
        patchplan.stitch(plan, tmp_path / "tiles", tmp_path / "out", overwrite=True, **options, scheduler=client)
    assert there.value.bad == here.value.bad
    assert not (tmp_path / "out").exists()


PATCHES: dict[str, dict[str, Any]] = {"stack.zarr": {}, "array.npy": {}, "folder": {}, "tifs": {"format": "tif"}}


@pytest.mark.parametrize("name", PATCHES)
def test_patches_are_cut_with_the_same_bytes(tmp_path, case, client, name):
    plan, _ = case
    here = patchplan.extract(plan, tmp_path / f"here-{name}", **PATCHES[name])
    there = patchplan.extract(plan, tmp_path / f"there-{name}", **PATCHES[name], scheduler=client)
    same_bytes(tmp_path / f"there-{name}", tmp_path / f"here-{name}")
    assert there.n_patches == here.n_patches


def test_patches_of_other_images_and_some_channels(tmp_path, client):
    image = write_image(tmp_path / "image.npy", pixels_of((60, 70), "u1"), "YX")
    plan = plan_of(image, grid(32, 8), axes="YX")
    other = write_image(tmp_path / "other.npy", pixels_of((3, 60, 70), "f4"), "CYX")
    options: dict[str, Any] = {"images": [other], "axes": "CYX", "channels": [2, 0], "pad_mode": "reflect"}
    patchplan.extract(plan, tmp_path / "here.zarr", **options)
    patchplan.extract(plan, tmp_path / "there.zarr", **options, scheduler=client)
    same_bytes(tmp_path / "there.zarr", tmp_path / "here.zarr")


def test_what_workers_cannot_do_is_refused(tmp_path, case, client):
    plan, tiles = case
    address = client.scheduler.address
    with pytest.raises(TilesError, match="--scheduler: the tiles are arrays or objects in memory"):
        patchplan.stitch(plan, np.zeros((plan.n_patches, 1, 32, 32)), tmp_path / "out", format="npy", scheduler=client)
    with pytest.raises(OutputError, match="--scheduler: workers write what they compute"):
        patchplan.stitch(plan, tiles, scheduler=client)
    with pytest.raises(ConfigError, match="--scheduler: not with --share"):
        patchplan.stitch(plan, tiles, tmp_path / "out", format="ome-zarr", share="1/2", scheduler=client)
    with pytest.raises(ConfigError, match=r"--scheduler: a .npy file has no pieces that several machines may write"):
        patchplan.stitch(plan, tiles, tmp_path / "out", format="npy", scheduler=address)
    with pytest.raises(ConfigError, match=r"--scheduler: a .npy file has no pieces"):
        patchplan.extract(plan, tmp_path / "out.npy", scheduler=address)
    assert list(tmp_path.iterdir()) == []


def run(*words):
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)


def test_commands_take_the_address_of_a_scheduler_and_say_where_its_dashboard_is(tmp_path, case, client, monkeypatch):
    plan, _ = case
    monkeypatch.setattr("patchplan.cluster.connecting.SECONDS", 1)
    address = client.scheduler.address
    cut = run("extract", plan.path, "-o", tmp_path / "tiles.zarr", "--scheduler", address)
    words = ("stitch", plan.path, tmp_path / "tiles.zarr", "-o", tmp_path / "out", "--format", "ome-zarr")
    put = run(*words, "--scheduler", address)
    for done in (cut, put):
        assert done.exit_code == 0, done.output
        assert f"note: scheduler {address}, dashboard: http://127.0.0.1" in done.stderr
    refused = run(*words, "--scheduler", "nonsense", "--overwrite")
    assert refused.exit_code == 2
    assert "--scheduler nonsense: no scheduler answered there" in refused.stderr


def test_workers_of_a_script_do_not_run_it_again(tmp_path, case):
    """Nor those that take the place of dead ones."""
    plan, tiles = case
    script = f"""
import multiprocessing, os, signal, patchplan
open("runs", "a").write("x")
deaths = []

def kill(what, done, total):
    if what == "pixels" and not deaths:
        deaths.append(multiprocessing.active_children()[0].pid)
        os.kill(deaths[0], signal.SIGKILL)

options = dict(format="ome-zarr", chunks=16, shards=32, scheduler="local", workers=1, memory="100MB")
patchplan.stitch({str(plan.path)!r}, {str(tiles)!r}, "there", progress=kill, **options)
print(len(deaths), open("runs").read())
"""
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "script.py"]
    told: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 100}
    done = subprocess.run(command, cwd=tmp_path, env=environment(), check=False, **told)
    assert (done.returncode, done.stdout) == (0, "1 x\n"), done.stderr
    patchplan.stitch(plan, tiles, tmp_path / "here", format="ome-zarr", **SMALL)
    same_bytes(tmp_path / "there", tmp_path / "here")


def test_tiles_that_are_not_there_are_no_fault_of_a_worker(tmp_path, case, client):
    plan, _ = case
    tiles, out = tmp_path / "no.zarr", tmp_path / "out"
    done = run("stitch", plan.path, tiles, "-o", out, "--format", "ome-zarr", "--scheduler", client.scheduler.address)
    assert done.exit_code == 2
    assert f"error: {tiles}: " in done.stderr
    assert "worker" not in done.stderr

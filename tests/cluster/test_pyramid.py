"""Pyramids that a cluster makes: the same bytes, and what a stopped run has made stays."""

from pathlib import Path
from typing import Any

import pytest

import patchplan
from patchplan.stitching.canvases.pyramid import FEW, Pyramid
from tests.cluster.test_stitch import run, same_bytes
from tests.grown import grown
from tests.stitching.making import grid, pixels_of, plan_of, write_image

STORED: dict[str, Any] = {"levels": 4, "chunks": 16, "shards": 32}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plan of some planes, and its tiles."""
    folder = tmp_path_factory.mktemp("made")
    plan = plan_of(write_image(folder / "image.npy", pixels_of((3, 150, 170), "u2"), "ZYX"), grid(32, 8), axes="TYX")
    patchplan.extract(plan, folder / "tiles.zarr")
    return plan, folder / "tiles.zarr"


def times(folder: Path) -> dict[str, int]:
    """Return when the chunks of an array were written."""
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns for file in (folder / "c").rglob("*") if file.is_file()
    }


def only_few_here(monkeypatch):
    """Have this process make only what is not worth sending; workers have their own."""
    make, made = Pyramid.make, []

    def looked(self: Pyramid, number: int, block: int, *each: Any) -> int:
        made.append((number, block))
        assert block < FEW
        return make(self, number, block, *each)

    monkeypatch.setattr(Pyramid, "make", looked)
    return made


@pytest.mark.parametrize("more", [{}, {"labels": True}], ids=["means", "labels"])
def test_workers_make_the_same_levels(tmp_path, made, client, monkeypatch, more):
    plan, tiles = made
    patchplan.stitch(plan, tiles, tmp_path / "here.zarr", **STORED, **more)
    few = only_few_here(monkeypatch)
    seen: list[tuple[int, int]] = []

    def look(what: str, done: int, total: int) -> None:
        if "pyramid" in what:
            seen.append((done, total))

    patchplan.stitch(plan, tiles, tmp_path / "there.zarr", **STORED, **more, scheduler=client, progress=look)
    same_bytes(tmp_path / "there.zarr", tmp_path / "here.zarr")
    assert {number for number, _ in few} == {3}, "the last level has a block a plane"
    assert seen == [(k, 3 * (9 + 4 + 1)) for k in range(1, 43)]


def test_what_was_made_of_a_pyramid_is_not_made_again(tmp_path, made, client):
    plan, tiles = made
    patchplan.stitch(plan, tiles, tmp_path / "whole.zarr", **STORED)

    def stop(what: str, done: int, total: int) -> None:
        if "pyramid" in what and done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patchplan.stitch(plan, tiles, tmp_path / "out.zarr", **STORED, scheduler=client, progress=stop)
    level = grown(tmp_path / "out.zarr.partial") / "1"
    before = times(level)
    (level / "c" / "0" / "0" / "0").unlink()
    patchplan.stitch(plan, tiles, tmp_path / "out.zarr", **STORED, scheduler=client, resume=True)
    same_bytes(tmp_path / "out.zarr", tmp_path / "whole.zarr")
    after = times(tmp_path / "out.zarr" / "1")
    again = [name for name, time in after.items() if before.get(name) != time]
    assert "c/0/0/0" in again
    assert len(again) <= 1 + 27 - 20


def test_shares_are_finished_by_a_cluster(tmp_path, made, client, monkeypatch):
    plan, tiles = made
    patchplan.stitch(plan, tiles, tmp_path / "whole.zarr", **STORED)
    for k in (1, 2):
        patchplan.stitch(plan, tiles, tmp_path / "out.zarr", **STORED, share=f"{k}/2")
    only_few_here(monkeypatch)
    done = run("stitch", plan.path, "--finish", tmp_path / "out.zarr", "--scheduler", client.scheduler.address)
    assert done.exit_code == 0, done.output
    assert "note: scheduler" in done.stderr
    same_bytes(tmp_path / "out.zarr", tmp_path / "whole.zarr")

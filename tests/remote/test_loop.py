"""Plan, extract and stitch from a server that fails, is slow and cuts connections: the bytes of an undisturbed run.

Two kinds of images and tiles; all with PATCHPLAN_FAULTS=all.
"""

import os
from itertools import product

import pytest
from typer.testing import CliRunner

from patchplan.cli.app import app
from tests.plans.making import files_of
from tests.remote.making import IMAGES, TILES
from tests.remote_out.faulty import proxy

ALL = os.environ.get("PATCHPLAN_FAULTS") == "all"
CASES = list(product(IMAGES, TILES)) if ALL else [("image.ome.zarr", "stack.zarr"), ("tiled.tif", "npy")]

GRID = ("--strategy", "tiled", "--patch-size", "64", "--overlaps", "16")


def run(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.stderr or result.output


@pytest.mark.parametrize(("image", "place"), CASES)
def test_the_whole_loop_from_a_poor_server(
    images, there, tiles, tiles_there, endpoint, monkeypatch, tmp_path, image, place
):
    run("plan", images / image, *GRID, "-o", tmp_path / "plan.parquet", "--root", images)
    run("extract", tmp_path / "plan.parquet", "--root", images, "-o", tmp_path / "here.zarr")
    run("stitch", tmp_path / "plan.parquet", tiles / place, "-o", tmp_path / "here.ome.zarr")
    with proxy(endpoint, 0.25, seed=7 + CASES.index((image, place))) as (url, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        run("plan", there / image, *GRID, "-o", tmp_path / "there.parquet", "--root", there)
        run("extract", tmp_path / "there.parquet", "--root", there, "-o", tmp_path / "there.zarr")
        out = tmp_path / "there.ome.zarr"
        run("stitch", tmp_path / "there.parquet", tiles_there / place, "--root", there, "-o", out)
        assert sum(seen.counts[fault] for fault in ("500", "503", "cut before", "cut after", "cut within")) > 0
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "plan.parquet").read_bytes()
    assert files_of(tmp_path / "there.zarr") == files_of(tmp_path / "here.zarr")
    assert files_of(out) == files_of(tmp_path / "here.ome.zarr")

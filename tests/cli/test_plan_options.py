"""Every option of `patchplan plan` does what it says; an option without a case here fails a test."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from patchplan.cli.app import app
from patchplan.plans.plan import open_plan
from tests.cli.running import TILED, listing, run


@dataclass(frozen=True)
class Case:
    """Arguments, and what must be true of the JSON result, the plan that was written, and the talk on stderr."""

    args: tuple[str, ...]
    result: Callable[[Any], bool]
    plan: Callable[[Any], bool] = lambda plan: True
    talk: str = ""
    output: str = "p.parquet"


def shapes(result: Any) -> list[list[int]]:
    return [image["data_shape"] for image in result["images"]]


def starts(plan: Any) -> list[tuple[int, ...]]:
    return [spec["coords"] for spec in plan.specs()]


CASES = {
    "config": Case(("a.npy", "-c", "tiled.yaml"), lambda r: r["resolved"]["overlaps"] == [4, 4]),
    "config-overridden": Case(
        ("a.npy", "--config", "tiled.yaml", "--patch-size", "20", "--halo", "3"),
        lambda r: (r["resolved"]["patch_size"], r["resolved"]["overlaps"]) == ([20, 20], [6, 6]),
    ),
    "strategy": Case(("a.npy", "--strategy", "whole"), lambda r: (r["strategy"], r["n_patches"]) == ("whole", 1)),
    "overlaps-per-axis": Case(
        ("a.npy", "--strategy", "sequential", "--patch-size", "20,16", "--overlaps", "0,5"),
        lambda r: (
            r["resolved"] == {"patch_size": [20, 16], "overlaps": [0, 5], "stride": [20, 11], "halo": [[0, 0], [2, 3]]}
        ),
        lambda p: starts(p)[:3] == [(0, 0), (0, 11), (0, 22)],
    ),
    "halo": Case(
        ("a.npy", "--strategy", "tiled", "--patch-size", "16", "--halo", "3"),
        lambda r: (r["resolved"]["halo"], r["resolved"]["stride"]) == ([[3, 3], [3, 3]], [10, 10]),
        lambda p: p.specs()[1]["stitch_coords"] == (0, 13),
    ),
    "stride": Case(
        ("a.npy", "--strategy", "tiled", "--patch-size", "16", "--stride", "8,12"),
        lambda r: r["resolved"]["overlaps"] == [8, 4],
    ),
    "multiple-of": Case(
        ("a.npy", "--strategy", "tiled", "--patch-size", "32", "--overlaps", "16", "--multiple-of", "8"),
        lambda r: r["resolved"]["stride"] == [16, 16],
        lambda p: all(start % 16 == 0 for coords in starts(p) for start in coords) and max(starts(p))[0] + 32 > 100,
    ),
    "seed": Case(
        ("a.npy", "--strategy", "random", "--patch-size", "64", "--seed", "0"),
        lambda r: (r["seed"], r["n_rows"], r["epochs"]) == (0, 4, None),
        lambda p: (
            starts(p)[0] == tuple(np.random.default_rng(0).integers(0, [36, 16], endpoint=True))
            and p.header.config["patching"]["seed"] == 0
        ),
    ),
    "no-seed": Case(
        ("a.npy", "--strategy", "stratified", "--patch-size", "16"),
        lambda r: isinstance(r["seed"], int),
        lambda p: isinstance(p.header.config["patching"]["seed"], int),
    ),
    "table": Case(
        ("a.npy", "--strategy", "fixed", "--table", "fixed.csv"),
        lambda r: r["n_patches"] == 2,
        lambda p: starts(p) == [(5, 6), (0, 0)],
    ),
    "epochs": Case(
        ("a.npy", "--strategy", "stratified", "--patch-size", "16", "--seed", "1", "--epochs", "3"),
        lambda r: (r["epochs"], r["n_rows"]) == (3, 3 * r["n_patches"]),
        lambda p: set(p.table().column("epoch").to_pylist()) == {0, 1, 2},
    ),
    "axes": Case(("stack.npy", *TILED, "--axes", "TYX"), lambda r: shapes(r) == [[4, 1, 40, 30]]),
    "axes-z": Case(
        ("stack.npy", "--strategy", "tiled", "--patch-size", "4,16,16", "--axes", "ZYX"),
        lambda r: shapes(r) == [[1, 1, 4, 40, 30]] and r["images"][0]["axes"] == "ZYX",
    ),
    "series": Case(
        ("series.tif", *TILED, "--series", "1"),
        lambda r: r["images"][0]["dtype"] == "uint16" and shapes(r) == [[1, 1, 20, 20]],
    ),
    "level": Case(("pyramid.tif", *TILED, "--level", "1"), lambda r: shapes(r) == [[1, 1, 32, 32]]),
    "array": Case(
        ("group.zarr", *TILED, "--array", "right"),
        lambda r: r["images"][0]["dtype"] == "float32" and shapes(r) == [[1, 1, 60, 40]],
    ),
    "z-as-samples": Case(("volume.ome.tif", *TILED, "--z-as-samples"), lambda r: shapes(r) == [[4, 1, 40, 30]]),
    "skip-small": Case(
        ("a.npy", "small.npy", "--strategy", "stratified", "--patch-size", "16", "--skip-small"),
        lambda r: shapes(r) == [[1, 1, 100, 80]] and len(r["skipped"]) == 1,
        talk="warning: left out: image 1 (small.npy): Y is 9, smaller than patch_size 16",
    ),
    "skip-broken": Case(
        ("broken.tif", "a.npy", *TILED, "--skip-broken"),
        lambda r: shapes(r) == [[1, 1, 100, 80]] and len(r["skipped"]) == 1,
        talk="warning: left out: broken.tif: ",
    ),
    "no-rows": Case(
        ("a.npy", *TILED, "--no-rows"),
        lambda r: r["n_rows"] == r["n_patches"] == 56,
        lambda p: not p.header.rows and len(p.specs()) == 56,
    ),
    "csv": Case(("a.npy", *TILED), lambda r: r["n_patches"] == 56, lambda p: len(p) == 56, output="p.csv"),
    "json-plan": Case(("a.npy", *TILED), lambda r: r["n_patches"] == 56, lambda p: len(p) == 56, output="p.json"),
    "folder": Case(
        ("folder", *TILED), lambda r: [i["uri"] for i in r["images"]] == ["folder/b.npy", "folder/deep/c.npy"]
    ),
    "glob": Case(
        ("fold*/**/*.npy", *TILED), lambda r: [i["uri"] for i in r["images"]] == ["folder/b.npy", "folder/deep/c.npy"]
    ),
    "order-and-doubles": Case(
        ("folder/deep/c.npy", "a.npy", "folder", "./a.npy", *TILED),
        lambda r: [Path(i["uri"]).name for i in r["images"]] == ["c.npy", "a.npy", "b.npy"],
    ),
}
ELSEWHERE = {
    "--output": "each case here",
    "--json": "each case here",
    "--workers": "tests.sampling.test_plans.test_the_same_bytes_by_one_or_four_workers",
    "--scheduler": "tests.cluster.test_filter.test_from_the_command_line",
    "--filter-map": "test_plan_sections.test_a_filter_map_is_written_also_in_a_dry_run",
    "--dry-run": "test_a_dry_run_shows_everything_and_writes_nothing",
    "--overwrite": "test_overwrite_replaces_and_root_relates",
    "--root": "test_overwrite_replaces_and_root_relates",
    "--quiet": "test_streams.test_quiet_is_silent",
}


@pytest.mark.parametrize("name", CASES)
def test_an_option_does_what_it_says(inputs, tmp_path, name):
    case = CASES[name]
    plan = tmp_path / case.output
    code, out, err = run("plan", *case.args, "--output" if name == "csv" else "-o", plan, "--json", cwd=inputs)
    assert code == 0, err
    result = json.loads(out)
    assert case.result(result), result
    assert case.talk in err
    written = open_plan(plan)
    assert case.plan(written)
    assert (result["plan"], result["n_rows"], result["n_patches"]) == (str(plan), len(written), written.n_patches)
    assert all(written.image_path(i).exists() for i in range(len(written.images)))
    assert {path.name for path in tmp_path.iterdir()} == {plan.name} | ({"p.csv.json"} if name == "csv" else set())


def test_every_option_is_exercised_by_a_case():
    command: Any = typer.main.get_command(app)
    options = [param for param in command.commands["plan"].params if param.param_type_name == "option"]
    used = {word for case in CASES.values() for word in case.args if word.startswith("-")} | ELSEWHERE.keys()
    unused = [param.opts for param in options if not used & set(param.opts)]
    assert not [opts for opts in unused if opts != ["-h", "--help"] and "--help" not in opts]
    known = {word for param in options for word in param.opts}
    assert used <= known, "cases for options that are gone"


def test_a_dry_run_shows_everything_and_writes_nothing(inputs, tmp_path):
    """Images as read, data shapes, counts, resolved overlap, halo and stride; -o may be left out."""
    before = listing(inputs)
    code, out, err = run("plan", "a.npy", "volume.ome.tif", "--z-as-samples", *TILED, "--dry-run", cwd=inputs)
    assert (code, err) == (0, "")
    for shown in ("a.npy", "YX", "100 x 80", "uint8", "1 x 1 x 100 x 80", "volume.ome.tif", "ZYX", "4 x 1 x 40 x 30"):
        assert shown in out
    for shown in (
        "overlap 4 x 4",
        "halo 2+2 x 2+2",
        "stride 12 x 12",
        "patch size 16 x 16",
        "dry run: nothing written",
    ):
        assert shown in out
    plan = tmp_path / "p.parquet"
    code, out, _ = run("plan", "a.npy", *TILED, "--dry-run", "--json", "-o", plan, cwd=inputs)
    assert (code, json.loads(out)["plan"], json.loads(out)["n_patches"]) == (0, None, 56)
    assert not plan.exists()
    assert listing(inputs) == before


def test_overwrite_replaces_and_root_relates(inputs, tmp_path):
    plan = tmp_path / "p.json"
    plan.write_text("an earlier file")
    code, _, err = run("plan", "folder/deep/c.npy", *TILED, "-o", plan, cwd=inputs)
    assert (code, plan.read_text()) == (2, "an earlier file")
    assert "p.json: exists already; use --overwrite" in err
    assert run("plan", "folder/deep/c.npy", *TILED, "-o", plan, "--overwrite", "--root", "folder", cwd=inputs).code == 0
    assert open_plan(plan).images[0].uri == "deep/c.npy"
    assert open_plan(plan, root=inputs / "folder").image_path(0).exists()


def test_same_inputs_same_bytes_in_another_process_and_time_zone(inputs, tmp_path):
    args = ("plan", "folder", "a.npy", "--strategy", "random", "--patch-size", "16", "--seed", "5", "--root", inputs)
    run(*args, "-o", tmp_path / "p.parquet", cwd=inputs, PYTHONHASHSEED="1", TZ="UTC")
    run(*args, "-o", tmp_path / "q.parquet", cwd=inputs, PYTHONHASHSEED="2", TZ="Asia/Tokyo", LC_ALL="C")
    assert (tmp_path / "p.parquet").read_bytes() == (tmp_path / "q.parquet").read_bytes()


def test_the_table_of_a_config_is_relative_to_that_config(inputs, tmp_path):
    (tmp_path / "fixed.yaml").write_text("name: fixed\ntable: here.csv\n")
    (tmp_path / "here.csv").write_bytes((inputs / "fixed.csv").read_bytes())
    code, _, err = run("plan", "a.npy", "-c", tmp_path / "fixed.yaml", "--dry-run", cwd=inputs)
    assert (code, err) == (0, "")

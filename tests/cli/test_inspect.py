"""`patchplan inspect` as users run it: tables, JSON, gates and their exit codes, bad input."""

import json
import re

import pytest

from tests.cli.running import TILED, npy, run
from tests.plans.making import edit

PLAN_KEYS = [
    "plan",
    "strategy",
    "epochs",
    "counted",
    "images",
    "total",
    "splits",
    "chosen",
    "planned_splits",
    "findings",
]
COVERAGE_KEYS = {"n_patches", "visits", "uncovered_fraction", "redundancy", "uncovered", "partition"}
VISITS_KEYS = ["min", "max", "mean", "std", "histogram"]
RANDOM = ("--strategy", "random", "--patch-size", "16", "--seed", "1")


@pytest.fixture
def folder(tmp_path):
    """Two images, a plan of tiles and one of random patches."""
    npy(tmp_path / "a.npy", 100, 80)
    npy(tmp_path / "b.npy", 40, 30)
    assert run("plan", "a.npy", "b.npy", *TILED, "-o", "tiles.parquet", cwd=tmp_path).code == 0
    assert run("plan", "a.npy", "b.npy", *RANDOM, "-o", "random.csv", cwd=tmp_path).code == 0
    return tmp_path


def break_tiles(folder):
    """One tile removed, one moved by a pixel, one doubled."""

    def rows(found):
        found[19]["coords"][1] += 1
        found[19]["stitch_coords"][1] += 1
        found.append(found[30])
        del found[10]

    edit(folder / "tiles.parquet", rows)


def test_json_has_the_keys_of_the_design_and_is_all_of_stdout(folder):
    code, out, err = run("inspect", "tiles.parquet", "--json", cwd=folder)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert list(result) == PLAN_KEYS
    assert [(image["data_idx"], image["uri"], image["data_shape"]) for image in result["images"]] == [
        (0, "a.npy", [1, 1, 100, 80]),
        (1, "b.npy", [1, 1, 40, 30]),
    ]
    for one in (*result["images"], result["total"]):
        assert one.keys() >= COVERAGE_KEYS
        assert list(one["visits"]) == VISITS_KEYS
        assert sum(visits * n for visits, n in one["visits"]["histogram"]) >= sum(
            n for _, n in one["visits"]["histogram"]
        )
        assert one["partition"]["exact"] is True
        assert (one["partition"]["gaps"], one["partition"]["doubles"]) == ([], [])
    assert sum(n for _, n in result["total"]["visits"]["histogram"]) == 100 * 80 + 40 * 30
    assert result["total"]["n_patches"] == sum(image["n_patches"] for image in result["images"])


def test_a_removed_a_moved_and_a_doubled_tile_are_found_with_coordinates(folder):
    break_tiles(folder)
    code, out, err = run("inspect", "tiles.parquet", "--json", cwd=folder)
    assert code == 0
    partition = json.loads(out)["images"][0]["partition"]
    assert partition["exact"] is False
    assert {"sample_idx": 0, "start": [14, 38], "stop": [26, 50]} in partition["gaps"], "removed: tile 10"
    assert {"sample_idx": 0, "start": [26, 62], "stop": [38, 63]} in partition["gaps"], "moved: tile 19"
    assert {"sample_idx": 0, "start": [50, 26], "stop": [62, 38]} in partition["doubles"], "doubled: tile 30"
    assert "warning: index: 1 missing: 10" in err
    assert "warning: index: 1 there more than once: 30" in err
    code, out, err = run("inspect", "tiles.parquet", "--require-partition", "--quiet", cwd=folder)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == 2
    assert re.match(
        r"failed: partition: found 156 pixels in gaps, first at image 0 sample 0 \[14:26, 38:50\]; req", lines[0]
    )
    assert "written more than once" in lines[1]


def test_requirements_that_hold_exit_0(folder):
    gates = ("--require-partition", "--require-full-coverage", "--max-uncovered", "0")
    assert tuple(run("inspect", "tiles.parquet", *gates, "--quiet", cwd=folder)) == (0, "", "")
    assert run("inspect", "random.csv", "--max-uncovered", "1", cwd=folder).code == 0


def test_requirements_that_fail_exit_1_with_a_line_each(folder):
    code, out, err = run("inspect", "random.csv", "--require-full-coverage", "--json", cwd=folder)
    assert code == 1
    images = json.loads(out)["images"]
    assert len(err.splitlines()) == 2
    assert re.match(
        r"failed: coverage: image 0 \(a\.npy\): found [\d.]+ % uncovered, first at sample 0 \[.*\]; required: 0 %", err
    )
    less, more = (image["uncovered_fraction"] for image in images)
    assert 0 < less < more
    code, _, err = run("inspect", "random.csv", "--max-uncovered", str(less), cwd=folder)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "image 1 (b.npy)" in err
    assert run("inspect", "random.csv", "--max-uncovered", str(more), cwd=folder).code == 0
    code, _, err = run("inspect", "random.csv", "--require-partition", "--quiet", cwd=folder)
    assert code == 1
    assert "failed: partition: found patches of strategy random that keep no part" in err


def test_the_table_fits_narrow_terminals_and_says_what_is_uncovered(folder):
    import os
    import pty
    import subprocess

    from tests.cli.running import TOOL, environment

    parent, child = pty.openpty()
    with subprocess.Popen(
        [*TOOL, "inspect", "tiles.parquet"], cwd=folder, env=environment(COLUMNS="60", NO_COLOR="1"),
        stdout=child, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        process.wait(60)
    os.close(child)
    text = os.read(parent, 1 << 16).decode()
    os.close(parent)
    table = [
        line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() if "npy" in line or "image" in line
    ]
    assert all(len(line) <= 60 for line in table[:3])
    assert "exact" in text
    assert "a.npy" in text
    out = run("inspect", "random.csv", cwd=folder).out
    assert re.search(r"uncovered: [\d,]+ pixels, first image 0 sample 0 \[", out)


def test_images_are_told_as_they_are_read(inputs):
    code, out, err = run("inspect", "pyramid.tif", "series.tif", "group.zarr", "--array", "left", "--json", cwd=inputs)
    assert code == 2
    assert "--array left does not apply to tiff" in err
    code, out, err = run("inspect", "pyramid.tif", "series.tif", "volume.ome.tif", "--json", cwd=inputs)
    assert code == 0
    pyramid, series, volume = json.loads(out)["images"]
    assert pyramid["levels"] == [[64, 64], [32, 32]]
    assert pyramid["chunks"] == [16, 16]
    assert (volume["axes"], volume["data_shape"], volume["dtype"]) == ("ZYX", [1, 1, 4, 40, 30], "uint16")
    assert (pyramid["shards"], pyramid["pixel_size"]) == (None, None)
    assert "for --series: 1" in series["notes"][0]
    assert "note: series.tif: series 0 is read; others for --series: 1" in err
    out = run("inspect", "pyramid.tif", "--level", "1", cwd=inputs).out
    assert "level 1 is read; for --level: 0 64 x 64, 1 32 x 32" in out
    code, out, err = run("inspect", "stack.npy", "--axes", "ZYX", "--z-as-samples", "--json", cwd=inputs)
    assert json.loads(out)["images"][0]["data_shape"] == [4, 1, 40, 30]


def test_broken_images_are_refused_or_left_out(inputs):
    code, _, err = run("inspect", "a.npy", "broken.tif", cwd=inputs)
    assert (code, "broken.tif" in err) == (2, True)
    code, out, err = run("inspect", "a.npy", "broken.tif", "--skip-broken", cwd=inputs)
    assert code == 0
    assert "warning: left out: broken.tif" in err
    assert "1 image" in out


BAD = {
    "a plan and an image": (["tiles.parquet", "a.npy"], r"found a plan \(tiles.parquet\) and an image \(a.npy\)"),
    "two plans": (["tiles.parquet", "random.csv"], "found 2 plans"),
    "no such plan": (["no.parquet"], "no.parquet: there is no such file"),
    "no such image": (["no.tif"], "no.tif: no such file or folder"),
    "a requirement of images": (["a.npy", "--require-partition"], "--require-partition: allowed for plans only"),
    "a fraction of images": (["a.npy", "--max-uncovered", "0"], "--max-uncovered: allowed for plans only"),
    "boxes of images": (["a.npy", "--max-boxes", "3"], "--max-boxes: allowed for plans only"),
    "cost of images": (["a.npy", "--cost"], "--cost: allowed for plans only"),
    "context of images": (["a.npy", "--context", "3"], "--context: allowed for plans only"),
    "leaks of images": (["a.npy", "--require-no-leak"], "--require-no-leak: allowed for plans only"),
    "a cache without cost": (["tiles.parquet", "--cache", "1GB"], "--cache: allowed with --cost only"),
    "a cache of no size": (["tiles.parquet", "--cost", "--cache", "1XB"], "--cache: found '1XB'; allowed: 0, or a"),
    "overwriting nothing": (["tiles.parquet", "--overwrite"], "--overwrite: allowed with --png or --html only"),
    "a value without a picture": (["tiles.parquet", "--png-value", "max"], "--png-value: allowed with --png only"),
    "root of images": (["a.npy", "--root", "."], "--root: allowed for plans only"),
    "axes of a plan": (["tiles.parquet", "--axes", "YX"], "--axes: allowed for images only"),
    "level of a plan": (["tiles.parquet", "--level", "0"], "--level: allowed for images only"),
    "more than all": (["tiles.parquet", "--max-uncovered", "1.5"], "--max-uncovered: found 1.5; allowed: 0 to 1"),
    "no number": (["tiles.parquet", "--max-uncovered", "nan"], "--max-uncovered: found nan; allowed: 0 to 1"),
    "boxes below none": (["tiles.parquet", "--max-boxes", "-1"], "--max-boxes: found -1; allowed"),
    "a table without a header": (["bare.csv"], "a table without a header, so no plan"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_exits_2_with_one_line(folder, case):
    (folder / "bare.csv").write_text((folder / "random.csv").read_text())
    args, expected = BAD[case]
    code, out, err = run("inspect", *args, cwd=folder)
    assert (code, out) == (2, "")
    assert re.match(f"error: .*{expected}", err)
    assert len(err.splitlines()) == 1


def test_rows_that_disobey_their_header_exit_2(folder):
    def negative(rows):
        rows[3]["coords"][0] = -1

    edit(folder / "tiles.parquet", negative)
    code, out, err = run("inspect", "tiles.parquet", cwd=folder)
    assert (code, out) == (2, "")
    assert "patch 3: coords is [-1, " in err


def test_a_source_that_has_gone_is_said_and_not_fatal(folder):
    (folder / "a.npy").unlink()
    code, out, err = run("inspect", "tiles.parquet", "--require-partition", cwd=folder)
    assert code == 0
    assert "warning: not found below .: image 0 (a.npy); say where they are now with --root" in err
    assert "exact partition" in out


def test_max_boxes_and_root(folder):
    few = json.loads(run("inspect", "random.csv", "--max-boxes", "2", "--json", cwd=folder).out)
    assert [len(image["uncovered"]) for image in few["images"]] == [2, 2]
    (folder / "there").mkdir()
    (folder / "a.npy").rename(folder / "there" / "a.npy")
    (folder / "b.npy").rename(folder / "there" / "b.npy")
    assert run("inspect", "tiles.parquet", "--root", "there", cwd=folder).err == ""

"""`patchplan merge` as users run it: parts and other plans, JSON, dry run, bad input."""

import json
import re

import pytest

from tests.cli.running import TILED, listing, run


@pytest.fixture
def folder(tmp_path, inputs):
    """A plan of tiles of two images."""
    run("plan", inputs / "a.npy", inputs / "folder" / "b.npy", *TILED, "-o", "p.parquet", cwd=tmp_path)
    return tmp_path


def test_parts_make_up_the_whole(folder):
    for image in "01":
        run("subset", "p.parquet", "--image", image, "-o", f"{image}.csv", cwd=folder)
    code, out, err = run("merge", "1.csv", "0.csv", "-o", "q.parquet", cwd=folder)
    assert (code, err) == (0, "")
    assert out == "65 rows, of 2 images\nparts that make up their plan\nwrote q.parquet\n"
    assert (folder / "q.parquet").read_bytes() == (folder / "p.parquet").read_bytes()
    out = run("merge", "1.csv", "q.parquet", "--allow-duplicates", "--dry-run", cwd=folder).out
    assert "9 rows that several parts have: each taken once\n" in out


def test_other_plans_are_renumbered(folder, inputs):
    run("plan", inputs / "small.npy", *TILED, "-o", "other.csv", cwd=folder)
    code, out, err = run("merge", "p.parquet", "other.csv", "-o", "q.csv", "--json", cwd=folder)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["renumbered"], result["whole"], result["n_rows"], result["n_images"]) == (True, False, 66, 3)
    assert (folder / "q.csv").read_text().splitlines()[-1].split(",")[:2] == ["65", "2"]
    assert "patches are renumbered" in run("merge", "p.parquet", "other.csv", "--dry-run", cwd=folder).out
    assert run("inspect", "q.csv", "--require-partition", "--quiet", cwd=folder).code == 0


BAD = {
    "no plan": (("p.parquet", "no.csv", "-o", "q.json"), r"error: no\.csv: there is no such file"),
    "none": (("-o", "q.json"), "Missing argument"),
    "no output": (("p.parquet",), "error: no output given"),
    "twice": (("p.parquet", "p.parquet", "-o", "q.csv"), "65 rows are there more than once: index 0 in p.parquet"),
    "one of them": (("p.parquet", "-o", "p.parquet", "--overwrite"), "is read for this plan"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_line_and_exit_code_2_and_nothing_is_written(folder, case):
    args, problem = BAD[case]
    before = listing(folder)
    code, out, err = run("merge", *args, cwd=folder)
    assert (code, out) == (2, "")
    assert re.search(problem, " ".join(err.split()))
    assert listing(folder) == before

"""`patchplan convert` as users run it: formats, JSON, dry run, bad input."""

import json
import re

import pytest

from tests.cli.running import TILED, listing, run


@pytest.fixture
def folder(tmp_path, inputs):
    """A plan of tiles of two images."""
    run("plan", inputs / "a.npy", inputs / "folder" / "b.npy", *TILED, "-o", "p.parquet", cwd=tmp_path)
    return tmp_path


def test_there_and_back_is_the_same_file(folder):
    before = (folder / "p.parquet").read_bytes()
    code, out, err = run("convert", "p.parquet", "-o", "q.csv", cwd=folder)
    assert (code, err) == (0, "")
    assert out == "65 rows, of 2 images\nwrote q.csv\n"
    code, out, err = run("convert", "q.csv", "-o", "p.parquet", "--overwrite", "--quiet", cwd=folder)
    assert (code, out, err) == (0, "", "")
    assert (folder / "p.parquet").read_bytes() == before


def test_json_and_dry_run(folder):
    before = listing(folder)
    code, out, err = run("convert", "p.parquet", "-o", "q.csv", "--dry-run", "--json", cwd=folder)
    assert (code, err) == (0, "")
    told = {"plan": None, "source": "p.parquet", "n_images": 2, "n_patches": 65, "n_rows": 65, "rows": True}
    assert json.loads(out) == told
    assert "dry run: nothing written" in run("convert", "p.parquet", "--dry-run", cwd=folder).out
    assert listing(folder) == before


BAD = {
    "no plan": (("no.csv", "-o", "q.json"), r"error: no\.csv: there is no such file"),
    "no output": (("p.parquet",), "error: no output given"),
    "no format": (
        ("p.parquet", "-o", "q.txt"),
        r"q\.txt: found suffix '\.txt'; allowed: \.parquet, \.csv",
    ),
    "a header": (("p.parquet", "-o", "q.csv.json"), "is a name for the header of a CSV plan"),
    "itself": (("p.parquet", "-o", "p.parquet", "--overwrite"), "is read for this plan"),
    "no folder": (("p.parquet", "-o", "no/q.csv"), "the folder no does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_line_and_exit_code_2_and_nothing_is_written(folder, case):
    args, problem = BAD[case]
    before = listing(folder)
    code, out, err = run("convert", *args, cwd=folder)
    assert (code, out) == (2, "")
    assert re.search(problem, " ".join(err.split()))
    assert listing(folder) == before

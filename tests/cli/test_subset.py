"""`patchplan subset` as users run it: conditions, JSON, dry run, bad input."""

import json
import re

import pytest

from tests.cli.running import TILED, listing, run


@pytest.fixture
def folder(tmp_path, inputs):
    """A plan of tiles of two images."""
    run("plan", inputs / "a.npy", inputs / "folder" / "b.npy", *TILED, "-o", "p.parquet", cwd=tmp_path)
    return tmp_path


def test_conditions_together(folder):
    code, out, err = run("subset", "p.parquet", "--image", "0", "--box", "0,0,16,40", "-o", "q.csv", cwd=folder)
    assert (code, err) == (0, "")
    assert out == "8 of 65 rows, in 1 of 2 images\nwrote q.csv\n"
    assert run("subset", "q.csv", "--index", "0:2,8", "-o", "r.json", "--quiet", cwd=folder).out == ""
    text = run("subset", "r.json", "--image", "0", "--json", "--dry-run", cwd=folder).out
    result = json.loads(text)
    assert (result["plan"], result["n_rows"], result["of_rows"]) == (None, 3, 3)
    assert [image["n_rows"] for image in result["images"]] == [3]


def test_missing_tiles_are_cut_and_complete_the_stack(folder):
    run("subset", "p.parquet", "--index", "0:40", "-o", "some.csv", cwd=folder)
    run("extract", "some.csv", "-o", "some.zarr", cwd=folder)
    code, out, err = run("subset", "p.parquet", "--missing", "some.zarr", "-o", "rest.parquet", cwd=folder)
    assert (code, err) == (0, "")
    assert out.startswith("25 of 65 rows, in 2 of 2 images")
    run("extract", "rest.parquet", "-o", "rest", cwd=folder)
    both = ("--missing", "some.zarr", "--missing", "rest")
    code, out, err = run("subset", "p.parquet", *both, "--dry-run", cwd=folder)
    assert (code, out) == (2, "")
    assert "all 65 tiles are there" in err
    assert run("inspect", "rest.parquet", "--quiet", cwd=folder).code == 0


BAD = {
    "nothing asked": (("p.parquet", "-o", "q.csv"), "error: nothing says which rows"),
    "no such image": (("p.parquet", "--image", "2", "-o", "q.csv"), "--image: found 2"),
    "no numbers": (("p.parquet", "--index", "1-3", "-o", "q.csv"), "--index: found '1-3'; allowed: numbers from 0"),
    "no such index": (("p.parquet", "--index", "70", "-o", "q.csv"), "has no index 70"),
    "empty": (("p.parquet", "--image", "1", "--box", "50,0,60,9", "-o", "q.csv"), "the subset would be empty"),
    "no column": (("p.parquet", "--fold", "0", "-o", "q.csv"), "--fold: found 0; p.parquet has no column fold"),
    "no tiles": (("p.parquet", "--missing", "no.zarr", "-o", "q.csv"), "no.zarr: no such file or folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_line_and_exit_code_2_and_nothing_is_written(folder, case):
    args, problem = BAD[case]
    before = listing(folder)
    code, out, err = run("subset", *args, cwd=folder)
    assert (code, out) == (2, "")
    assert re.search(problem, " ".join(err.split()))
    assert listing(folder) == before

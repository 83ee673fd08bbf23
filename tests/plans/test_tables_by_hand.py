"""A table made by hand becomes a plan through the fixed strategy."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv as pacsv

from patchplan import api
from patchplan.errors import ImageError, PatchplanError, PlanError, ShapeError
from patchplan.plans.plan import open_plan
from tests.plans.making import SUFFIXES, edit, flatten, make_image, make_plan, rows_of

PATCHES = [
    {"data_idx": 0, "sample_idx": 0, "coords": [40, 3], "patch_size": [64, 32]},
    {"data_idx": 0, "sample_idx": 0, "coords": [0, 0], "patch_size": [7, 9]},
    {"data_idx": 0, "sample_idx": 0, "coords": [99, 79], "patch_size": [8, 8]},
]
TILE = {"crop_coords": [1, 2], "crop_size": [5, 5], "stitch_coords": [41, 5], "total_tiles": 3}
TILES = [{**patch, **TILE} for patch in PATCHES]
VOLUMES = [{"data_idx": 0, "sample_idx": 0, "coords": [1, 2, 3], "patch_size": [4, 5, 6]}]
CSV = "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n"


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".csv":
        pacsv.write_csv(flatten(rows), path)
    else:
        pq.write_table(flatten(rows), path)
    return path


def plan_table(folder: Path, table: Path, shape: tuple[int, ...] = (100, 80), **options: Any) -> list[Any]:
    """Plan a table on one image and return the specs of the plan."""
    image = make_image(folder / "a.npy", shape)
    axes = "ZYX"[-len(shape) :]
    result = api.plan(
        image, folder / "out.parquet", config={"name": "fixed", "table": str(table)}, axes=axes, **options
    )
    plan = open_plan(folder / "out.parquet")
    assert rows_of(plan.patching.get_patch_specs()) == rows_of(plan.specs())
    assert result.n_patches == len(plan)
    assert plan.table().column("index").to_pylist() == list(range(len(plan)))
    return rows_of(plan.specs())


def as_specs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("index", [False, True], ids=["without-index", "with-index"])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["patches", "tiles", "volumes"])
def test_specs_of_a_table_are_planned_in_its_order(tmp_path, kind, suffix, index):
    rows = {"patches": PATCHES, "tiles": TILES, "volumes": VOLUMES}[kind]
    given = [{"index": i, **row} for i, row in enumerate(rows)] if index else rows
    table = write_table(tmp_path / f"table{suffix}", given)
    assert plan_table(tmp_path, table, (9, 80, 80) if kind == "volumes" else (100, 80)) == as_specs(rows)


def test_a_json_object_with_specs_is_taken_like_a_list(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps({"specs": PATCHES}))
    assert plan_table(tmp_path, tmp_path / "t.json") == as_specs(PATCHES)


def test_columns_in_another_order_and_with_narrow_integers_are_taken(tmp_path):
    table = flatten(PATCHES)
    narrow = pa.table({name: table.column(name).cast(pa.int16()) for name in reversed(table.schema.names)})
    pq.write_table(narrow, tmp_path / "t.parquet")
    assert plan_table(tmp_path, tmp_path / "t.parquet") == as_specs(PATCHES)


@pytest.mark.parametrize("text", ["\ufeff" + CSV + "0,0,1,2,8,8\n", CSV.replace("\n", "\r\n") + "0,0,1,2,8,8\r\n"])
def test_a_csv_from_a_spreadsheet_is_taken(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert plan_table(tmp_path, tmp_path / "t.csv")[0]["coords"] == (1, 2)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_plan_is_a_table_too(tmp_path, suffix):
    (tmp_path / "old").mkdir()
    old = make_plan(tmp_path / "old", suffix)
    assert plan_table(tmp_path, old) == rows_of(open_plan(old).specs())


def test_the_path_of_a_table_is_relative_to_its_config(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "cwd").mkdir()
    write_table(tmp_path / "configs" / "t.csv", PATCHES)
    (tmp_path / "configs" / "c.yaml").write_text("name: fixed\ntable: t.csv\n")
    monkeypatch.chdir(tmp_path / "cwd")
    make_image(tmp_path / "cwd" / "a.npy")
    api.plan("a.npy", "p.json", config="../configs/c.yaml")
    assert rows_of(open_plan("p.json").specs()) == as_specs(PATCHES)
    assert open_plan("p.json").header.config["patching"]["table"] == "../configs/t.csv"


BAD_TABLES: dict[str, tuple[str, bytes, str]] = {
    "no-rows": ("t.csv", CSV.encode(), r"the table has no rows"),
    "empty-list": ("t.json", b"[]", r"the table has no rows"),
    "empty-file": ("t.csv", b"", r"no readable CSV table: Empty CSV file"),
    "missing-column": (
        "t.csv",
        CSV.replace("coords_x,", "").encode() + b"0,0,1,8,8\n",
        r"missing coords_x\. Allowed: ",
    ),
    "unknown-column": ("t.csv", CSV.replace("\n", ",name\n").encode() + b"0,0,1,1,8,8,a\n", r"unknown name"),
    "semicolons": ("t.csv", CSV.replace(",", ";").encode() + b"0;0;1;1;8;8\n", r"missing data_idx"),
    "half-a-tile": ("t.json", json.dumps([{**PATCHES[0], "crop_size": [8, 8]}]).encode(), r"missing crop_coords_y"),
    "empty-field": ("t.csv", CSV.encode() + b"0,0,,1,8,8\n", r"column coords_y has 1 empty"),
    "fraction": ("t.csv", CSV.encode() + b"0,0,1.5,1,8,8\n", r"no table of specs: .*1\.5"),
    "word": ("t.csv", CSV.encode() + b"0,0,one,1,8,8\n", r"no table of specs: .*one"),
    "too-few-fields": ("t.csv", CSV.encode() + b"0,0,1\n", r"Expected 6 columns, got 3"),
    "negative": ("t.csv", CSV.encode() + b"0,0,1,1,8,8\n0,0,-1,1,8,8\n", r"patch 1: coords is \[-1, 1\]"),
    "size-zero": ("t.csv", CSV.encode() + b"0,0,1,1,8,0\n", r"patch 0: patch_size is \[8, 0\]"),
    "no-such-image": ("t.csv", CSV.encode() + b"1,0,1,1,8,8\n", r"patch 0: data_idx is 1; allowed are 0 to 0"),
    "no-such-sample": ("t.csv", CSV.encode() + b"0,3,1,1,8,8\n", r"image 0 \(.*a\.npy\): patch 0: sample_idx is 3"),
    "starts-outside": (
        "t.csv",
        CSV.encode() + b"0,0,100,1,8,8\n",
        r"image 0 \(.*a\.npy\): .*Y is 100; allowed are 0 to 99",
    ),
    "mixed-axes": (
        "t.json",
        json.dumps([*PATCHES, *VOLUMES]).encode(),
        r"coords of spec 3 is \[1, 2, 3\]; allowed: a list of 2",
    ),
    "coords-is-a-number": (
        "t.json",
        json.dumps([{**PATCHES[0], "coords": 3}]).encode(),
        r"coords of spec 0 is 3; allowed",
    ),
    "no-list": ("t.json", b'{"a": 1}', r"no table of specs: allowed are a list of specs"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_a_bad_table_is_named_with_what_is_wrong(tmp_path, kind):
    name, content, message = BAD_TABLES[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PatchplanError, match=message) as caught:
        plan_table(tmp_path, tmp_path / name)
    assert isinstance(caught.value, PlanError | ShapeError)
    assert not (tmp_path / "out.parquet").exists()


def test_a_table_of_four_axes_says_that_two_or_three_are_allowed(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps([{**PATCHES[0], "coords": [1, 2, 3, 4]}]))
    with pytest.raises(PlanError, match=r"coords of spec 0 is \[1, 2, 3, 4\]; allowed: a list of 2 or 3"):
        plan_table(tmp_path, tmp_path / "t.json")


def test_a_table_of_2d_patches_on_a_3d_image_names_the_option(tmp_path):
    table = write_table(tmp_path / "t.csv", PATCHES)
    with pytest.raises(ImageError, match=r"a\.npy: .*--z-as-samples"):
        plan_table(tmp_path, table, (9, 100, 80))


def test_a_table_of_3d_patches_on_a_2d_image_is_refused(tmp_path):
    table = write_table(tmp_path / "t.csv", VOLUMES)
    with pytest.raises(ImageError, match=r"a\.npy: "):
        plan_table(tmp_path, table)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(PlanError, match=r"nowhere\.csv: there is no such file"):
        plan_table(tmp_path, tmp_path / "nowhere.csv")


def test_a_plan_with_a_damaged_row_is_no_table(tmp_path):
    (tmp_path / "old").mkdir()
    old = make_plan(tmp_path / "old", ".json")
    edit(old, rows=lambda rows: rows[2].update(data_idx=5))
    with pytest.raises(PlanError, match=r"patch 2: data_idx is 5"):
        plan_table(tmp_path, old)

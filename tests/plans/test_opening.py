"""Every way in which a file is no plan has a message of its own."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patchplan.errors import PlanError
from patchplan.plans.plan import open_plan
from tests.plans.making import SUFFIXES, beside, edit, flatten, make_plan, put_together, take_apart, use

Rows = list[dict[str, Any]]


def case(*values: Any, id: str) -> Any:  # noqa: A002
    return pytest.param(*values, id=id)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file(tmp_path, suffix):
    with pytest.raises(PlanError, match=rf"no{suffix}: there is no such file; patchplan plan makes plans$"):
        open_plan(tmp_path / f"no{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder(tmp_path, suffix):
    (tmp_path / f"x{suffix}").mkdir()
    with pytest.raises(PlanError, match=r"is a (folder|directory)"):
        open_plan(tmp_path / f"x{suffix}")


def test_a_name_that_no_file_can_have(tmp_path):
    with pytest.raises(PlanError, match=r"name too long|no such file"):
        open_plan(tmp_path / ("x" * 300 + ".json"))


@pytest.mark.parametrize("name", ["plan.txt", "plan", "plan.parquet.gz"])
def test_another_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(PlanError, match=r"found suffix '[.\w]+'; allowed: .parquet, .csv, .json$"):
        open_plan(tmp_path / name)


CONTENTS = {"empty": b"", "text": b"hello, world", "binary": bytes(range(256)) * 40, "nul": bytes(5000)}
MESSAGES = {
    ".parquet": r"no readable Parquet file: Parquet",
    ".json": r"no readable JSON: (Expecting value|'utf-8' codec)",
    ".csv": r"no readable CSV table: Empty CSV file|a table without a header|no readable CSV table",
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", CONTENTS)
def test_contents_that_are_no_plan(tmp_path, content, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(CONTENTS[content])
    with pytest.raises(PlanError, match=rf"x{suffix}: ({MESSAGES[suffix]})"):
        open_plan(path)


@pytest.mark.parametrize("document", ["5", '"specs"', "null", '{"specs": 5}', '{"specs": [5]}', "{}", '{"header": {}}'])
def test_json_that_is_no_table(tmp_path, document):
    (tmp_path / "x.json").write_text(document)
    with pytest.raises(PlanError, match=r"no table of specs: allowed are a list of specs, or an object"):
        open_plan(tmp_path / "x.json")


def test_json_nested_too_deep_for_the_parser(tmp_path):
    for depth in (*range(950, 1000), 100_000):
        (tmp_path / "x.json").write_text('{"specs": [], "header": ' + "[" * depth + "]" * depth + "}")
        with pytest.raises(PlanError, match=r"no readable JSON: maximum recursion|the header is damaged"):
            open_plan(tmp_path / "x.json")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_a_header_names_the_way_to_plan_it(tmp_path, suffix):
    path = make_plan(tmp_path, suffix)
    rows, _ = take_apart(path)
    if suffix == ".parquet":
        pq.write_table(flatten(rows), path)
    elif suffix == ".csv":
        beside(path).unlink()
    else:
        path.write_text(json.dumps(rows))
    with pytest.raises(PlanError, match=r"a table without a header, so no plan; .*--strategy fixed --table"):
        open_plan(path)


BAD_HEADERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "newer-version": (
        lambda h: h.update(schema_version=2),
        r"schema version 2 is not supported by patchplan .*; allowed: 1",
    ),
    "version-as-text": (lambda h: h.update(schema_version="1"), r"schema version '1' is not supported"),
    "lacks-images": (lambda h: h.pop("images"), r"the header is damaged: images: Field required"),
    "no-images": (lambda h: h.update(images=[]), r"the header is damaged: images: Tuple should have at least 1 item"),
    "unknown-key": (lambda h: h.update(surprise=1), r"the header is damaged: surprise: Extra inputs"),
    "negative-count": (lambda h: h.update(n_patches=-1), r"the header is damaged: n_patches: Input should be greater"),
    "count-as-text": (
        lambda h: h.update(n_rows="many"),
        r"the header is damaged: n_rows: Input should be a valid integer",
    ),
    "other-ndim": (lambda h: h.update(ndim=3), r"the header is damaged: .*data shape \(1, 1, 100, 80\) .* is not 3-D"),
    "image-misnumbered": (
        lambda h: h["images"][0].update(data_idx=1),
        r"the header is damaged: .*entry 0 has data_idx 1",
    ),
    "image-without-size": (
        lambda h: h["images"][0].update(data_shape=[1, 1, 0, 80]),
        r"the header is damaged: .*data shape",
    ),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", BAD_HEADERS)
def test_a_wrong_header(tmp_path, damage, suffix):
    path = make_plan(tmp_path, suffix)
    change, message = BAD_HEADERS[damage]
    edit(path, header=change)
    with pytest.raises(PlanError, match=message) as caught:
        open_plan(path)
    assert str(caught.value).startswith(str(beside(path) if suffix == ".csv" else path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_schema_version_that_is_missing_is_not_taken_for_ours(tmp_path, suffix, request):
    path = make_plan(tmp_path, suffix)
    edit(path, header=lambda h: h.pop("schema_version"))
    with pytest.raises(PlanError, match=r"schema.version"):
        open_plan(path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"5", b"\xff\xfe", b""])
def test_a_header_that_is_no_json_object(tmp_path, text):
    parquet, table = make_plan(tmp_path, ".parquet"), make_plan(tmp_path, ".csv")
    pq.write_table(pq.read_table(parquet).replace_schema_metadata({b"patchplan": text}), parquet)
    beside(table).write_bytes(text)
    with pytest.raises(PlanError, match=r"plan.parquet: the header is damaged: "):
        open_plan(parquet)
    with pytest.raises(PlanError, match=r"plan.csv.json: the header is damaged; plan again"):
        open_plan(table)


def test_a_csv_whose_header_is_a_folder(tmp_path):
    path = make_plan(tmp_path, ".csv")
    beside(path).unlink()
    beside(path).mkdir()
    with pytest.raises(PlanError, match=r"plan.csv.json"):
        open_plan(path)


def test_a_csv_that_was_edited(tmp_path):
    path = make_plan(tmp_path, ".csv")
    path.write_text(path.read_text().replace("56", "55", 1))
    with pytest.raises(PlanError, match=r"not the table that plan.csv.json describes .*--strategy fixed --table"):
        open_plan(path)


HUGE = 10**30
BROKEN_PROMISES = {
    "no-patching": lambda h: h.update(config={}),
    "patching-is-a-number": lambda h: h.update(config={"patching": 3}),
    "patching-without-name": lambda h: h["config"]["patching"].pop("name"),
    "unknown-strategy": lambda h: h["config"]["patching"].update(name="tilde"),
    "overlap-too-large": lambda h: h["config"]["patching"].update(overlaps=[64, 64]),
    "more-patches-than-the-strategy-gives": lambda h: h.update(n_patches=5, n_rows=5),
    "fewer-patches-than-the-strategy-gives": lambda h: h.update(n_patches=3, n_rows=3),
    "tiles-that-are-patches": lambda h: h["config"]["patching"].update(name="sequential"),
    "patches-that-are-tiles": lambda h: h.update(tiles=False),
    "another-image-size": lambda h: h["images"][0].update(data_shape=[1, 1, 200, 200]),
    "fixed-without-rows": lambda h: h["config"].update(patching={"name": "fixed"}),
    "random-without-seed": lambda h: h["config"].update(patching={"name": "random", "patch_size": 64}),
    "sizes-beyond-int64": lambda h: h["images"][0].update(data_shape=[1, 1, HUGE, 80]),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", BROKEN_PROMISES)
def test_a_plan_without_rows_whose_header_contradicts_itself(tmp_path, damage, suffix):
    """Rows that follow from the header are as many, and of the kind, that the header says."""
    path = make_plan(tmp_path, suffix, rows=False)
    _, header = take_apart(path) if suffix == ".json" else ([], read_header(path))
    BROKEN_PROMISES[damage](header)
    if suffix == ".json":
        put_together(path, [], header)
    elif suffix == ".csv":
        text = json.loads(beside(path).read_text())
        beside(path).write_text(json.dumps(text | {"header": header}))
    else:
        table = pq.read_table(path).replace_schema_metadata({"patchplan": json.dumps(header)})
        pq.write_table(table, path)
    with pytest.raises(PlanError, match=re.escape(str(path))):
        use(path)


def read_header(path: Path) -> Any:
    if path.suffix == ".csv":
        return json.loads(beside(path).read_text())["header"]
    return json.loads(pq.read_schema(path).metadata[b"patchplan"])


def set_first(field: str, value: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[0].update({field: value})


def drop(field: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for row in rows:
            del row[field]

    return change


BAD_ROWS = [
    case(drop("coords"), r"missing coords_y, coords_x", id="missing-coords"),
    case(drop("data_idx"), r"missing data_idx", id="missing-data_idx"),
    case(drop("crop_size"), r"missing crop_size_y, crop_size_x", id="missing-crop_size"),
    case(lambda rows: [row.update(surprise=1) for row in rows], r"unknown surprise", id="unknown-column"),
    case(set_first("data_idx", 1), r"patch 0: data_idx is 1; allowed are 0 to 0", id="data_idx-too-large"),
    case(set_first("data_idx", -1), r"patch 0: data_idx is -1; allowed are 0 to", id="data_idx-negative"),
    case(set_first("sample_idx", 1), r"patch 0: sample_idx is 1; allowed are 0 to 0", id="sample_idx-too-large"),
    case(set_first("sample_idx", -1), r"patch 0: sample_idx is -1; allowed are 0 to", id="sample_idx-negative"),
    case(set_first("coords", [100, 0]), r"patch 0: coords of Y is 100; allowed are 0 to 99", id="coords-outside"),
    case(set_first("coords", [0, 80]), r"patch 0: coords of X is 80; allowed are 0 to 79", id="coords-outside-x"),
    case(set_first("coords", [0, -1]), r"patch 0: coords is \[0, -1\]; allowed are 0 to", id="coords-negative"),
    case(set_first("patch_size", [0, 64]), r"patch 0: patch_size is \[0, 64\]; allowed are 1 to", id="patch_size-zero"),
    case(
        set_first("crop_size", [-1, 4]), r"patch 0: crop_size is \[-1, 4\]; allowed are 1 to", id="crop_size-negative"
    ),
    case(set_first("total_tiles", 0), r"patch 0: total_tiles is 0; allowed are 1 to", id="total_tiles-zero"),
    case(set_first("sample_idx", None), r"column sample_idx has 1 empty", id="null"),
    case(
        lambda rows: [row.update(sample_idx="x") for row in rows],
        r"no table of specs|cannot be read|column sample_idx",
        id="text",
    ),
    case(
        lambda rows: [row.update(sample_idx=0.5) for row in rows],
        r"no table of specs|cannot be read|column sample_idx",
        id="fractions",
    ),
    pytest.param(set_first("index", -1), r"index", id="index-negative"),
    case(
        set_first("patch_size", [2**63 - 1] * 2), r"patch 0: patch_size is .*; allowed are 1 to", id="patch_size-2**63"
    ),
    case(set_first("crop_size", [65, 64]), r"patch 0: .*Y reach beyond the patch_size", id="kept-outside-tile"),
    case(
        set_first("stitch_coords", [90, 0]),
        r"patch 0: end of the kept part on Y is 145; allowed",
        id="kept-outside-image",
    ),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("change", "message"), BAD_ROWS)
def test_a_wrong_column_or_value(tmp_path, change, message, suffix):
    path = make_plan(tmp_path, suffix)
    edit(path, rows=change)
    with pytest.raises(PlanError, match=rf"plan{suffix}: .*({message})"):
        use(path)


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
@pytest.mark.parametrize("kind", [str, float, bool], ids=["text-of-digits", "whole-floats", "booleans"])
def test_a_column_of_another_type_is_refused_though_its_values_could_be_cast(tmp_path, suffix, kind):
    """Opening checks types: all columns but split and weight are whole numbers."""
    path = make_plan(tmp_path, suffix)
    edit(path, rows=lambda rows: [row.update(sample_idx=kind(row["sample_idx"])) for row in rows])
    with pytest.raises(PlanError, match=r"sample_idx"):
        use(path)


def test_bytes_are_no_index(tmp_path):
    path = make_plan(tmp_path, ".parquet")
    table = pq.read_table(path)
    bytes_ = pa.array([b"x"] * 4)
    pq.write_table(table.set_column(0, "index", bytes_), path)
    with pytest.raises(PlanError, match=r"plan.parquet: (rows 0 to 4 cannot be read|column index)"):
        use(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("n", [0, 3, 5], ids=["none", "fewer", "more"])
def test_another_number_of_rows_than_the_header_says(tmp_path, n, suffix, request):
    path = make_plan(tmp_path, suffix)
    edit(path, header=lambda h: h.update(n_rows=n))
    with pytest.raises(PlanError, match=rf"found 4 rows, but the header says {n}"):
        use(path)


CONTRADICTIONS = {
    "patch_size": lambda h: h["config"]["patching"].update(patch_size=[7, 7]),
    "samples": lambda h: h["images"][0].update(data_shape=[2, 1, 100, 80]),
    "n_patches": lambda h: h.update(n_patches=0),
    "image-n_patches": lambda h: (h.update(n_patches=9), h["images"][0].update(n_patches=9)),
    "tiles": lambda h: h.update(tiles=not h["tiles"]),
    "size": lambda h: h["images"][0].update(data_shape=[1, 1, 10**30, 80]),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_header_that_contradicts_itself_is_refused_though_there_are_rows(tmp_path, damage, suffix):
    path = make_plan(tmp_path, suffix)
    edit(path, header=damage)
    with pytest.raises(PlanError, match=r"its (config|header)|the header is damaged|cannot be rebuilt"):
        open_plan(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_in_a_plan_that_says_it_has_none(tmp_path, suffix):
    path = make_plan(tmp_path, suffix)
    edit(path, header=lambda h: h.update(rows=False))
    with pytest.raises(PlanError, match=r"found 4 rows, but the header says"):
        open_plan(path)


def test_a_column_given_twice(tmp_path):
    path = make_plan(tmp_path, ".parquet")
    table = pq.read_table(path)
    pq.write_table(table.append_column("index", table.column("index")), path)
    with pytest.raises(PlanError, match=r"some are given twice"):
        open_plan(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_duplicates_and_gaps_are_findings_and_no_refusals(tmp_path, suffix):
    path = make_plan(tmp_path, suffix)
    edit(path, rows=lambda rows: rows[0].update(rows[1]))
    plan = open_plan(path)
    assert plan.table().column("index").to_pylist() == [1, 1, 2, 3]

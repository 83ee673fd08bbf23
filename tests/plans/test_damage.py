"""Whatever happens to the bytes of a plan, opening and using it gives a PlanError or a plan: nothing else."""

import contextlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import PlanError
from patchplan.plans.given import read_given
from patchplan.plans.plan import open_plan
from tests.plans.making import beside, make_plan, use

FILES = [f"{rows}/plan{end}" for rows in ("rows", "bare") for end in (".parquet", ".csv", ".csv.json", ".json")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Small plans of each format, with and without rows; tests put back what they change."""
    folder: Path = tmp_path_factory.mktemp("damage")
    for rows in ("rows", "bare"):
        (folder / rows).mkdir()
        for suffix in (".parquet", ".csv", ".json"):
            make_plan(folder / rows, suffix, rows=rows == "rows")
    return folder


@contextlib.contextmanager
def replaced(path: Path, data: bytes):
    """Other bytes under this name, for a while; yields the plan that the file belongs to."""
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        yield path.with_suffix("") if path.name.endswith(".csv.json") else path
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused_wherever_it_ends(folder, name):
    whole = (folder / name).read_bytes()
    at_an_end = len(whole.rstrip())  # a last newline is no loss where a hash does not guard it
    offsets = {*range(0, at_an_end, 7), *range(at_an_end - 12, at_an_end)}
    for offset in sorted(offsets):
        with (
            replaced(folder / name, whole[:offset]) as plan,
            pytest.raises(PlanError, match=r"plan\.(csv|json|parquet)"),
        ):
            use(plan)


@settings(max_examples=250)
@given(data=st.data())
@pytest.mark.parametrize("name", FILES)
def test_flipped_bytes_give_a_plan_error_or_a_plan(folder, name, data):
    whole = bytearray((folder / name).read_bytes())
    changes = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=5)
    for offset, value in data.draw(changes):
        whole[offset] = value
    with replaced(folder / name, bytes(whole)) as plan, contextlib.suppress(PlanError):
        use(plan)


@settings(max_examples=150)
@given(junk=st.binary(max_size=400), start=st.sampled_from([b"", b"PAR1", b"{", b"[", b'{"specs": [', b"index,"]))
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_any_bytes_under_a_plans_name_give_a_plan_error(tmp_path_factory, suffix, start, junk):
    path = tmp_path_factory.getbasetemp() / f"junk{suffix}"
    path.write_bytes(start + junk)
    for read in (open_plan, read_given):
        with pytest.raises(PlanError, match=r"junk\.(csv|json|parquet): "):
            read(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(data=st.data(), value=JSON)
@pytest.mark.parametrize("rows", ["rows", "bare"])
def test_any_json_in_place_of_any_value_gives_a_plan_error_or_a_plan(folder, rows, data, value):
    """Damage that is still JSON: every value of header and rows replaced by another."""
    path = folder / rows / "plan.json"
    document = json.loads(path.read_text())
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    with replaced(path, json.dumps(document).encode()) as plan, contextlib.suppress(PlanError):
        use(plan)


def test_no_flipped_bit_of_a_parquet_page_changes_the_rows_unseen(tmp_path):
    """A CSV plan is guarded by a hash; a Parquet plan should not give other coordinates either."""
    path = make_plan(tmp_path, ".parquet", {"name": "fixed_random", "patch_size": 8, "seed": 1})
    whole, table = path.read_bytes(), open_plan(path).table()
    group = pq.ParquetFile(path).metadata.row_group(0)
    column = group.column(group.num_columns - 3)  # coords_x
    start = column.data_page_offset
    for offset in range(start, start + column.total_compressed_size):
        damaged = bytearray(whole)
        damaged[offset] ^= 1
        with replaced(path, bytes(damaged)), contextlib.suppress(PlanError):
            assert open_plan(path).table().equals(table), f"byte {offset}"


def test_a_header_beside_another_csv_is_refused(folder, tmp_path):
    """As after a kill between the moves of the two files."""
    other = make_plan(tmp_path, ".csv", {"name": "whole"})
    beside(other).write_bytes(beside(folder / "rows" / "plan.csv").read_bytes())
    with pytest.raises(PlanError, match=r"not the table that plan.csv.json describes"):
        open_plan(other)

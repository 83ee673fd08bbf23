"""Convert: there and back is the same plan, byte for byte, and paths in it lead where they led."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import OutputError, PlanError
from patchplan.plans import convert, write
from patchplan.plans.plan import open_plan
from patchplan.plans.tables.columns import regrouped
from tests.plans.making import SUFFIXES, edit, files_of, make_image
from tests.plans.rewriting import KINDS, make


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Row groups as small as these plans need them to have several."""
    monkeypatch.setattr(convert, "BATCH_ROWS", 16)
    monkeypatch.setattr(write, "BATCH_ROWS", 16)


@pytest.mark.parametrize("kind", KINDS)
def test_a_converted_plan_has_the_bytes_of_one_that_was_planned_so(tmp_path, kind):
    """From each format to each, in the same folder and through another."""
    for suffix in SUFFIXES:
        make(tmp_path / "project", kind, suffix)
    planned = files_of(tmp_path / "project")
    for suffix in SUFFIXES:
        source = tmp_path / "project" / f"{kind}{suffix}"
        for other in SUFFIXES:
            far = tmp_path / "far" / "away" / f"q{other}"
            far.parent.mkdir(parents=True, exist_ok=True)
            patchplan.convert(source, far, overwrite=True)
            patchplan.convert(far, tmp_path / "project" / f"{kind}{suffix}", overwrite=True)
            assert files_of(tmp_path / "project") == planned


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**62),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1),
            st.floats(0, 1e300),
        ),
        min_size=1,
        max_size=8,
    ),
    st.permutations(SUFFIXES),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_numbers_and_names_survive(tmp_path_factory, rows, suffixes):
    """Indices, names of splits and weights are the same in every format."""
    folder = tmp_path_factory.mktemp("any")
    index, split, weight = (list(column) for column in zip(*rows, strict=True))
    zeros, eights = np.zeros(len(rows), np.int64), np.full(len(rows), 8)
    columns = {"index": index, "data_idx": zeros, "sample_idx": zeros, "coords_y": zeros, "coords_x": zeros}
    table = pa.table(columns | {"patch_size_y": eights, "patch_size_x": eights, "split": split, "weight": weight})
    pa.parquet.write_table(table, folder / "t.parquet")
    fixed = {"name": "fixed", "table": str(folder / "t.parquet")}
    patchplan.plan(make_image(folder / "a.npy"), folder / "p0.parquet", patching=fixed)
    for i, suffix in enumerate(suffixes):
        patchplan.convert(folder / f"p{i}{('.parquet', *suffixes)[i]}", folder / f"p{i + 1}{suffix}")
        assert (
            open_plan(folder / f"p{i + 1}{suffix}").table().to_pydict()
            == open_plan(folder / "p0.parquet").table().to_pydict()
        )


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(1, 9), st.integers(1, 9))
def test_tables_are_cut_where_a_pass_ends(lengths, size, every):
    """The rows are the same, in pieces of `size`, but where `every` rows or all end."""
    bounds = np.cumsum([0, *lengths])
    tables = [pa.table({"index": range(a, b)}) for a, b in pairwise(bounds)]
    found = [piece.column("index").to_pylist() for piece in regrouped(tables, size, every)]
    n = int(bounds[-1])
    passes = [range(start, min(start + every, n)) for start in range(0, n, every)]
    assert found == [list(one[a : a + size]) for one in passes for a in range(0, len(one), size)]


def test_all_paths_lead_where_they_led(tmp_path):
    """Of images, sections and tables; those of a subset's whole plan, too."""
    (tmp_path / "far").mkdir()
    for kind in ("filtered", "table"):
        patchplan.convert(make(tmp_path / "project", kind), tmp_path / "far" / f"{kind}.json")
    header = open_plan(tmp_path / "far" / "filtered.json").header
    assert [image.uri for image in header.images] == ["../project/a.npy", "../project/b.npy"]
    assert header.config["regions"]["geojson"] == "../project/{stem}.geojson"
    assert open_plan(tmp_path / "far" / "table.json").header.config["patching"]["table"] == "../project/given.csv"
    patchplan.subset(tmp_path / "far" / "filtered.json", tmp_path / "project" / "part.csv", split="train")
    patchplan.convert(tmp_path / "project" / "part.csv", tmp_path / "part.csv")
    remembered = open_plan(tmp_path / "part.csv").header.config["whole"]["header"]["config"]
    assert remembered["regions"]["geojson"] == "project/{stem}.geojson"


def test_a_plan_that_was_moved_finds_its_images_with_root(tmp_path):
    plan = make(tmp_path / "project", "tiled")
    (tmp_path / "else").mkdir()
    moved = plan.rename(tmp_path / "else" / "p.parquet")
    patchplan.convert(moved, tmp_path / "else" / "q.csv", root=tmp_path / "project")
    image = open_plan(tmp_path / "else" / "q.csv").open_image(1)
    assert image.data_shape == (1, 1, 40, 40)


def test_what_is_told_of_a_plan_without_rows(tmp_path):
    result = patchplan.convert(make(tmp_path, "no rows"), tmp_path / "q.csv")
    assert (result.rows, result.n_rows, result.n_images) == (False, 39, 2)
    assert len((tmp_path / "q.csv").read_text().splitlines()) == 1
    assert not open_plan(tmp_path / "q.csv").header.rows


def test_a_format_that_cannot_hold_the_rows_is_refused_and_nothing_is_written(tmp_path, monkeypatch):
    plan = make(tmp_path, "tiled")
    monkeypatch.setitem(write.MAX_ROWS, ".json", 38)
    with pytest.raises(PlanError, match=r"39 rows are too many for \.json; allowed are 38"):
        patchplan.convert(plan, tmp_path / "q.json")
    assert not list(tmp_path.glob("q*"))


def test_where_nothing_can_be_written(tmp_path):
    plan = make(tmp_path, "tiled", ".csv")
    with pytest.raises(OutputError, match="is read for this plan"):
        patchplan.convert(plan, plan, overwrite=True)
    with pytest.raises(OutputError, match="no output given"):
        patchplan.convert(plan)
    make(tmp_path, "tiled", ".json")
    with pytest.raises(OutputError, match="exists already"):
        patchplan.convert(plan, tmp_path / "tiled.json")
    assert patchplan.convert(plan, tmp_path / "tiled.json", dry_run=True).plan is None


def test_a_damaged_memory_of_the_whole_is_named(tmp_path):
    """What stands in the config of a subset is checked before it is used."""
    patchplan.subset(make(tmp_path, "tiled"), tmp_path / "part.json", image=0)
    edit(tmp_path / "part.json", header=lambda header: header["config"]["whole"].update(order=["colour"]))
    (tmp_path / "far").mkdir()
    with pytest.raises(PlanError, match=r"the header is damaged: config\.whole"):
        patchplan.convert(tmp_path / "part.json", tmp_path / "far" / "q.csv")

"""Merge: parts of a plan are that plan again, byte for byte; what cannot be one plan is refused."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ConfigError, PlanError
from patchplan.plans import merge_same
from patchplan.plans.plan import open_plan
from tests.plans.making import SUFFIXES, edit, make_image
from tests.plans.rewriting import KINDS, ORDERED, make


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """So few rows are held of each part that parts end at any time."""
    monkeypatch.setattr(merge_same, "BATCH_ROWS", 4)
    monkeypatch.setattr(merge_same, "LEAST_ROWS", 2)


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    return {kind: open_plan(make(folder, kind)) for kind in KINDS}


def cut(plan, labels, folder, suffixes):
    """Write the indices of each label as a subset."""
    index = np.unique(plan.table().column("index").to_numpy())
    paths = []
    for label in sorted(set(labels)):
        path = folder / f"{label}{suffixes[label]}"
        patchplan.subset(plan.path, path, index=index[np.array(labels) == label])
        paths.append(path)
    return paths


@st.composite
def labelled(draw, plan):
    n = len(np.unique(plan.table().column("index").to_numpy()))
    return draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))


@pytest.mark.parametrize("kind", ORDERED)
@given(data=st.data())
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_subsets_make_up_the_whole_plan_byte_for_byte(plans, tmp_path_factory, kind, data):
    """However its indices are dealt out, in any formats and order, also in other folders."""
    plan, folder = plans[kind], tmp_path_factory.mktemp("parts")
    paths = cut(plan, data.draw(labelled(plan)), folder, data.draw(st.tuples(*[st.sampled_from(SUFFIXES)] * 4)))
    result = patchplan.merge(data.draw(st.permutations(paths)), plan.path.with_name("m.parquet"), overwrite=True)
    assert result.whole
    assert not result.renumbered
    assert plan.path.with_name("m.parquet").read_bytes() == plan.path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_some_subsets_make_a_subset_with_each_row_once(plans, tmp_path_factory, kind, data):
    """Rows that several parts have are refused, or taken once."""
    plan, folder = plans[kind], tmp_path_factory.mktemp("parts")
    first, second = (folder / f"{name}.csv" for name in ("first", "second"))
    index = np.unique(plan.table().column("index").to_numpy()).tolist()
    some = [data.draw(st.sets(st.sampled_from(index), min_size=1)) for _ in range(2)]
    for path, chosen in zip((first, second), some, strict=True):
        patchplan.subset(plan.path, path, index=sorted(chosen))
    both = some[0] & some[1]
    if both:
        with pytest.raises(PlanError, match=rf"index {min(both)}\b.* in .*first.csv and .*second.csv"):
            patchplan.merge([first, second], dry_run=True)
    result = patchplan.merge([first, second], folder / "m.json", allow_duplicates=True)
    merged, rows = open_plan(folder / "m.json"), plan.table().to_pylist()
    wanted = [row for row in rows if row["index"] in some[0] | some[1]]
    found = merged.table().to_pylist()
    assert sorted(found, key=str) == sorted(wanted, key=str)
    if kind != "table":
        assert found == wanted
    assert result.n_repeated == sum(row["index"] in both for row in rows)
    assert merged.digest == plan.digest


def test_a_plan_of_rows_in_no_order_is_put_together_by_index(plans, tmp_path):
    plan = plans["table"]
    paths = cut(plan, [0, 1, 0, 1], tmp_path, SUFFIXES)
    result = patchplan.merge(paths, tmp_path / "m.csv")
    merged = open_plan(tmp_path / "m.csv")
    assert not result.whole
    assert merged.table().column("index").to_pylist() == [0, 3, 7, 12]
    assert merged.digest == plan.digest


def test_a_whole_plan_is_its_own_part(plans, tmp_path):
    path = plans["tiled"].path
    patchplan.subset(path, tmp_path / "part.csv", image=1)
    result = patchplan.merge([path, tmp_path / "part.csv"], path.with_name("m.csv"), allow_duplicates=True)
    assert (result.whole, result.n_repeated) == (True, 9)


def refused(folder):
    """Plans that cannot be merged, by why."""
    tiled, random = make(folder, "tiled"), make(folder, "random")
    volume = make_image(folder / "v.npy", (8, 20, 20))
    tiles = {"name": "tiled", "patch_size": 8}
    patchplan.plan(volume, folder / "3d.csv", patching=tiles, axes="ZYX")
    patchplan.plan(volume, folder / "z.csv", patching=tiles, axes="ZYX", z_as_samples=True)
    return {
        "2-D": ([tiled, folder / "3d.csv"], r"tiled\.parquet is of 2-D, .*3d\.csv of 3-D"),
        "tiles": ([random, tiled], "of patches, .* of tiles"),
        "columns": ([tiled, make(folder, "split")], "has a column split, .* has none"),
        "same": ([tiled, folder / "3d.csv", tiled], "2-D, .* of 3-D"),
        "twice": ([tiled, make(folder, "sequential").with_name("other.parquet"), tiled], "are of one plan, and others"),
    }


@pytest.mark.parametrize("why", ["2-D", "tiles", "columns", "same", "twice"])
def test_what_cannot_be_one_plan_is_refused(tmp_path, why):
    other = {"name": "tiled", "patch_size": 20}
    plans, message = refused(tmp_path)[why]
    patchplan.plan(tmp_path / "a.npy", tmp_path / "other.parquet", patching=other)
    with pytest.raises(PlanError, match=message):
        patchplan.merge(plans, tmp_path / "m.csv")
    assert not (tmp_path / "m.csv").exists()


def test_plans_that_chose_the_same_patches_in_other_ways_are_refused(tmp_path):
    """Names of splits are not in the digest."""
    make_image(tmp_path / "a.npy")
    head = "index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split\n"
    for name, split in (("t", "train"), ("u", "test")):
        (tmp_path / f"{name}.csv").write_text(f"{head}0,0,0,0,0,8,8,{split}\n")
        fixed = {"name": "fixed", "table": str(tmp_path / f"{name}.csv")}
        patchplan.plan(tmp_path / "a.npy", tmp_path / f"{name}.parquet", patching=fixed)
    with pytest.raises(PlanError, match="plan the same patches, but chosen in other ways"):
        patchplan.merge([tmp_path / "t.parquet", tmp_path / "u.parquet"], dry_run=True)


def test_parts_that_were_edited_are_refused(plans, tmp_path):
    """A row that two parts have must be the same in both, and rows must be in order."""
    path = plans["tiled"].path
    for name in ("a", "b"):
        patchplan.subset(path, tmp_path / f"{name}.json", index="0:9")
    edit(tmp_path / "b.json", rows=lambda rows: rows[4].update(sample_idx=0, coords=[1, 1]))
    with pytest.raises(PlanError, match=r"index 4: rows in .*a\.json and .*b\.json differ"):
        patchplan.merge([tmp_path / "a.json", tmp_path / "b.json"], dry_run=True, allow_duplicates=True)
    edit(tmp_path / "b.json", rows=lambda rows: rows.reverse())
    with pytest.raises(PlanError, match=r"b\.json: its rows are not in the order of index"):
        patchplan.merge([tmp_path / "b.json"], dry_run=True)


def test_parts_that_moved_away_from_their_images_are_other_plans(plans, tmp_path):
    """Their files say other places, so nobody knows that the images are the same; with --root they are found."""
    path = plans["tiled"].path
    patchplan.subset(path, tmp_path / "a.parquet", image=0)
    patchplan.subset(path, tmp_path / "b.parquet", image=1)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.move(tmp_path / "b.parquet", tmp_path / "deep" / "er")
    parts = [tmp_path / "a.parquet", tmp_path / "deep" / "er" / "b.parquet"]
    assert patchplan.merge(parts, dry_run=True).renumbered
    assert patchplan.merge(parts, dry_run=True, root=tmp_path).whole


def test_no_plans_are_refused():
    with pytest.raises(ConfigError, match="no plans given"):
        patchplan.merge([], dry_run=True)

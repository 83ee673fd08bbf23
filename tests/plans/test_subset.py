"""Subset: the rows that were asked for, under their indices, as a plan whose tiles belong to the whole."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ConfigError, PlanError
from patchplan.plans.plan import open_plan
from patchplan.plans.subset_numbers import parse_numbers
from tests.plans.making import SUFFIXES, make_image
from tests.plans.rewriting import KINDS, make


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    return {kind: open_plan(make(folder, kind)) for kind in KINDS}


def rows_of(path):
    return open_plan(path).table().to_pylist()


def meets(row, box):
    return all(
        row[f"coords_{axis}"] < box[i + 2] and row[f"coords_{axis}"] + row[f"patch_size_{axis}"] > box[i]
        for i, axis in enumerate("yx")
    )


@st.composite
def conditions(draw, rows):
    """Some conditions that a row which is there fulfils."""
    row = draw(st.sampled_from(rows))
    y, x = row["coords_y"], row["coords_x"]
    some = {
        "image": row["data_idx"],
        "index": sorted({row["index"], *draw(st.lists(st.sampled_from([one["index"] for one in rows])))}),
        "box": [y, x, y + draw(st.integers(1, 30)), x + draw(st.integers(1, 30))],
        **{name: row[name] for name in ("split", "fold", "epoch") if name in row},
    }
    chosen = draw(st.sets(st.sampled_from(sorted(some)), min_size=1))
    return {name: some[name] for name in chosen}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_subset_has_exactly_the_rows_that_fulfil_all_conditions(plans, kind, data, suffix):
    """In the order of the plan; digest, images and counts are true; epochs only where they are alike."""
    plan = plans[kind]
    rows = plan.table().to_pylist()
    asked = data.draw(conditions(rows))
    tests = {
        "image": lambda row: row["data_idx"] == asked["image"],
        "index": lambda row: row["index"] in asked["index"],
        "box": lambda row: meets(row, asked["box"]),
    }
    wanted = [
        row for row in rows if all(tests[name](row) if name in tests else row[name] == asked[name] for name in asked)
    ]
    path = plan.path.parent / f"part{suffix}"
    result = patchplan.subset(plan.path, path, **asked, overwrite=True)
    part = open_plan(path)
    assert part.table().to_pylist() == wanted
    assert part.digest == plan.digest == result.subset_of
    assert (result.n_rows, result.of_rows) == (len(wanted), len(rows))
    assert [image.fingerprint for image in part.images] == [image.fingerprint for image in plan.images]
    counts = np.bincount([row["data_idx"] for row in wanted], minlength=2)
    assert [image.n_patches * (part.header.epochs or 1) for image in part.images] == counts.tolist()
    if part.header.epochs is not None:
        assert [part.epoch(k).n for k in range(part.header.epochs)] == [part.n_patches] * part.header.epochs


@given(
    st.lists(st.one_of(st.integers(0, 40), st.tuples(st.integers(0, 40), st.integers(1, 9))), min_size=1),
    st.integers(0, 40),
    st.integers(1, 9),
)
def test_numbers_and_ranges_are_the_set_that_they_name(listed, start, length):
    """Whole, in pieces, and told in any order."""
    text = " ".join(str(one) if isinstance(one, int) else f"{one[0]}:{sum(one)}" for one in listed)
    named = set()
    for one in listed:
        named |= {one} if isinstance(one, int) else set(range(one[0], sum(one)))
    numbers = parse_numbers("--index", text)
    assert set(np.flatnonzero(numbers.hold(np.arange(60))).tolist()) == named
    assert numbers.meet(start, start + length) == bool(named & set(range(start, start + length)))
    assert set(numbers.single.tolist()) == {one for one in listed if isinstance(one, int)}


def test_a_subset_of_a_subset_is_one_of_the_whole(plans, tmp_path):
    whole = plans["random"]
    patchplan.subset(whole.path, tmp_path / "a.csv", image=0)
    patchplan.subset(tmp_path / "a.csv", tmp_path / "b.json", epoch=1)
    part = open_plan(tmp_path / "b.json")
    assert part.digest == whole.digest
    assert part.header.epochs is None
    assert set(part.table().column("epoch").to_pylist()) == {1}


def test_indices_from_a_file(plans, tmp_path):
    (tmp_path / "list.txt").write_text("3, 5\n7:9\n")
    patchplan.subset(plans["tiled"].path, tmp_path / "p.csv", index=f"@{tmp_path / 'list.txt'}")
    assert [row["index"] for row in rows_of(tmp_path / "p.csv")] == [3, 5, 7, 8]


def test_of_ten_thousand_million_computed_rows_only_some_are_looked_at(tmp_path):
    """A plan of 10^10 tiles is its header; a part of it takes what the part takes."""
    image = make_image(tmp_path / "a.npy", (3_000_000, 3_500_000))
    tiled = {"name": "tiled", "patch_size": 64, "overlaps": 32}
    result = patchplan.plan(image, tmp_path / "p.parquet", config=tiled, rows=False)
    assert result.n_patches > 10**10
    asked = [0, 12345, 5_000_000_123, result.n_patches - 1]
    patchplan.subset(tmp_path / "p.parquet", tmp_path / "some.csv", index=asked)
    assert [row["index"] for row in rows_of(tmp_path / "some.csv")] == asked


def test_missing_tiles_are_those_that_stitch_misses(plans, tmp_path):
    """Their tiles, given beside the others, complete the images."""
    plan = plans["tiled"].path
    patchplan.subset(plan, tmp_path / "some.csv", index="0:5,20,30:39")
    patchplan.extract(tmp_path / "some.csv", tmp_path / "some.zarr")
    patchplan.extract(tmp_path / "some.csv", tmp_path / "some")
    sorted((tmp_path / "some").iterdir())[3].write_bytes(b"")
    for tiles, n in (("some.zarr", 24), ("some", 25)):
        result = patchplan.subset(plan, tmp_path / "rest.parquet", missing=tmp_path / tiles, overwrite=True)
        assert result.n_rows == n
    patchplan.extract(tmp_path / "rest.parquet", tmp_path / "rest.zarr")
    stitched = patchplan.stitch(plan, [tmp_path / "some.zarr", tmp_path / "rest.zarr"], later_wins=True)
    for name, array in zip("ab", stitched.arrays, strict=True):
        np.testing.assert_array_equal(array, np.load(plan.parent / f"{name}.npy"))
    with pytest.raises(PlanError, match="all 39 tiles are there"):
        patchplan.subset(plan, dry_run=True, missing=[tmp_path / "some.zarr", tmp_path / "rest.zarr"])


def test_missing_tiles_of_an_epoch(plans, tmp_path):
    plan = plans["random"].path
    patchplan.extract(plan, tmp_path / "first.npy", epoch=1)
    patchplan.extract(plan, tmp_path / "first.zarr", epoch=1, empty=True, channels_out=1, dtype="u1")
    result = patchplan.subset(plan, tmp_path / "p.csv", missing=tmp_path / "first.zarr", epoch=1, image=1)
    assert result.n_rows == 9
    assert {row["epoch"] for row in rows_of(tmp_path / "p.csv")} == {1}


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "nothing asked": ({}, ConfigError, "nothing says which rows"),
    "no such image": ({"image": 2}, PlanError, "--image: found 2; .* has images 0 to 1"),
    "no number": ({"image": "a"}, ConfigError, "--image: found 'a'; allowed: numbers from 0"),
    "negative": ({"index": [-1]}, ConfigError, "--index: found .*; allowed: whole numbers from 0"),
    "no whole number": ({"index": [0.5]}, ConfigError, "--index: found .*0.5"),
    "empty list": ({"index": ""}, ConfigError, "--index: found no number in ''"),
    "range backwards": ({"index": "5:5"}, ConfigError, "--index: found '5:5'"),
    "no such index": ({"index": "3,99,98"}, PlanError, "has no index 98, 99"),
    "no such file": ({"index": "@no.txt"}, ConfigError, r"--index: no\.txt: is no file"),
    "no splits": ({"split": "train"}, PlanError, "--split: found 'train'; .* has no column split"),
    "no epochs": ({"epoch": 0}, PlanError, "--epoch: found 0; .* has no column epoch"),
    "negative fold": ({"fold": -1}, ConfigError, "--fold: found -1"),
    "half a box": ({"box": "1,2,3"}, ConfigError, "--box: found .*; allowed: .*y0, x0, y1, x1"),
    "box of 3-D": ({"box": [0, 0, 0, 9, 9, 9]}, PlanError, "--box: found 6 numbers; .* is 2-D: y0, x0, y1, x1"),
    "box outside": ({"image": 1, "box": "50,0,60,9"}, PlanError, "--image 9, --box .*, together none"),
    "no tiles": ({"missing": "no.zarr"}, patchplan.PatchplanError, r"no\.zarr: no such file"),
    "absent chunks": ({"missing": "no.zarr", "absent_chunks": "ones"}, ConfigError, "--absent-chunks: found 'ones'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_subset_is_refused(plans, tmp_path, case):
    asked, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        patchplan.subset(plans["tiled"].path, tmp_path / "p.csv", **asked)
    assert not list(tmp_path.iterdir())


def test_a_split_that_is_not_there_names_those_that_are(plans):
    with pytest.raises(PlanError, match=r"--split: found 'val'; .* has train, validation"):
        patchplan.subset(plans["split"].path, dry_run=True, split="val")

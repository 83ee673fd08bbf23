"""GeoJSON of plans: every patch a rectangle where it is, valid for RFC 7946 and QuPath, the same in any pieces."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tifffile
from hypothesis import example, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.api import exporting
from patchplan.errors import ImageError
from patchplan.plans.export import geojson
from patchplan.plans.export import rows as export_rows
from patchplan.plans.export.boxes import split_colour
from patchplan.plans.export.rows import as_text, joined, texts
from patchplan.sampling.regions.geojson import read_geojson
from tests.plans.geojson_rules import read_valid
from tests.plans.making import make_image

NAMES = {"Z": ("z", "depth"), "Y": ("y", "height"), "X": ("x", "width")}


row_of_columns = st.tuples(
    st.integers(0, 2**62) | st.sampled_from([0, 9999, 10_000, 2**32 - 1, 2**32, 10**8]),
    st.integers(0, 12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
)


@given(st.lists(row_of_columns, min_size=1, max_size=20), st.integers(0, 3), st.integers(1, 200))
@example([(0, 0, 0.0, "")], 0, 1)
def test_columns_of_texts_become_rows(rows, skipped, held):
    large, small, fractions, words = zip(*rows, strict=True)
    numbers = [as_text(np.array(column)) for column in (large, small, fractions)]
    some = pa.array(["é"] * skipped + [*words, "no"])[skipped:-1]
    parts = ["\n", numbers[0], ",", numbers[1], ":é:", texts(some), numbers[2]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_rows, "HELD", held)
        found = b"".join(joined(parts, len(rows)))
    assert found.decode() == "".join(
        f"\n{a},{b}:é:{word}{pa.scalar(fraction).cast(pa.string())}" for a, b, fraction, word in rows
    )


@st.composite
def planned(draw):
    """Axes, shape, whether Z are samples, and a strategy that fits."""
    axes = draw(st.sampled_from(["YX", "TYX", "TCYX", "ZYX", "ZTYX", "TZYX", "QTYX"]))
    shape = [draw(st.integers(2, 40) if letter in "YX" else st.integers(1, 4)) for letter in axes]
    z_as_samples = draw(st.booleans())
    deep = "Z" in axes and not z_as_samples and shape[axes.index("Z")] > 1
    size = [draw(st.integers(2, 12)) for _ in range(3 if deep else 2)]
    name = draw(st.sampled_from(["tiled", "sequential", "random", "fixed_random"]))
    config: dict[str, Any] = {"name": name, "patch_size": size}
    config |= {"seed": 1} if "random" in name else {"overlaps": [draw(st.integers(0, n - 1)) for n in size]}
    return axes, shape, z_as_samples, config


def expected(plan: patchplan.Plan, spec: Any, *, kept: bool) -> tuple[list[list[int]], tuple[int, int]]:
    """Return the rectangle of a spec and its plane, the slow way."""
    start = spec["stitch_coords"] if kept else spec["coords"]
    size = spec["crop_size"] if kept else spec["patch_size"]
    image = plan.images[0]
    stop = [min(a + n, limit) for a, n, limit in zip(start, size, image.data_shape[2:], strict=True)]
    (y0, x0), (y1, x1) = start[-2:], stop[-2:]
    z_as_samples = plan.header.config.get("z_as_samples")
    space = "YX" if plan.header.ndim == 2 else "ZYX"
    z = t = 0
    left = spec["sample_idx"]
    weight = 1
    for letter, n in reversed(list(zip(image.axes, image.shape, strict=True))):
        if letter in space + "C" or (letter == "Z" and not z_as_samples):
            continue
        left, here = divmod(left, n)
        if letter == "Z":
            z = here
        else:
            t, weight = t + here * weight, weight * n
    if len(start) == 3:
        z = range(start[0], stop[0])[(stop[0] - start[0]) // 2]
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], (z, t)


@given(planned(), st.booleans(), st.sampled_from(["tile", "annotation"]), st.integers(1, 50))
@example(("YX", [5, 5], False, {"name": "tiled", "patch_size": [12, 12], "overlaps": [4, 4]}), True, "tile", 1)
@example(("TZYX", [3, 4, 9, 9], True, {"name": "random", "patch_size": [4, 4], "seed": 1}), False, "tile", 7)
@settings(max_examples=40)
def test_every_patch_is_a_rectangle_where_it_is_in_the_order_of_the_plan(case, kept, object_type, rows):
    axes, shape, z_as_samples, config = case
    kept = kept and config["name"] == "tiled"
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "ROWS", rows)
        folder = Path(name)
        image = make_image(folder / "a.npy", shape)
        patchplan.plan(image, folder / "p.csv", config=config, axes=axes, z_as_samples=z_as_samples)
        plan = patchplan.open_plan(folder / "p.csv")
        result = patchplan.export(plan, folder / "p.geojson", kept=kept, object_type=object_type)
        features, specs = read_valid(folder / "p.geojson"), list(plan.specs())
        text = (folder / "p.geojson").read_text()
    assert (result.n_features, result.bytes) == (plan.n_rows, len(text))
    lines = ",\n".join(json.dumps(feature, separators=(",", ":")) for feature in features)
    assert text == f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
    assert len(features) == plan.n_rows
    flat = plan.header.ndim == 2 and plan.images[0].data_shape[0] == 1
    for index, (spec, feature) in enumerate(zip(specs, features, strict=True)):
        ring, (z, t) = expected(plan, spec, kept=kept)
        plane = {} if flat else {"plane": {"c": -1, "z": z, "t": t}}
        assert feature["geometry"] == {"type": "Polygon", "coordinates": [ring]} | plane
        assert feature["properties"] == {
            "objectType": object_type,
            "name": str(index),
            "measurements": {"index": index, "sample": spec["sample_idx"], **measured(spec)},
        }


def measured(spec: Any) -> dict[str, int]:
    """Return what measurements say of a spec: all that it says, unclipped."""
    letters = "ZYX"[-len(spec["coords"]) :]
    pairs = [("", spec["coords"], spec["patch_size"])]
    if "crop_size" in spec:
        pairs.append(("kept ", spec["stitch_coords"], spec["crop_size"]))
    return {
        prefix + name: value
        for prefix, start, size in pairs
        for axis, letter in enumerate(letters)
        for name, value in zip(NAMES[letter], (start[axis], size[axis]), strict=True)
    }


rows_by_hand = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 60),
        st.integers(1, 30),
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=5),
        st.floats(allow_nan=False, min_value=0) | st.sampled_from([0.1, 5e-324, 1e300, float("inf")]),
    ),
    min_size=1,
    max_size=20,
)


def plan_by_hand(folder: Path, rows: Any) -> patchplan.Plan:
    """Three images, and a plan whose rows jump between them; index is 10 and more, and has gaps."""
    import pyarrow.parquet as pq

    data_idx, start, size, split, weight = (list(column) for column in zip(*rows, strict=True))
    columns = {"index": [10 + 3 * i for i in range(len(rows))], "data_idx": data_idx, "sample_idx": [0] * len(rows)}
    columns |= {"coords_y": start, "coords_x": start, "patch_size_y": size, "patch_size_x": size}
    pq.write_table(pa.table(columns | {"split": split, "weight": weight}), folder / "table.parquet")
    for name in "abc":
        (folder / name).mkdir()
    images = [make_image(folder / name / "a.npy", (61, 61)) for name in "abc"]
    config = {"name": "fixed", "table": str(folder / "table.parquet")}
    patchplan.plan(images, folder / "plan.parquet", config=config)
    return patchplan.open_plan(folder / "plan.parquet")


@given(rows_by_hand, st.integers(1, 7))
@example([(2, 0, 1, 'a"\\\x01\u2028', 0.5), (0, 60, 30, "train", float("inf")), (2, 3, 4, "{}", 1.0)], 2)
@settings(max_examples=40)
def test_a_folder_has_a_file_per_image_with_its_rows_and_each_is_what_that_image_alone_gives(rows, size):
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "ROWS", size)
        folder = Path(name)
        plan = plan_by_hand(folder, rows)
        result = patchplan.export(plan, folder / "out")
        there = sorted({row[0] for row in rows})
        assert [image.data_idx for image in result.images] == there
        assert sum(image.n_features for image in result.images) == len(rows)
        for data_idx, image in zip(there, result.images, strict=True):
            file = folder / "out" / "abc"[data_idx] / "a.geojson"
            assert image.file == str(file)
            features = read_valid(file)
            mine = [(10 + 3 * i, *row) for i, row in enumerate(rows) if row[0] == data_idx]
            for feature, (index, _, _, _, split, weight) in zip(features, mine, strict=True):
                found = feature["properties"]
                assert (found["name"], found["classification"]["name"]) == (str(index), split)
                assert found["measurements"].get("weight") == (None if weight == float("inf") else weight)
                assert tuple(found["classification"]["color"]) == split_colour(split)
            patch.setattr(geojson, "MAX_NAMES", size)
            one = patchplan.export(plan, folder / "one.geojson", image=data_idx, overwrite=True)
            assert one.n_features == len(mine)
            assert (folder / "one.geojson").read_bytes() == file.read_bytes()


def test_our_own_regions_read_it(tmp_path):
    rows = [(0, 0, 20, "train", 1.0), (0, 20, 20, "test", 1.0), (0, 40, 20, "train", 1.0)]
    plan_by_hand(tmp_path, rows)
    patchplan.export(tmp_path / "plan.parquet", tmp_path / "p.geojson", image=0, object_type="annotation")
    found = read_geojson(tmp_path / "p.geojson", ("train",))
    assert dict(found.classes) == {"train": 2, "test": 1}
    assert len(found.outlines) == 2


def test_splits_have_colours_of_their_own():
    names = ["train", "validation", "test", "val", "mine", "yours"]
    assert len({split_colour(name) for name in names}) == len(names)
    assert all(0 <= part <= 255 for name in names for part in split_colour(name))


@pytest.fixture
def pyramid(tmp_path, monkeypatch):
    """An image of 64 x 48 with a level of half the resolution, planned there."""
    monkeypatch.chdir(tmp_path)
    with tifffile.TiffWriter("pyramid.tif") as tif:
        tif.write(np.zeros((64, 47), "u1"), tile=(16, 16), subifds=1, metadata={"axes": "YX"})
        tif.write(np.zeros((32, 24), "u1"), tile=(16, 16), subfiletype=1)
    patchplan.plan("pyramid.tif", "p.csv", level=1, config={"name": "tiled", "patch_size": 20, "overlaps": 2})
    return tmp_path


def test_patches_of_a_lower_level_are_drawn_where_they_are_in_the_full_resolution(pyramid):
    result = patchplan.export("p.csv", "p.geojson")
    assert result.notes == ("pyramid.tif: coordinates are those of the full resolution, 1.95833 times the plan's",)
    features = read_valid(pyramid / "p.geojson")
    assert features[-1]["geometry"]["coordinates"][0][2] == [47, 64]
    assert features[0]["geometry"]["coordinates"][0][2] == [39.17, 40]
    assert features[0]["properties"]["measurements"]["width"] == 20, "measurements are the plan's"


def test_a_lower_level_needs_its_image(pyramid):
    (pyramid / "pyramid.tif").unlink()
    with pytest.raises(ImageError, match=r"pyramid\.tif.*planned at level 1.*full resolution"):
        patchplan.export("p.csv", "p.geojson")
    assert not (pyramid / "p.geojson").exists()


def test_several_axes_of_samples_become_t_and_it_is_said(tmp_path):
    image = make_image(tmp_path / "a.npy", (2, 3, 8, 8))
    patchplan.plan(image, tmp_path / "p.json", axes="TQYX", config={"name": "whole"})
    result = patchplan.export(tmp_path / "p.json", dry_run=True)
    assert result.notes == ("a.npy: axes T of 2, Q of 3 become one axis T, the last changing fastest",)


def test_progress_counts_rows(tmp_path):
    image = make_image(tmp_path / "a.npy", (64, 64))
    patchplan.plan(image, tmp_path / "p.json", config={"name": "tiled", "patch_size": 16, "overlaps": 0})
    seen = []
    patchplan.export(tmp_path / "p.json", dry_run=True, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("rows", 16, 16)

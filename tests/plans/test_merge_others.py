"""Merge of plans that are no parts of one: they follow each other under new indices, and images become those of all."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import PlanError
from patchplan.plans.plan import open_plan
from tests.plans.making import make_image
from tests.plans.rewriting import make


def test_other_plans_follow_each_other_under_new_indices(tmp_path):
    """Images are united by file; numbers are 0, 1, 2, ...; `source_index` has the old ones."""
    first = make(tmp_path / "project", "tiled")
    patchplan.subset(first, tmp_path / "part.csv", image=1)
    second = make_image(tmp_path / "c.npy", (30, 30))
    images = [second, tmp_path / "project" / "a.npy"]
    patchplan.plan(images, tmp_path / "second.json", patching={"name": "tiled", "patch_size": 32})
    result = patchplan.merge([tmp_path / "part.csv", tmp_path / "second.json"], tmp_path / "m.parquet")
    merged = open_plan(tmp_path / "m.parquet")
    assert result.renumbered
    assert [image.uri for image in merged.images] == ["project/a.npy", "project/b.npy", "c.npy"]
    assert [image.n_patches for image in merged.images] == [6, 9, 1]
    table = merged.table().to_pydict()
    assert table["index"] == list(range(16))
    assert table["source_index"] == [*range(30, 39), *range(7)]
    assert table["data_idx"] == [1] * 9 + [2] + [0] * 6
    assert table["total_tiles"] == [9] * 9 + [1] + [6] * 6
    assert table["coords_x"] == [
        *open_plan(tmp_path / "part.csv").table().column("coords_x").to_pylist(),
        *open_plan(tmp_path / "second.json").table().column("coords_x").to_pylist(),
    ]
    assert patchplan.inspect(tmp_path / "m.parquet").findings == ()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=12, unique=True), st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_patch_has_one_new_index_in_all_folds(tmp_path_factory, rows, data):
    """New indices are as many as old ones, tell the same patches apart, and begin where the plan before ends."""
    folder = tmp_path_factory.mktemp("folds")
    text = "index,fold,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n"
    (folder / "t.csv").write_text(text + "".join(f"{index},{fold},0,0,{index},{fold},8,8\n" for index, fold in rows))
    (folder / "u.csv").write_text(text + "0,0,0,0,30,30,8,8\n1,0,0,0,30,31,8,8\n")
    for name in "tu":
        fixed = {"name": "fixed", "table": str(folder / f"{name}.csv")}
        patchplan.plan(make_image(folder / "a.npy"), folder / f"{name}.parquet", patching=fixed)
    names = data.draw(st.permutations("tu"))
    patchplan.merge([folder / f"{name}.parquet" for name in names], folder / "m.csv")
    table = open_plan(folder / "m.csv").table().to_pylist()
    n = len({index for index, _ in rows})
    mine = [row for row in table if row["coords_y"] < 30]
    first = 0 if names[0] == "t" else 2
    assert [(row["source_index"], row["fold"]) for row in mine] == rows
    assert len({(row["source_index"], row["index"]) for row in mine}) == n
    assert {row["index"] for row in mine} == set(range(first, first + n))


def test_epochs_of_other_plans_go_side_by_side(tmp_path):
    first = make(tmp_path, "random")
    image = make_image(tmp_path / "c.npy", (30, 30))
    random = {"name": "random", "patch_size": 16, "seed": 9}
    patchplan.plan(image, tmp_path / "second.csv", patching=random, epochs=3)
    result = patchplan.merge([first, tmp_path / "second.csv"], tmp_path / "m.parquet")
    merged = open_plan(tmp_path / "m.parquet")
    assert (result.epochs, result.n_patches, result.n_rows) == (3, 33, 99)
    for epoch in range(3):
        rows = merged.epoch(epoch)
        assert rows.index == range(33)
        assert (
            rows.specs(29, 33).coords.tolist()
            == open_plan(tmp_path / "second.csv").epoch(epoch).specs().coords.tolist()
        )
    patchplan.plan(image, tmp_path / "third.csv", patching=random, epochs=2)
    with pytest.raises(PlanError, match=r"equally many epochs: .* has 3, .* has 2"):
        patchplan.merge([first, tmp_path / "third.csv"], dry_run=True)


def test_a_merged_plan_is_extracted_and_stitched(tmp_path):
    tiled = {"name": "tiled", "patch_size": 16, "overlaps": 4}
    pixels = np.random.default_rng(1).integers(0, 255, (2, 40, 50), dtype=np.uint8)
    for name, image in zip("ab", pixels, strict=True):
        np.save(tmp_path / f"{name}.npy", image)
        patchplan.plan(tmp_path / f"{name}.npy", tmp_path / f"{name}.csv", patching=tiled)
    result = patchplan.merge([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "m.parquet")
    assert result.renumbered, "images of one shape and plan are still two images"
    patchplan.extract(tmp_path / "m.parquet", tmp_path / "tiles.zarr")
    stitched = patchplan.stitch(tmp_path / "m.parquet", tmp_path / "tiles.zarr")
    np.testing.assert_array_equal(np.stack(stitched.arrays), pixels)
    partition = patchplan.inspect(tmp_path / "m.parquet").total.partition
    assert partition is not None
    assert partition.exact


def test_an_image_that_has_changed_is_refused(tmp_path):
    first = make(tmp_path, "tiled")
    (tmp_path / "a.npy").unlink()
    make_image(tmp_path / "a.npy", (61, 70))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "q.csv", patching={"name": "tiled", "patch_size": 16})
    with pytest.raises(PlanError, match=r"image 0 \(a\.npy\) of .*q\.csv is not as it was when .*tiled\.parquet"):
        patchplan.merge([first, tmp_path / "q.csv"], dry_run=True)


def test_slices_of_stacks_go_with_flat_images(tmp_path):
    make_image(tmp_path / "v.npy", (8, 20, 20))
    make_image(tmp_path / "flat.npy", (1, 20, 20))
    tiled = {"name": "tiled", "patch_size": [8, 8]}
    patchplan.plan(tmp_path / "v.npy", tmp_path / "p.csv", patching=tiled, axes="ZYX", z_as_samples=True)
    patchplan.plan(tmp_path / "flat.npy", tmp_path / "q.csv", patching=tiled, axes="ZYX")
    patchplan.merge([tmp_path / "p.csv", tmp_path / "q.csv"], tmp_path / "m.csv")
    merged = open_plan(tmp_path / "m.csv")
    assert [merged.open_image(i).data_shape for i in range(2)] == [(8, 1, 20, 20), (1, 1, 20, 20)]

"""A table's own columns go with its patches into the plan."""

import pytest

import patchplan
from tests.plans.making import SUFFIXES, make_image

TABLE = """index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split,weight
7,0,0,0,0,8,8,train,0.5
3,0,0,8,8,8,8,validation,1.5
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_index_split_and_weight_of_a_table_are_kept(tmp_path, suffix):
    (tmp_path / "t.csv").write_text(TABLE)
    fixed = {"name": "fixed", "table": str(tmp_path / "t.csv")}
    patchplan.plan(make_image(tmp_path / "a.npy"), tmp_path / f"p{suffix}", patching=fixed)
    rows = patchplan.open_plan(tmp_path / f"p{suffix}").table().to_pydict()
    assert rows["index"] == [7, 3]
    assert rows["split"] == ["train", "validation"]
    assert rows["weight"] == [0.5, 1.5]


def test_epochs_of_a_plan_that_is_used_as_a_table_are_kept(tmp_path):
    image = make_image(tmp_path / "a.npy")
    random = {"name": "random", "patch_size": 32, "seed": 1}
    patchplan.plan(image, tmp_path / "p.parquet", patching=random, epochs=2)
    fixed = {"name": "fixed", "table": str(tmp_path / "p.parquet")}
    patchplan.plan(image, tmp_path / "q.parquet", patching=fixed)
    given, kept = (patchplan.open_plan(tmp_path / name).table() for name in ("p.parquet", "q.parquet"))
    assert kept.equals(given)
    assert set(kept.column("epoch").to_pylist()) == {0, 1}

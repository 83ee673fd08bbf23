"""Plans of what to run again: rows that keep their indices, whose tiles complete those that are there."""

import numpy as np
import pytest

import patchplan
from patchplan.errors import AuditError
from patchplan.plans.plan import open_plan
from tests.stitching.making import cut, pixels_of, plan_pixels, same, without, write_folder, write_stack


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_the_plan_of_what_is_missing_completes_the_image(plan, tmp_path, pixels, suffix):
    """Its rows keep their indices; tiles cut by it and given as well complete the image."""
    first = write_stack(tmp_path / "first.zarr", without(cut(plan), 1, 5, 10))
    again = tmp_path / f"again{suffix}"
    with pytest.raises(AuditError, match="missing"):
        patchplan.stitch(plan, first, tmp_path / "out.npy", missing_output=again)
    rerun = open_plan(again)
    assert list(rerun.epoch().index) == [1, 5, 10]
    second = write_folder(tmp_path / "second", cut(rerun), index=[1, 5, 10])
    result = patchplan.stitch(plan, [first, second], tmp_path / "out.npy", missing_output=tmp_path / "none.csv")
    same(np.load(tmp_path / "out.npy"), pixels)
    assert result.missing_output is None
    assert not (tmp_path / "none.csv").exists()


def test_the_plan_of_what_to_run_again_holds_broken_and_misshapen_tiles_too(plan, tmp_path):
    tiles = cut(plan)
    tiles[4] = tiles[4][:, :2]
    folder = write_folder(tmp_path / "tiles", without(tiles, 0))
    (folder / "09.npy").write_bytes(b"")
    checked = patchplan.stitch(plan, folder, check=True, missing_output=tmp_path / "again.csv")
    assert checked.missing_output == str(tmp_path / "again.csv")
    assert list(open_plan(tmp_path / "again.csv").epoch().index) == [0, 4, 9]


def test_the_plan_of_what_is_missing_in_one_epoch(tmp_path):
    patching = {"name": "random", "patch_size": 9, "seed": 4}
    plan = plan_pixels(tmp_path, pixels_of((31, 40)), "YX", patching, epochs=3)
    tiles = cut(plan, epoch=1)
    stack = write_stack(tmp_path / "tiles.zarr", without(tiles, 2))
    checked = patchplan.stitch(plan, stack, epoch=1, blend="max", check=True, missing_output=tmp_path / "again.json")
    assert list(checked.missing) == [2]
    rerun = open_plan(tmp_path / "again.json")
    again = next(iter(rerun.specs()))
    assert again == plan.epoch(1).specs()[2]


def test_a_plan_with_some_of_the_tiles_takes_them_out_of_all(plan, tmp_path, pixels):
    """Unplanned tiles are no harm; what they would have covered is filled and counted."""
    stack = write_stack(tmp_path / "first.zarr", without(cut(plan), 1, 5))
    patchplan.stitch(plan, stack, check=True, missing_output=tmp_path / "some.csv")
    some = open_plan(tmp_path / "some.csv")
    result = patchplan.stitch(some, write_folder(tmp_path / "all", cut(plan)), fill_value=9)
    found = result.arrays[0]
    kept = np.zeros(pixels.shape, bool)
    for spec in some.specs():
        (y, x), (h, w) = spec["stitch_coords"], spec["crop_size"]  # type: ignore[typeddict-item]
        kept[y : y + h, x : x + w] = True
    np.testing.assert_array_equal(found, np.where(kept, pixels, 9))
    assert result.outputs[0].filled == (~kept).sum()

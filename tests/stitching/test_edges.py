"""What once went wrong at the edges, each test named after its symptom."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import patchplan
from patchplan.api import preparing
from patchplan.coverage.report import inspect_plan
from patchplan.errors import AuditError, ConfigError, OutputError, PlanError, TilesError
from patchplan.plans.plan import open_plan
from patchplan.plans.subset import write_subset
from tests.plans.making import files_of
from tests.stitching.making import cut, grid, kept_parts, pixels_of, plan_of, plan_pixels, same, write_image
from tests.stitching.oracle import stitch_slowly


@pytest.mark.parametrize("blend", ["crop", "gaussian", "max"])
@pytest.mark.parametrize("chunks", [4, 8, 16])
def test_a_margin_wider_than_a_block_leaves_blocks_without_tiles(tmp_path, chunks, blend):
    plan = plan_pixels(tmp_path, pixels_of((60, 50), "f4"), "YX", grid(32, 16))
    tiles = np.stack(cut(plan))[:, :, 8:-8, 8:-8]
    options = {"margin": 8, "blend": blend, "fill_value": 7}
    patchplan.stitch(plan, tiles, tmp_path / "out.zarr", chunks=chunks, **options)
    found = patchplan.open_image(tmp_path / "out.zarr").read(0, (0, 0), (60, 50))
    wanted = stitch_slowly(plan, list(tiles), margin=(8, 8), blend=blend, fill_value=7)[0][0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert (found[:, :8] == 7).all()


@pytest.mark.parametrize("blend", ["crop", "average", "max"])
def test_a_stitcher_takes_kept_parts_of_a_part_of_a_grid(tmp_path, blend):
    whole = plan_pixels(tmp_path, pixels_of((40, 40), "f4"), "YX", grid(16, 4))
    write_subset(whole.epoch(), np.arange(1, whole.n_patches), tmp_path / "part.csv")
    plan = open_plan(tmp_path / "part.csv")
    tiles = kept_parts(plan)
    with patchplan.Stitcher(plan, blend=blend) as stitcher:
        for index, tile in zip(plan.epoch().index, tiles, strict=True):
            stitcher.add(index, tile)
    same(stitcher.result.arrays[0], patchplan.stitch(plan, tiles, blend=blend).arrays[0])


def test_rows_of_many_images_are_counted_once(tmp_path, monkeypatch):
    inputs = [write_image(tmp_path / f"{k}.npy", pixels_of((9, 8), "u1", k), "YX") for k in range(5)]
    table = tmp_path / "table.csv"
    rows = "".join(f"{k},0,{y},{x},3,4\n" for k in range(5) for y in (0, 3, 6) for x in (0, 4))
    table.write_text("data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n" + rows)
    plan = plan_of(inputs, {"name": "fixed", "table": str(table)}, axes="YX")
    calls = []

    def counted(*args):
        calls.append(args)
        return inspect_plan(*args)

    monkeypatch.setattr(preparing, "inspect_plan", counted)
    result = patchplan.stitch(plan, cut(plan))
    assert len(calls) == 1
    for found, path in zip(result.arrays, inputs, strict=True):
        same(found, np.load(path))


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif", "out.npy"])
def test_an_error_of_the_system_in_the_users_own_code_stays_what_it_is(plan, tmp_path, name):
    def predict() -> None:
        with patchplan.Stitcher(plan, tmp_path / name) as stitcher:
            stitcher.add(0, cut(plan)[0])
            raise FileNotFoundError("my weights")

    with pytest.raises(FileNotFoundError, match="my weights") as error:
        predict()
    assert not isinstance(error.value, patchplan.PatchplanError)
    assert {path.name for path in tmp_path.iterdir()} == {"image.npy", "plan.parquet"}


def test_a_tile_without_a_pixel_does_not_begin_its_image_again(tmp_path):
    config = {**grid(16, name="sequential"), "multiple_of": 16}
    plan = plan_pixels(tmp_path, pixels_of((17, 17), "f4"), "YX", config)
    tiles = np.stack(cut(plan))[:, :, 4:-4, 4:-4]
    with patchplan.Stitcher(plan, tmp_path / "out.npy", margin=4, blend="max") as stitcher:
        stitcher.add(range(plan.n_patches), tiles)
    same(np.load(tmp_path / "out.npy"), patchplan.stitch(plan, tiles, margin=4, blend="max").arrays[0])


def test_a_dry_run_writes_no_plan_of_what_is_missing_and_refuses_what_a_run_refuses(plan, tmp_path):
    (tmp_path / "out.zarr").mkdir()
    (tmp_path / "out.zarr" / "mine.txt").write_text("mine")
    before = files_of(tmp_path)
    with pytest.raises(OutputError, match=r"mine\.txt"):
        patchplan.stitch(plan, cut(plan), tmp_path / "out.zarr", dry_run=True, overwrite=True)
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    np.save(tiles / "0.npy", cut(plan)[0])
    with pytest.raises(AuditError, match="are missing"):
        patchplan.stitch(plan, tiles, tmp_path / "o.npy", dry_run=True, missing_output=tmp_path / "again.csv")
    assert not (tmp_path / "again.csv").exists()
    assert before.items() <= files_of(tmp_path).items()


def test_epochs_of_a_table_are_each_a_partition(plan, tmp_path, pixels):
    specs = patchplan.open_plan(plan.path).table()
    names = [name for name in specs.schema.names if name != "epoch"]
    rows = list(zip(*(specs.column(name).to_pylist() for name in names), strict=True))
    lines = [",".join(map(str, (*row, epoch))) for epoch in (0, 1) for row in rows]
    table = tmp_path / "table.csv"
    table.write_text("\n".join([",".join((*names, "epoch")), *lines]))
    patchplan.plan(tmp_path / "image.npy", tmp_path / "twice.csv", patching={"name": "fixed", "table": str(table)})
    same(patchplan.stitch(tmp_path / "twice.csv", np.stack(cut(plan)), epoch=1).arrays[0], pixels)


def test_two_tiff_files_of_one_run_have_each_a_uuid_of_its_own(tmp_path):
    for day in ("day1", "day2"):
        (tmp_path / day).mkdir()
        write_image(tmp_path / day / "scan.npy", pixels_of((20, 20)), "YX")
    plan = plan_of(tmp_path / "day1" / "scan.npy", grid(16)).path.parent.parent
    patchplan.plan([plan / "day1" / "scan.npy", plan / "day2" / "scan.npy"], plan / "p.csv", patching=grid(16))
    patchplan.stitch(plan / "p.csv", cut(open_plan(plan / "p.csv")), plan / "out", format="ome-tiff")
    found = set()
    for path in Path(str(plan / "out")).rglob("*.ome.tif"):
        with tifffile.TiffFile(path) as tif:
            found.add(str(tif.ome_metadata).split("urn:uuid:")[1][:36])
    assert len(found) == 2


@pytest.mark.parametrize("wanted", ["u1", "u2", "i4", "u8", "i8"])
def test_half_floats_become_whole_numbers_without_a_warning(tmp_path, wanted):
    plan = plan_pixels(tmp_path, np.zeros((1, 8), "u1"), "YX", grid((1, 8)))
    tiles = np.array([[[[-np.inf, -1.5, 0.5, 1.5, 2.5, 60_000, np.inf, np.nan]]]], "f2")
    found = patchplan.stitch(plan, tiles, dtype=wanted).arrays[0][0].tolist()
    limits = np.iinfo(wanted)
    values = [limits.min, -2, 0, 2, 2, 60_000, limits.max, 0]
    assert found == [min(max(value, limits.min), limits.max) for value in values]


@pytest.mark.parametrize("tile", [np.full((1, 13, 13), "a"), np.full((1, 13, 13), None)], ids=["text", "objects"])
def test_a_tile_that_is_no_numbers_is_refused(plan, tile):
    with pytest.raises(TilesError, match="tile 0 is of type"), patchplan.Stitcher(plan) as stitcher:
        stitcher.add(0, tile)


@pytest.mark.parametrize("index", [1.7, float("inf"), "1"])
def test_an_index_that_is_no_whole_number_is_refused(plan, index):
    with pytest.raises(TilesError, match="is no whole number"), patchplan.Stitcher(plan) as stitcher:
        stitcher.add([index], cut(plan)[:1])


@pytest.mark.parametrize(("value", "dtype"), [(10**400, None), (1e30, "float16")])
def test_a_fill_value_beyond_the_dtype_is_refused(plan, value, dtype):
    with pytest.raises(ConfigError, match="--fill-value: found"):
        patchplan.stitch(plan, cut(plan), fill_value=value, dtype=dtype)


def test_all_tiles_that_do_not_fit_are_listed(tmp_path):
    plan = plan_pixels(tmp_path, np.zeros((1, 10_100), "u1"), "YX", grid(1))
    with pytest.raises(AuditError, match="do not fit") as error:
        patchplan.stitch(plan, np.zeros((plan.n_patches, 1, 2, 2), "u1"))
    assert len(error.value.bad) == plan.n_patches


def test_tiles_added_by_several_threads_are_put_together_one_after_the_other(tmp_path):
    pixels = pixels_of((100, 90), "f4")
    plan = plan_pixels(tmp_path, pixels, "YX", grid(8, 4))
    tiles = cut(plan)
    with (
        patchplan.Stitcher(plan, tmp_path / "out.zarr", chunks=16, blend="gaussian") as stitcher,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(stitcher.add, range(len(tiles)), tiles))
    patchplan.stitch(plan, tiles, tmp_path / "whole.zarr", chunks=16, blend="gaussian")
    assert files_of(tmp_path / "out.zarr") == files_of(tmp_path / "whole.zarr")


@pytest.mark.parametrize("blend", ["average", "gaussian", "linear"])
def test_the_largest_floats_do_not_overflow_where_a_tile_is_absent(plan, blend):
    tiles = [np.full((1, 13, 13), 3e38, "f4") for _ in range(plan.n_patches)]
    rest = {k: tile for k, tile in enumerate(tiles) if k != 5}
    with patchplan.Stitcher(plan, blend=blend, allow_missing=True) as stitcher:
        stitcher.add(list(rest), list(rest.values()))
    found = stitcher.result.arrays[0]
    np.testing.assert_allclose(found[found > 0], 3e38, rtol=1e-5)


@pytest.mark.parametrize(
    ("option", "value"), [("scale", "1,1,1"), ("chunks", (8, 8, 8)), ("shards", "8,8,8"), ("margin", [1, 1, 1])]
)
def test_an_entry_too_many_is_called_that(plan, tmp_path, option, value):
    with pytest.raises(ConfigError, match=rf"--{option}: found 3 entries; the plan is 2-D"):
        patchplan.stitch(plan, cut(plan), tmp_path / "out.zarr", **{option: value})


def test_numbers_of_numpy_are_numbers(plan, pixels):
    options: dict[str, Any] = {"fill_value": np.float32(3), "workers": np.int64(2), "margin": np.array([0, 0])}
    same(patchplan.stitch(plan, cut(plan), **options).arrays[0], pixels)


def test_a_part_of_an_epoch_is_asked_for_by_its_epoch(tmp_path):
    config = {"name": "random", "patch_size": 8, "seed": 1}
    plan = plan_pixels(tmp_path, pixels_of((20, 20)), "YX", config, epochs=2)
    write_subset(plan.epoch(1), np.array([0]), tmp_path / "part.csv")
    with pytest.raises(PlanError, match=r"--epoch: found 0; .*part.csv has rows of epoch 1 only"):
        patchplan.extract(tmp_path / "part.csv", tmp_path / "tiles")


def test_a_plan_of_what_to_run_again_is_not_written_where_nothing_is_and_that_is_said(plan, tmp_path):
    again = tmp_path / "again.csv"
    result = patchplan.stitch(plan, cut(plan), missing_output=again)
    assert result.missing_output is None
    assert not again.exists()
    assert any("again.csv is not written" in note for note in result.notes)

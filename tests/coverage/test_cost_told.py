"""What is told of cost: plans without rows, large ones, sources that moved, advice, memory of a stitch, bad input."""

import json
import re

import numpy as np
import pytest

import patchplan
from patchplan.coverage import cost, cost_runs, cost_stored
from patchplan.coverage.report import inspect_plan
from patchplan.patching import create_patching
from tests.coverage.loading import chunked_plan

MUCH = 10**12


def grid_plan(folder, *, rows=True, overlaps=8, chunks=(64, 64)):
    import zarr

    zarr.create_array(folder / "a.zarr", shape=(500, 700), chunks=chunks, dtype="uint16", overwrite=True)
    path = folder / f"{'rows' if rows else 'none'}.parquet"
    patching = {"name": "tiled", "patch_size": 32, "overlaps": overlaps}
    patchplan.plan(folder / "a.zarr", path, patching=patching, rows=rows, overwrite=True)
    return path


def test_a_plan_without_rows_costs_what_its_rows_do(tmp_path):
    with_rows, without = (
        patchplan.inspect(grid_plan(tmp_path, rows=rows), cost=True, cache="40KB") for rows in (True, False)
    )
    assert [image.cost for image in with_rows.images] == [image.cost for image in without.images]
    assert with_rows.total.cost == without.total.cost
    assert with_rows.images[0].cost is not None
    assert with_rows.images[0].cost.unit == "chunk"
    assert with_rows.images[0].cost.chunks == (64, 64)
    assert (with_rows.images[0].cost.chunk_bytes, with_rows.images[0].cost.n_chunks) == (8192, 88)


def test_a_large_plan_without_rows_is_sampled_and_near_the_truth(tmp_path, monkeypatch):
    path = grid_plan(tmp_path, rows=False)
    exact = patchplan.inspect(path, cost=True, cache="40KB").total.cost
    monkeypatch.setattr(cost_runs, "EXACT_ROWS", 400)
    monkeypatch.setattr(cost_runs, "RUN_ROWS", 30)
    sampled = patchplan.inspect(path, cost=True, cache="40KB").total.cost
    assert exact is not None
    assert sampled is not None
    assert (exact.sampled, sampled.sampled) == (False, True)
    assert (sampled.bytes_read, sampled.n_counted) == (exact.bytes_read, 16 * 15)
    assert exact.plan_order is not None
    assert sampled.plan_order is not None
    assert sampled.morton_order is not None
    assert sampled.plan_order.amplification == pytest.approx(exact.plan_order.amplification, rel=0.1)
    assert (sampled.plan_order.at_most, sampled.morton_order.at_most) == (False, True)
    assert sampled.chunks_per_patch == exact.chunks_per_patch


def test_too_many_touches_are_sampled_and_a_patch_of_too_many_is_not_told(tmp_path, monkeypatch):
    path = grid_plan(tmp_path)
    monkeypatch.setattr(cost_runs, "MAX_TOUCHES", 100)
    result = patchplan.inspect(path, cost=True, cache="40KB")
    found = result.total.cost
    assert found is not None
    assert found.sampled
    assert found.plan_order is not None
    assert re.search(r"by a sample of \d+ patches: [\d.]+ x .* order, at most [\d.]+ x in Morton", result._repr_html_())
    monkeypatch.setattr(cost, "MAX_PATCH", 1)
    found = patchplan.inspect(path, cost=True, cache="40KB").total.cost
    assert found is not None
    assert (found.plan_order, found.advice) == (None, None)
    assert found.bytes_read > found.bytes
    found = patchplan.inspect(path, cost=True).total.cost
    assert found is not None
    assert found.plan_order is not None
    assert not found.sampled


def test_a_cache_of_much_but_not_all_is_warm_when_a_sample_begins(tmp_path, monkeypatch):
    """Random patches, nine of ten chunks held: what a run finds held was touched long before it."""
    import zarr

    zarr.create_array(tmp_path / "a.zarr", shape=(1000, 1000), chunks=(10, 10), dtype="uint8")
    path = tmp_path / "plan.parquet"
    patching = {"name": "random", "patch_size": 10, "seed": 1}
    patchplan.plan(tmp_path / "a.zarr", path, patching=patching, epochs=8)
    exact = patchplan.inspect(path, cost=True, cache="900KB").total.cost
    monkeypatch.setattr(cost_runs, "EXACT_ROWS", 400)
    monkeypatch.setattr(cost_runs, "RUN_ROWS", 200)
    sampled = patchplan.inspect(path, cost=True, cache="900KB").total.cost
    assert exact is not None
    assert exact.plan_order is not None
    assert sampled is not None
    assert sampled.plan_order is not None
    assert sampled.n_counted == 1600
    assert sampled.plan_order.amplification == pytest.approx(exact.plan_order.amplification, rel=0.1)
    assert not sampled.plan_order.at_most
    monkeypatch.setattr(cost_runs, "MAX_MARKS", 400)
    unknown = patchplan.inspect(path, cost=True, cache="900KB").total.cost
    assert unknown is not None
    assert unknown.plan_order is not None
    assert unknown.plan_order.at_most
    assert unknown.plan_order.bytes > 2 * sampled.plan_order.bytes


def test_the_last_strip_counts_as_long_as_it_is(tmp_path):
    """100 rows in strips of 64: 64 and 36, not 64 and 64."""
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 50), "u2"), rowsperstrip=64)
    path = tmp_path / "plan.parquet"
    patchplan.plan(tmp_path / "a.tif", path, patching={"name": "whole"})
    for cache in (0, 5000, "1GB"):
        found = patchplan.inspect(path, cost=True, cache=cache).images[0].cost
        assert found is not None
        assert found.plan_order is not None
        assert (found.plan_order.bytes, found.plan_order.amplification) == (100 * 50 * 2, 1)
        assert (found.chunks, found.n_chunks, found.chunk_bytes) == ((64, 50), 2, 64 * 50 * 2)


def test_images_that_are_not_looked_into_are_counted_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cost_stored, "MAX_OPENED", 1)
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.zeros((20, 20), "u1"))
    path = tmp_path / "plan.parquet"
    patchplan.plan([tmp_path / "a.npy", tmp_path / "b.npy"], path, patching={"name": "whole"})
    result = patchplan.inspect(path, cost=True)
    assert [image.cost and image.cost.as_planned for image in result.images] == [False, True]
    assert result.total.cost is not None
    assert result.total.cost.images_as_planned == 1
    assert "stored: of 1 of 2 images as the plan says" in result._repr_html_()


def test_what_the_file_says_goes_before_what_the_plan_says(tmp_path):
    """Of a source that has gone the header says it; of one stored anew the file."""
    path = grid_plan(tmp_path)
    there = patchplan.inspect(path, cost=True, cache=0).images[0].cost
    (tmp_path / "a.zarr").rename(tmp_path / "b.zarr")
    gone = patchplan.inspect(path, cost=True, cache=0)
    assert there is not None
    assert gone.images[0].cost == there.model_copy(update={"as_planned": True})
    assert "not found below" in gone.findings[0]
    (tmp_path / "else").mkdir()
    grid_plan(tmp_path / "else", chunks=(16, 700))
    moved = patchplan.inspect(path, root=tmp_path / "else", cost=True, cache=0)
    assert moved.images[0].cost is not None
    assert moved.images[0].cost.chunks == (16, 700)


def test_chunks_that_nobody_knows_are_said_to_be_unknown():
    shapes = [(1, 1, 20, 20)]
    specs = create_patching(shapes, {"name": "tiled", "patch_size": 10, "overlaps": 0}).get_patch_specs()
    plan = chunked_plan(shapes, [None], specs)
    image = plan.header.images[0].model_copy(update={"kind": "tiff"})
    plan.header = plan.header.model_copy(update={"images": (image,)})
    for chunks in (None, (1, 1, 8), (1, 1, 0, 8), (1, 1, 2**62, 2**62)):
        image = image.model_copy(update={"chunks": chunks})
        plan.header = plan.header.model_copy(update={"images": (image,)})
        result = inspect_plan(plan, cache=MUCH)
        found = result.images[0].cost
        assert found is not None
        assert (found.unit, found.plan_order, found.bytes_read) == (None, None, 800)
        assert "cannot be told" in result._repr_html_()


def test_a_plan_of_no_patches_costs_nothing():
    shapes = [(2, 1, 5, 6)]
    specs = create_patching(shapes, {"name": "tiled", "patch_size": 4, "overlaps": 0}).get_patch_specs(0, 0)
    found = inspect_plan(chunked_plan(shapes, [(1, 1, 2, 2)], specs), cache=5).total.cost
    assert found is not None
    assert (found.bytes_read, found.chunks_per_patch, found.n_counted) == (0, None, 0)
    assert found.plan_order is not None
    assert found.plan_order.amplification is None


def test_advice_names_what_is_much_cheaper(tmp_path):
    """Morton order where a row of tiles is larger than the cache; larger tiles where overlaps are; else nothing."""
    small = patchplan.inspect(grid_plan(tmp_path, overlaps=0), cost=True, cache="20KB").total.cost
    assert small is not None
    assert small.advice is not None
    assert "Morton order" in small.advice
    much = patchplan.inspect(grid_plan(tmp_path, overlaps=24), cost=True).total.cost
    assert much is not None
    assert much.advice is not None
    assert re.fullmatch(
        r"tiles of 56 x 56 with the same overlap would read 2\.9\d x the images' pixels instead of 14\.9 x", much.advice
    )
    little = patchplan.inspect(grid_plan(tmp_path, overlaps=4), cost=True).total.cost
    assert little is not None
    assert little.advice is None


@pytest.mark.parametrize(
    "case",
    {
        "tiles": ((500, 700), "uint16", "YX", {"name": "tiled", "patch_size": 64, "overlaps": 8}),
        "averages": ((500, 700), "float32", "YX", {"name": "sequential", "patch_size": 64, "overlaps": 32}),
        "volumes": ((40, 150, 150), "float32", "ZYX", {"name": "tiled", "patch_size": 32, "overlaps": 8}),
        "colours": ((3, 300, 300), "uint8", "CYX", {"name": "tiled", "patch_size": 100, "overlaps": 9}),
        "random": ((300, 300), "float32", "YX", {"name": "random", "patch_size": 32, "seed": 1}),
        "whole": ((4, 300, 300), "uint16", "TYX", {"name": "whole"}),
    }.items(),
    ids=lambda case: case[0],
)
def test_the_memory_of_a_stitch_is_enough_for_it(tmp_path, case):
    _, (shape, dtype, axes, patching) = case
    np.save(tmp_path / "a.npy", np.zeros(shape, dtype))
    path = tmp_path / "plan.parquet"
    patchplan.plan(tmp_path / "a.npy", path, patching=patching, axes=axes)
    found = patchplan.inspect(path, cost=True).total.cost
    assert found is not None
    assert found.stitch_memory is not None
    patchplan.extract(path, tmp_path / "tiles.zarr")
    patchplan.stitch(path, tmp_path / "tiles.zarr", tmp_path / "out.zarr", memory=found.stitch_memory.least)
    with pytest.raises(patchplan.PatchplanError, match="--memory: found"):
        patchplan.stitch(path, tmp_path / "tiles.zarr", tmp_path / "no.zarr", memory=found.stitch_memory.least // 3)


@pytest.mark.parametrize("cache", ["", "much", "-1", -1, True, "1XB", [1]])
def test_a_cache_of_no_size_is_refused(tmp_path, cache):
    with pytest.raises(patchplan.PatchplanError, match=r"--cache: found .*; allowed: 0, or a size such as"):
        patchplan.inspect(grid_plan(tmp_path), cost=True, cache=cache)


def test_cost_is_told_when_asked_for_and_shown_in_a_notebook(tmp_path):
    seen = []
    path = grid_plan(tmp_path)
    assert patchplan.inspect(path).total.cost is None
    for cache, what in (("40KB", "touches of chunks"), ("1GB", "chunks")):
        result = patchplan.inspect(path, cost=True, cache=cache, progress=lambda *step: seen.append(step))
        assert seen[-1][0] == what
        assert seen[-1][1] == seen[-1][2]
    assert "loaded through a cache of 1GB" in result._repr_html_()
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert json.loads(result.model_dump_json())["images"][0]["cost"]["plan_order"]["amplification"] > 0

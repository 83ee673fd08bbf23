"""`patchplan.inspect` from Python: what is told of plans that are whole, edited, empty or moved."""

import json
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.coverage.require import failures
from patchplan.coverage.result import percent
from patchplan.errors import ConfigError, PlanError
from patchplan.patching import create_patching
from tests.coverage.canvas import TablePlan, canvases, painted
from tests.plans.making import edit, make_image, make_plan

TILED = {"name": "tiled", "patch_size": 16, "overlaps": 4}
SUFFIXES = pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])


def edited(folder, suffix, change, config=TILED):
    """A plan of 100 x 80 pixels with its rows changed, its header as it was but for the number of rows."""
    path = make_plan(folder, suffix, config)

    def rows(found):
        change(found)
        n.append(len(found))

    n: list[int] = []
    edit(path, rows)
    edit(path, header=lambda header: header.update(n_rows=n[0]))
    return path


def inspect(*args, **options) -> Any:
    """The result, for whose `partition` this asks no type checker."""
    return patchplan.inspect(*args, **options)


def boxes(found):
    return [(box.sample_idx, box.start, box.stop) for box in found]


@SUFFIXES
def test_a_whole_plan_has_nothing_to_tell(tmp_path, suffix):
    result = inspect(make_plan(tmp_path, suffix, TILED))
    assert result.findings == ()
    assert result.images[0].partition is not None
    assert result.images[0].partition.exact
    assert result.total.uncovered_fraction == 0
    assert failures(result, require_partition=True, require_full_coverage=True, max_uncovered=0) == []


@SUFFIXES
def test_a_tile_removed_is_a_gap_with_coordinates(tmp_path, suffix):
    path = edited(tmp_path, suffix, lambda rows: rows.pop(10))
    result = inspect(path)
    partition = result.images[0].partition
    tile = create_patching([(1, 1, 100, 80)], TILED).get_patch_spec(10)
    start = tile["stitch_coords"]  # type: ignore[typeddict-item]
    stop = tuple(a + n for a, n in zip(start, tile["crop_size"], strict=True))  # type: ignore[typeddict-item]
    assert not partition.exact
    assert boxes(partition.gaps) == [(0, start, stop)]
    assert partition.doubles == ()
    assert any("index: 1 missing: 10" in line for line in result.findings)
    assert any("image 0 (a.npy): 55 rows, but the header says 56" in line for line in result.findings)
    assert any("column total_tiles says 56" in line for line in result.findings)
    assert result.images[0].uncovered, "what one tile alone had read"


@SUFFIXES
def test_a_tile_moved_by_a_pixel_leaves_a_gap_and_a_double(tmp_path, suffix):
    def move(rows):
        for field in ("coords", "stitch_coords"):
            rows[10][field][1] += 1

    partition = inspect(edited(tmp_path, suffix, move)).images[0].partition
    assert (partition.gap_pixels, partition.double_pixels, partition.misplaced_pixels) == (12, 12, 0)
    assert boxes(partition.gaps) == [(0, (14, 38), (26, 39))]
    assert boxes(partition.doubles) == [(0, (14, 50), (26, 51))]
    assert not partition.exact


@pytest.mark.parametrize("field", ["coords", "stitch_coords", "crop_coords"])
def test_a_tile_put_elsewhere_than_it_is_read_is_found(tmp_path, field):
    """Where only the reading moves, every pixel is still written once, but not with its own value."""

    def move(rows):
        rows[10][field][0] += 1

    partition = inspect(edited(tmp_path, ".json", move)).images[0].partition
    assert not partition.exact
    row = 14 + (field == "stitch_coords")
    assert boxes(partition.misplaced) == [(0, (row, 38), (row + 12, 50))]
    assert partition.misplaced_pixels == 144


@SUFFIXES
def test_a_tile_doubled_is_found(tmp_path, suffix):
    result = inspect(edited(tmp_path, suffix, lambda rows: rows.append(rows[10])))
    partition = result.total.partition
    assert boxes(partition.doubles) == [(0, (14, 38), (26, 50))]
    assert partition.doubles[0].data_idx == 0
    assert (partition.gap_pixels, partition.double_pixels) == (0, 144)
    assert any("index: 1 there more than once: 10" in line for line in result.findings)


def test_rows_in_another_order_are_no_finding(tmp_path):
    result = inspect(edited(tmp_path, ".json", lambda rows: rows.reverse()))
    assert result.findings == ()
    assert result.total.partition.exact


def test_indices_out_of_order_are_told_with_duplicates_and_gaps(tmp_path):
    def shuffle(rows):
        rows.reverse()
        rows[0]["index"] = 3
        rows[5]["index"] = 3

    findings = inspect(edited(tmp_path, ".json", shuffle)).findings
    assert "index: 1 there more than once: 3" in findings
    assert "index: 2 missing: 50, 55" in findings


def test_epochs_count_together_and_index_may_repeat_in_each(tmp_path):
    config = {"name": "random", "patch_size": 16, "seed": 1}
    path = make_plan(tmp_path, ".parquet", config, epochs=3)
    result = inspect(path)
    plan = patchplan.open_plan(path)
    canvas = canvases(plan.data_shapes, plan.specs())[0]
    image = result.images[0]
    assert (result.findings, result.epochs, image.n_patches) == ((), 3, plan.n_rows)
    assert sum(visits * pixels for visits, pixels in image.visits.histogram) == canvas.sum()
    assert image.redundancy == pytest.approx(canvas.sum() / canvas.size)


def test_uncovered_boxes_hold_exactly_the_zeros_and_max_boxes_limits_them(tmp_path):
    path = make_plan(tmp_path, ".parquet", {"name": "random", "patch_size": 16, "seed": 1})
    plan = patchplan.open_plan(path)
    canvas = canvases(plan.data_shapes, plan.specs())[0]
    image = inspect(plan, max_boxes=10**6).images[0]
    assert np.array_equal(painted(image.uncovered, image.data_shape), canvas == 0)
    few = inspect(plan, max_boxes=3).images[0]
    assert few.uncovered == image.uncovered[:3]
    assert inspect(plan, max_boxes=0).images[0].uncovered == ()
    with pytest.raises(ConfigError, match="--max-boxes: found -1; allowed: a whole number from 0"):
        inspect(plan, max_boxes=-1)


def test_a_plan_of_no_patches_covers_nothing(tmp_path):
    path = edited(tmp_path, ".parquet", lambda rows: rows.clear(), {"name": "random", "patch_size": 16, "seed": 1})
    edit(path, header=lambda header: header.update(n_rows=0))
    shapes = [(2, 1, 5, 6)]
    specs = create_patching(shapes, {"name": "tiled", "patch_size": 4, "overlaps": 0}).get_patch_specs(0, 0)
    result = inspect(TablePlan(shapes, specs))
    image = result.images[0]
    assert image.visits.histogram == ((0, 60),)
    assert (image.n_patches, image.uncovered_fraction, image.redundancy) == (0, 1, 0)
    assert boxes(image.partition.gaps) == [(0, (0, 0), (5, 6)), (1, (0, 0), (5, 6))]
    failed = failures(result, require_partition=True, require_full_coverage=True, max_uncovered=0.5)
    assert len(failed) == 3


def test_negative_coordinates_and_rows_outside_their_image_are_refused(tmp_path):
    def negative(rows):
        rows[3]["coords"][0] = -1

    def outside(rows):
        rows[3]["stitch_coords"][0] = 99

    with pytest.raises(PlanError, match="patch 3: coords is"):
        inspect(edited(tmp_path, ".json", negative))
    (tmp_path / "plan.json").unlink()
    with pytest.raises(PlanError, match="patch 3: end of the kept part on Y is 1"):
        inspect(edited(tmp_path, ".json", outside))


def test_images_that_moved_or_changed_are_told_and_root_finds_them(tmp_path):
    path = make_plan(tmp_path, ".parquet", TILED)
    (tmp_path / "a.npy").rename(tmp_path / "b.npy")
    result = inspect(path)
    assert result.total.partition.exact
    assert [line for line in result.findings if "image 0 (a.npy); say where they are now with --root" in line]
    make_image(tmp_path / "a.npy", (100, 81))
    assert "image 0 (a.npy): is not as it was planned" in inspect(path).findings[0]
    (tmp_path / "there").mkdir()
    (tmp_path / "b.npy").rename(tmp_path / "there" / "a.npy")
    assert inspect(path, root=tmp_path / "there").findings == ()
    assert inspect(patchplan.open_plan(path), root=tmp_path / "there").findings == ()


def test_samples_are_told_one_by_one_up_to_a_hundred(tmp_path):
    make_image(tmp_path / "a.npy", (120, 20, 30))
    path = make_plan(tmp_path, ".parquet", {"name": "random", "patch_size": 8, "seed": 1}, axes="TYX")
    plan = patchplan.open_plan(path)
    canvas = canvases(plan.data_shapes, plan.specs())[0]
    image = inspect(plan).images[0]
    assert (image.n_samples, len(image.samples)) == (120, 100)
    for sample in image.samples:
        assert sample.visits.mean == pytest.approx(canvas[sample.sample_idx].mean())
        assert sample.uncovered_fraction == (canvas[sample.sample_idx] == 0).mean()
        assert sample.n_patches == 12


def test_progress_counts_rows_and_every_pixel(tmp_path):
    seen = []
    inspect(make_plan(tmp_path, ".parquet", TILED), progress=lambda *step: seen.append(step))
    assert ("rows", 56, 56) in seen
    assert seen[-1] == ("pixels", 16_000, 16_000)


def test_a_notebook_shows_an_escaped_table(tmp_path):
    name = "<b>&.npy"
    make_image(tmp_path / name)
    patchplan.plan(tmp_path / name, tmp_path / "plan.parquet", patching=TILED)
    html = inspect(tmp_path / "plan.parquet")._repr_html_()
    assert "&lt;b&gt;&amp;.npy" in html
    assert "<b>" not in html
    assert html.count("<tr>") == 3
    assert "exact" in html


def test_images_are_told_as_they_are_read(tmp_path):
    make_image(tmp_path / "a.npy", (4, 20, 30))
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + bytes(20))
    result = patchplan.inspect_images(tmp_path, axes="ZYX", skip_broken=True)
    image = result.images[0]
    assert (image.axes, image.data_shape, image.dtype) == ("ZYX", (1, 1, 4, 20, 30), "uint8")
    assert "broken.tif" in result.skipped[0]


def test_results_are_json_and_back(tmp_path):
    result = inspect(make_plan(tmp_path, ".parquet", TILED))
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert list(json.loads(result.model_dump_json())["images"][0])[:4] == ["data_idx", "uri", "data_shape", "n_patches"]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_fraction_outside_0_to_1_is_refused(tmp_path, value):
    result = inspect(make_plan(tmp_path, ".parquet", TILED))
    with pytest.raises(ConfigError, match=r"--max-uncovered: found .*; allowed: 0 to 1"):
        failures(result, max_uncovered=value)


def test_little_is_not_shown_as_nothing():
    assert percent(1e-12) == "< 0.01 %"
    assert percent(1 - 1e-12) == "> 99.99 %"

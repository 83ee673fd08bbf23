"""`patchplan.plan` and `open_plan` from Python: which images, how many axes, what is said of them."""

import numpy as np
import pytest
import tifffile

import patchplan
from patchplan.errors import ImageError, ShapeError

TILED = {"name": "tiled", "patch_size": 16, "overlaps": 4}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to stand in, with a 2-D image, a stack, a stack of one slice and one without named axes."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (5, 40, 50), np.uint8)
    tifffile.imwrite("flat.tif", pixels[0])
    tifffile.imwrite("stack.tif", pixels, metadata={"axes": "ZYX"})
    tifffile.imwrite("one.tif", pixels[:1], metadata={"axes": "ZYX"}, imagej=True)
    tifffile.imwrite("unnamed.tif", pixels)
    return tmp_path


def shapes_of(*inputs, patching=TILED, **options):
    result = patchplan.plan(list(inputs), dry_run=True, patching=patching, **options)
    return [image.data_shape for image in result.images]


def test_a_single_number_means_the_spatial_axes_that_are_left(folder):
    assert shapes_of("flat.tif") == [(1, 1, 40, 50)]
    assert shapes_of("stack.tif") == [(1, 1, 5, 40, 50)]
    assert shapes_of("stack.tif", z_as_samples=True) == [(5, 1, 40, 50)]
    assert shapes_of("unnamed.tif") == [(5, 1, 40, 50)]
    assert shapes_of("unnamed.tif", axes="ZYX") == [(1, 1, 5, 40, 50)]


def test_a_stack_beside_a_flat_image_is_refused_naming_both(folder):
    with pytest.raises(ImageError, match=r"image 0 \(flat.tif\) is 2-D, image 1 \(stack.tif\) is 3-D.*--z-as-samples"):
        shapes_of("flat.tif", "stack.tif")


def test_two_entries_on_a_stack_are_refused_naming_the_option(folder):
    with pytest.raises(ImageError, match=r"stack.tif.*--z-as-samples"):
        shapes_of("stack.tif", patching={**TILED, "patch_size": [16, 16]})


def test_three_entries_on_unnamed_pages_are_refused_naming_the_option(folder):
    with pytest.raises(ImageError, match=r"unnamed.tif.*--axes ZYX"):
        shapes_of("unnamed.tif", patching={"name": "random", "patch_size": [2, 16, 16]})


def test_samples_without_a_name_are_said_once(folder):
    result = patchplan.plan("unnamed.tif", dry_run=True, patching=TILED)
    assert len(result.notes) == 1
    assert "--axes ZYX" in result.notes[0]


def test_stratified_names_the_small_image_and_skip_small_leaves_it_out(folder):
    tifffile.imwrite("small.tif", np.zeros((8, 99), np.uint8))
    inputs = ["small.tif", "flat.tif"]
    stratified = {"name": "stratified", "patch_size": 16, "seed": 1}
    with pytest.raises(ShapeError, match=r"image 0 \(small.tif\): Y is 8, smaller than patch_size 16.*--skip-small"):
        patchplan.plan(inputs, dry_run=True, patching=stratified)
    result = patchplan.plan(inputs, dry_run=True, patching=stratified, skip_small=True)
    assert [image.uri for image in result.images] == ["flat.tif"]
    assert result.images[0].data_idx == 0
    assert "small.tif" in result.skipped[0]
    with pytest.raises(ShapeError, match="--skip-small leaves no image"):
        patchplan.plan("small.tif", dry_run=True, patching=stratified, skip_small=True)


def test_images_of_a_plan_open_as_they_were_planned(folder):
    patchplan.plan(["stack.tif"], "plan.parquet", patching=TILED, z_as_samples=True)
    image = patchplan.open_plan("plan.parquet").open_image(0)
    assert image.data_shape == (5, 1, 40, 50)
    assert np.array_equal(image.read(2, (0, 0), (40, 50))[0], tifffile.imread("stack.tif")[2])


def test_an_image_that_has_changed_since_is_refused(folder):
    patchplan.plan("flat.tif", "plan.parquet", patching=TILED)
    tifffile.imwrite("flat.tif", np.zeros((41, 50), np.uint8))
    with pytest.raises(ImageError, match=r"flat.tif: is YX \(41, 50\) uint8, recorded was YX \(40, 50\) uint8"):
        patchplan.open_plan("plan.parquet").open_image(0)


def test_moved_images_are_found_below_root(folder):
    patchplan.plan("flat.tif", "plan.parquet", patching=TILED)
    (folder / "elsewhere").mkdir()
    (folder / "flat.tif").rename("elsewhere/flat.tif")
    with pytest.raises(ImageError, match=r"flat\.tif"):
        patchplan.open_plan("plan.parquet").open_image(0)
    assert patchplan.open_plan("plan.parquet", root="elsewhere").open_image(0).shape == (40, 50)


def test_halo_stride_and_overlaps_are_printed_resolved(folder):
    patching = {"name": "tiled", "patch_size": [16, 20], "stride": [9, 20]}
    resolved = patchplan.plan("flat.tif", dry_run=True, patching=patching).resolved
    assert (resolved.patch_size, resolved.overlaps, resolved.stride) == ((16, 20), (7, 0), (9, 20))
    assert resolved.halo == ((3, 4), (0, 0))


def test_a_strategy_that_draws_records_the_seed_it_was_given_by_chance(folder):
    result = patchplan.plan("flat.tif", "plan.parquet", patching={"name": "fixed_random", "patch_size": 8})
    plan = patchplan.open_plan("plan.parquet")
    assert plan.header.config["patching"]["seed"] == result.seed
    assert list(plan.specs()) == list(plan.patching.get_patch_specs())


def test_progress_counts_images_and_rows(folder):
    seen = []
    patchplan.plan(["flat.tif", "one.tif"], "plan.csv", patching=TILED, progress=lambda *step: seen.append(step))
    n_rows = patchplan.open_plan("plan.csv").n_rows
    assert seen[-1] == ("rows", n_rows, n_rows)
    assert ("images", 2, 2) in seen

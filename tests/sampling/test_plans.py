"""Plans with sections, as users make them: what is left, under which index, the same by any workers."""

import json
from typing import Any

import numpy as np
import pytest
import tifffile

import patchplan
from patchplan.coverage.rows import PlanRows
from patchplan.coverage.splits import plan_splits
from patchplan.errors import ConfigError, ImageError, OutputError, ShapeError
from patchplan.images import ImageSource
from patchplan.plans.telling import chosen_lines
from tests.plans.making import SUFFIXES
from tests.sampling.planning import make_images, planned

BOXES = {"boxes": [[20, 30, 100, 140]]}
BRIGHT = {"name": "mean_std", "mean_threshold": 50}
LISTED: dict[str, dict[str, Any]] = {
    "tiled": {"name": "tiled", "patch_size": 16, "overlaps": 4},
    "sequential": {"name": "sequential", "patch_size": 16},
    "fixed_random": {"name": "fixed_random", "patch_size": 16, "seed": 1},
    "whole": {"name": "whole"},
}
DRAWN: dict[str, dict[str, Any]] = {
    "random": {"name": "random", "patch_size": 16, "seed": 1},
    "stratified": {"name": "stratified", "patch_size": 16, "seed": 1},
}
SPLITS: dict[str, dict[str, Any]] = {
    "numbers": {"validation": 3, "test": 2},
    "fraction": {"validation": 0.2},
    "folds": {"k_folds": 3},
    "images": {"validation": 1, "by": "image"},
    "groups": {"k_folds": 2, "group": r"mouse\d"},
}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("patching", [LISTED["sequential"], LISTED["tiled"], LISTED["fixed_random"], *DRAWN.values()])
def test_no_pixel_is_in_two_splits_of_any_strategy(tmp_path, patching, split):
    if patching["name"] == "random" and "by" not in split and "group" not in split:
        pytest.skip("random is split by image only")
    images = make_images(tmp_path, 4)
    plan = planned(tmp_path, images, patching, split={**split, "context": 3, "seed": 2})
    found = plan_splits(PlanRows(plan), (3, 3), 5)
    assert not found.leaks
    assert {"train", "validation"} <= set(found.names)


@pytest.mark.parametrize("patching", DRAWN.values(), ids=DRAWN)
def test_an_epoch_does_not_depend_on_their_number_and_validation_is_the_same_in_each(tmp_path, patching):
    images = make_images(tmp_path, 3)
    split = {"validation": 1, "by": "image", "seed": 0}
    three = planned(tmp_path, images, patching, split=split, regions=BOXES, epochs=3)
    two = planned(tmp_path, images, patching, split=split, regions=BOXES, epochs=2, name="q.parquet")
    for epoch in range(2):
        assert three.epoch(epoch).table(0, three.n_patches).equals(two.epoch(epoch).table(0, two.n_patches))
    drawn = [three.epoch(epoch, split="train").specs().coords for epoch in range(3)]
    kept = [three.epoch(epoch, split="validation").specs().coords for epoch in range(3)]
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(kept[0], kept[1])
    assert np.array_equal(kept[0], kept[2])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("patching", [LISTED["tiled"], DRAWN["stratified"]], ids=["tiled", "stratified"])
def test_the_same_bytes_by_one_or_four_workers(tmp_path, patching, suffix):
    images = make_images(tmp_path, 2)
    options = {"regions": BOXES, "filter": BRIGHT, "split": {"validation": 2, "seed": 5}}
    written = []
    for workers in (1, 4):
        plan = planned(tmp_path, images, patching, name=f"p{suffix}", workers=workers, **options)
        written.append(plan.path.read_bytes())
    assert written[0] == written[1]


def test_the_same_weighted_bytes_by_one_or_four_workers(tmp_path):
    images = make_images(tmp_path, 2)
    weights = {"name": "map", "map": [str(path) for path in images], "patches": 50}
    written = [planned(tmp_path, images, DRAWN["random"], weights=weights, workers=n).path.read_bytes() for n in (1, 4)]
    assert written[0] == written[1]


def test_tiles_keep_their_index_in_the_grid_and_count_those_that_are_left(tmp_path):
    images = make_images(tmp_path)
    grid = planned(tmp_path, images, LISTED["tiled"], name="whole.parquet").specs()
    plan = planned(tmp_path, images, LISTED["tiled"], filter=BRIGHT)
    index, specs = plan.table().column("index").to_numpy(), plan.specs()
    assert 0 < len(index) < len(grid)
    assert np.array_equal(specs.coords, grid.coords[index])
    assert specs.total_tiles is not None
    assert (specs.total_tiles == len(index)).all()
    assert plan.patching.n_patches == plan.images[0].n_patches == len(index)


def test_tiles_in_a_region_stitch_back_and_the_rest_is_filled(tmp_path):
    images = make_images(tmp_path)
    plan = planned(tmp_path, images, LISTED["tiled"], regions={**BOXES, "keep": "touching"})
    patchplan.extract(plan.path, tmp_path / "tiles.zarr")
    result = patchplan.stitch(plan.path, tmp_path / "tiles.zarr", tmp_path / "out.npy", fill_value=7)
    found, image = np.load(tmp_path / "out.npy"), np.load(images[0])
    kept = np.zeros(image.shape, bool)
    for tile in plan.specs():
        start, size = tile["stitch_coords"], tile["crop_size"]  # type: ignore[typeddict-item]
        kept[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = True
    assert kept[20:100, 30:140].all()
    assert not kept.all()
    assert np.array_equal(found, np.where(kept, image, 7))
    assert not result.missing


def test_background_is_drawn_seldom_and_not_set_aside(tmp_path):
    images = make_images(tmp_path)
    background = {**BRIGHT, "filtered_patch_prob": 0}
    plan = planned(tmp_path, images, DRAWN["stratified"], filter=background, split={"validation": 0.2, "seed": 1})
    image = np.load(images[0])
    for spec in plan.epoch(split="validation").specs():
        (y, x), (h, w) = spec["coords"], spec["patch_size"]
        assert image[y : y + 2 * h, x : x + 2 * w].mean() >= 50 * 0.5
    everything = planned(tmp_path, images, DRAWN["stratified"], name="all.parquet")
    assert plan.n_patches < everything.n_patches


def test_patches_of_one_class_are_centred_on_it(tmp_path):
    images = make_images(tmp_path, 2)
    labels = [tmp_path / f"labels{number}.npy" for number in range(2)]
    for path, image in zip(labels, images, strict=True):
        np.save(path, (np.load(image) > 50).astype(np.uint8))
    weights = {"name": "labels", "labels": [str(path) for path in labels], "patches": 80, "per": "image"}
    for patching in (DRAWN["random"], LISTED["fixed_random"]):
        plan = planned(tmp_path, images, patching, weights=weights)
        assert [image.n_patches for image in plan.images] == [80, 80]
        for spec in plan.specs():
            y, x = (start + size // 2 for start, size in zip(spec["coords"], spec["patch_size"], strict=True))
            assert np.load(labels[spec["data_idx"]])[y, x] == 1


def test_listed_patches_get_their_mean_weight(tmp_path):
    images = make_images(tmp_path)
    plan = planned(tmp_path, images, LISTED["sequential"], weights={"name": "map", "map": str(images[0])})
    image, weights = np.load(images[0]).astype(float), plan.table().column("weight").to_numpy()
    means = [image[y : y + 16, x : x + 16].mean() for y, x in plan.specs().coords.tolist()]
    assert weights == pytest.approx(means)


def test_the_header_says_how_patches_were_chosen(tmp_path):
    images = make_images(tmp_path)
    plan = planned(tmp_path, images, LISTED["sequential"], filter=BRIGHT, split={"validation": 4})
    header = plan.header
    assert header.config["filter"]["mean_threshold"] == 50
    assert header.config["split"]["seed"] is not None
    assert header.chosen is not None
    assert header.chosen["filter"]["of"] - header.chosen["filter"]["background"] > 0
    assert header.splits is not None
    assert header.splits["folds"][0]["n_patches"]["validation"] == 4
    assert sum(header.splits["folds"][0]["n_patches"].values()) == plan.n_patches
    assert patchplan.inspect(plan.path).images[0].n_patches == plan.n_patches


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("patching", "options"),
    [
        (LISTED["tiled"], {"filter": BRIGHT}),
        (LISTED["tiled"], {"split": {"k_folds": 2}}),
        (DRAWN["stratified"], {"regions": BOXES, "epochs": 2, "split": {"validation": 2, "test": 1}}),
        (DRAWN["random"], {"weights": {"name": "map", "map": ["mouse0_0.npy", "mouse0_1.npy"]}, "epochs": 3}),
    ],
    ids=["filtered", "folds", "stratified", "weighted"],
)
def test_inspect_finds_nothing_wrong_and_tells_the_choice(tmp_path, monkeypatch, patching, options, suffix):
    monkeypatch.chdir(tmp_path)
    plan = planned(tmp_path, make_images(tmp_path, 2), patching, name=f"p{suffix}", **options)
    found = patchplan.inspect(plan.path)
    assert not [line for line in found.findings if "folds together" not in line]
    assert found.total.partition is None or found.total.partition.gap_pixels == 0
    assert found.chosen == plan.header.chosen
    assert found.planned_splits == plan.header.splits
    html = found._repr_html_()
    assert all(line.split(":")[0] in html for line in chosen_lines(found.chosen, found.planned_splits))


def test_plans_of_other_choices_are_other_plans(tmp_path):
    images = make_images(tmp_path)
    digests = [
        planned(tmp_path, images, LISTED["tiled"], filter={**BRIGHT, "mean_threshold": limit}).digest
        for limit in (50, 105, 50)
    ]
    assert digests[0] == digests[2] != digests[1]


def test_paths_in_a_config_start_from_its_folder_and_in_a_header_from_the_plan(tmp_path):
    (image,) = make_images(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "plans").mkdir()
    np.save(tmp_path / "configs" / "mask.npy", np.load(image) > 50)
    config = tmp_path / "configs" / "c.yaml"
    config.write_text("patching: {name: sequential, patch_size: 16}\nfilter: {name: mask, masks: mask.npy}\n")
    patchplan.plan(image, tmp_path / "plans" / "p.json", config=config)
    plan = patchplan.open_plan(tmp_path / "plans" / "p.json")
    assert plan.header.config["filter"]["masks"] == "../configs/mask.npy"


REFUSED: dict[str, Any] = {
    "filter of random": (DRAWN["random"], {"filter": BRIGHT}, "filter: random draws other patches each time"),
    "blocks of random": (DRAWN["random"], {"split": {"validation": 2}}, "split: by: block: random draws everywhere"),
    "weights of stratified": (
        DRAWN["stratified"],
        {"weights": {"name": "map", "map": "m.npy"}},
        "weights: stratified draws evenly; allowed: random or fixed_random",
    ),
    "number of listed": (
        LISTED["tiled"],
        {"weights": {"name": "map", "map": "m.npy", "patches": 3}},
        "weights: patches: tiled has patches of its own",
    ),
    "images of listed": (
        LISTED["whole"],
        {"weights": {"name": "map", "map": "m.npy", "per": "image"}},
        "weights: per: whole has patches of its own",
    ),
    "weighted images split": (
        DRAWN["random"],
        {"weights": {"name": "map", "map": "m.npy"}, "split": {"validation": 1, "by": "image"}},
        "weights: per: epoch: leaves it to chance.*use per: image",
    ),
    "all background": (
        LISTED["tiled"],
        {"filter": {"name": "max", "threshold": 250}},
        "filter: max takes all .* for background: threshold is 250",
    ),
    "no rows": (LISTED["tiled"], {"filter": BRIGHT, "rows": False}, "--no-rows: .* with filter"),
    "no mask": (
        LISTED["tiled"],
        {"filter": {"name": "mask", "masks": "{stem}_mask.npy"}},
        "mouse0_0.npy has no masks: no file",
    ),
    "too many": (LISTED["sequential"], {"split": {"validation": 500}}, "split: "),
    "nowhere": (LISTED["sequential"], {"regions": {"boxes": [[0, 0, 3, 3]], "keep": "inside"}}, "regions: none of"),
    "nowhere drawn": (
        DRAWN["stratified"],
        {"regions": {"boxes": [[0, 0, 3, 3]], "keep": "inside"}},
        "regions: no patch of 16 x 16",
    ),
}


@pytest.mark.parametrize(("patching", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together_is_refused_and_nothing_written(tmp_path, patching, options, message):
    images = make_images(tmp_path)
    with pytest.raises((ConfigError, OSError), match=message):
        planned(tmp_path, images, patching, **options)
    assert not list(tmp_path.glob("p.parquet*"))


def test_a_split_without_a_seed_follows_from_that_of_the_strategy(tmp_path):
    images = make_images(tmp_path)
    plans = [
        planned(tmp_path, images, {**DRAWN["stratified"], "seed": seed}, split={"validation": 3}, name=f"{i}.parquet")
        for i, seed in enumerate((1, 1, 2))
    ]
    seeds = [plan.header.config["split"]["seed"] for plan in plans]
    assert seeds[0] == seeds[1] != seeds[2]
    assert plans[0].table().equals(plans[1].table())


@pytest.mark.parametrize("patching", [LISTED["sequential"], LISTED["fixed_random"], *DRAWN.values()])
def test_images_without_patches_are_not_set_aside(tmp_path, patching):
    images = make_images(tmp_path, 4)
    boxes = {path.name: [[0, 0, 100, 100]] if i % 2 else [[0, 0, 2, 2]] for i, path in enumerate(images)}
    regions = {"boxes": boxes, "keep": "inside"}
    for seed in range(4):
        split = {"validation": 1, "by": "image", "seed": seed}
        plan = planned(tmp_path, images, patching, split=split, regions=regions)
        assert plan.header.splits is not None
        (fold,) = plan.header.splits["folds"]
        assert fold["n_patches"]["train"] > 0
        assert fold["n_patches"]["validation"] > 0
        assert fold["lost"] == 0
    with pytest.raises(ConfigError, match="split: k_folds 3 need at least 3; found 2 images"):
        planned(tmp_path, images, patching, split={"k_folds": 3, "by": "image"}, regions=regions)


def test_a_filter_map_never_replaces_what_is_read(tmp_path):
    pytest.importorskip("matplotlib")
    image = tmp_path / "a.tif"
    tifffile.imwrite(image, np.load(make_images(tmp_path)[0]))
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "a.tif", np.ones((60, 75), np.uint8))
    mask = {"name": "mask", "masks": str(tmp_path / "masks")}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.tif")}
    for target in (tmp_path, tmp_path / "a.tif", tmp_path / "masks"):
        with pytest.raises(OutputError, match=r"a.tif: is read for this plan; give what is written another name"):
            planned(tmp_path, [image], LISTED["tiled"], filter=mask, filter_map=target, dry_run=True)
    with pytest.raises(ConfigError, match=r"--filter-map: found .*v.npy; allowed: a name that ends in .tif"):
        planned(tmp_path, [image], LISTED["tiled"], filter=mask, filter_map=tmp_path / "v.npy", dry_run=True)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.tif")}


def test_a_plan_never_replaces_the_polygons_it_reads(tmp_path):
    polygon = {"type": "Polygon", "coordinates": [[[0, 0], [60, 0], [60, 60], [0, 60], [0, 0]]]}
    (tmp_path / "r.json").write_text(json.dumps({"type": "Feature", "geometry": polygon}))
    before = (tmp_path / "r.json").read_bytes()
    regions = {"geojson": str(tmp_path / "r.json")}
    with pytest.raises(OutputError, match=r"r.json: is read for this plan"):
        planned(tmp_path, make_images(tmp_path), LISTED["tiled"], regions=regions, name="r.json")
    assert (tmp_path / "r.json").read_bytes() == before


LATE = {
    "labels": ({"weights": {"name": "labels", "labels": "{stem}_labels.npy"}}, "has no labels: no file"),
    "group": ({"split": {"k_folds": 2, "group": "rat"}}, "'rat' matches nothing in 'mouse0_0.npy'"),
    "context": ({"split": {"validation": 2, "context": [1, 2, 3]}}, "context"),
}


@pytest.mark.parametrize(("options", "message"), LATE.values(), ids=LATE)
def test_what_needs_no_pixel_is_refused_before_any_is_read(tmp_path, monkeypatch, options, message):
    images = make_images(tmp_path, 2)
    monkeypatch.setattr(ImageSource, "read", lambda *_, **__: pytest.fail("pixels were read"))
    with pytest.raises((ConfigError, ShapeError, ImageError), match=message):
        planned(tmp_path, images, LISTED["sequential"], filter=BRIGHT, **options)


def test_one_mask_of_a_volume_serves_all_its_time_points(tmp_path):
    tifffile.imwrite(tmp_path / "st.tif", np.ones((3, 4, 20, 30), np.uint8), imagej=True, metadata={"axes": "TZYX"})
    np.save(tmp_path / "mask.npy", np.ones((4, 20, 30), np.uint8))
    regions = {"mask": str(tmp_path / "mask.npy")}
    tiled = {"name": "tiled", "patch_size": [4, 10, 10], "overlaps": 0}
    assert planned(tmp_path, [tmp_path / "st.tif"], tiled, regions=regions).n_patches == 3 * 6


def test_a_path_without_quotes_is_hinted_at(tmp_path):
    (tmp_path / "c.yaml").write_text("patching: {name: whole}\nfilter: {name: mask, masks: {stem}_m.tif}\n")
    with pytest.raises(ConfigError, match=r"no valid YAML: .*; write paths with {stem} or {name} in quotes"):
        patchplan.plan(make_images(tmp_path), config=tmp_path / "c.yaml", dry_run=True)


@pytest.mark.parametrize("keep", ["inside", "touching", "covered"])
def test_a_region_that_is_the_whole_image_changes_no_number(tmp_path, keep):
    images = make_images(tmp_path, shape=(64, 64))
    whole = {"boxes": [[0, 0, 64, 64]], "keep": keep}
    plan = planned(tmp_path, images, DRAWN["stratified"], regions=whole)
    assert plan.n_patches == planned(tmp_path, images, DRAWN["stratified"], name="q.parquet").n_patches


@pytest.mark.parametrize("seed", range(6))
def test_a_split_of_a_small_region_keeps_to_it(tmp_path, seed):
    images = make_images(tmp_path, shape=(256, 256))
    regions, patching = {"boxes": [[20, 20, 150, 170]], "keep": "inside"}, {**DRAWN["stratified"], "patch_size": 32}
    plan = planned(tmp_path, images, patching, regions=regions, split={"validation": 1, "seed": seed, "block": 1})
    coords = plan.specs().coords
    assert (coords >= 20).all()
    assert (coords + 32 <= (150, 170)).all()
    assert not plan_splits(PlanRows(plan), (0, 0), 5).leaks


def test_a_split_that_leaves_no_training_in_the_regions_is_refused(tmp_path):
    images = make_images(tmp_path, shape=(256, 256))
    regions, patching = {"boxes": [[32, 32, 70, 70]], "keep": "inside"}, {**DRAWN["stratified"], "patch_size": 32}
    with pytest.raises(ConfigError, match=r"split: .*training"):
        planned(tmp_path, images, patching, regions=regions, split={"validation": 1, "seed": 0})

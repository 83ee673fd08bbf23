"""What a config means: overlaps, halo and stride; options over it; which images it fits."""

import re
from pathlib import Path
from typing import Any

import pytest
import tifffile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan import api
from patchplan.errors import ConfigError, ImageError, PatchplanError
from patchplan.plans.config import ConfigText, read_config
from tests.plans.making import make_image


@settings(max_examples=100)
@given(
    patch=st.lists(st.integers(1, 40), min_size=2, max_size=3),
    key=st.sampled_from(["overlaps", "halo", "stride"]),
    share=st.floats(0, 1),
    data=st.data(),
)
def test_halo_and_stride_are_other_words_for_an_overlap(patch, key, share, data):
    """halo h is overlap 2 h, stride s is overlap size - s; the config that is recorded says overlaps only."""
    largest = {"overlaps": [n - 1 for n in patch], "halo": [(n - 1) // 2 for n in patch], "stride": patch}[key]
    given_values = [max(int(share * n), 1 if key == "stride" else 0) for n in largest]
    config = ConfigText({"patching": {"name": "tiled", "patch_size": patch, key: given_values}}).check().patching
    resolved: Any = config.resolved(len(patch))
    wanted = {
        "overlaps": given_values,
        "halo": [2 * h for h in given_values],
        "stride": [n - s for n, s in zip(patch, given_values, strict=True)],
    }[key]
    assert list(resolved.overlaps) == wanted
    assert (resolved.halo, resolved.stride) == (None, None)
    assert resolved.resolved(len(patch)) == resolved


def test_resolved_values_are_returned_recorded_and_hold_for_odd_overlaps(tmp_path):
    """halo = overlap // 2 before, overlap - overlap // 2 after."""
    image = make_image(tmp_path / "a.npy", (5, 60, 60))
    config = {"name": "tiled", "patch_size": [4, 16, 17], "overlaps": [0, 7, 8]}
    result = api.plan(image, config=config, axes="ZYX", dry_run=True)
    assert result.resolved.model_dump() == {
        "patch_size": (4, 16, 17),
        "overlaps": (0, 7, 8),
        "stride": (4, 9, 9),
        "halo": ((0, 0), (3, 4), (4, 4)),
    }
    single = api.plan(
        image, config={"name": "tiled", "patch_size": 16, "stride": 12, "multiple_of": 2}, axes="TYX", dry_run=True
    )
    assert single.resolved.overlaps == (4, 4)
    assert single.resolved.stride == (12, 12)
    random = api.plan(image, config={"name": "random", "patch_size": 4}, axes="ZYX", dry_run=True)
    assert random.resolved.patch_size == (4, 4, 4)
    assert random.resolved.halo is None


@pytest.mark.parametrize(
    ("shape", "axes", "patch", "message"),
    [
        pytest.param((40, 40), "YX", [8, 8, 8], r"a\.npy: .*3", id="3-entries-on-YX"),
        pytest.param((4, 40, 40), "ZYX", [8, 8], r"a\.npy: .*--z-as-samples", id="2-entries-on-ZYX"),
        pytest.param((4, 40, 40), "QYX", [4, 8, 8], r"a\.npy: .*--axes ZYX", id="3-entries-on-QYX"),
    ],
)
def test_a_patch_of_other_dimensions_than_the_images_names_the_option(tmp_path, shape, axes, patch, message):
    image = make_image(tmp_path / "a.npy", shape)
    with pytest.raises(ImageError, match=message):
        api.plan(image, config={"name": "tiled", "patch_size": patch}, axes=axes, dry_run=True)


def test_2d_and_3d_images_cannot_share_a_plan(tmp_path):
    make_image(tmp_path / "a.npy", (40, 40))
    tifffile.imwrite(tmp_path / "b.tif", shape=(4, 40, 40), dtype="u1", metadata={"axes": "ZYX"}, ome=True)
    with pytest.raises(ImageError, match=r"a\.npy.* is 2-D, .*b\.tif.* is 3-D; .*--z-as-samples"):
        api.plan(tmp_path, config={"name": "tiled", "patch_size": 8}, dry_run=True)


def test_options_go_over_the_file_and_name_themselves_in_errors(tmp_path):
    (tmp_path / "c.yaml").write_text("name: tiled\npatch_size: 8\noverlaps: 4\n")
    image = make_image(tmp_path / "a.npy")
    options: dict[str, Any] = {"config": tmp_path / "c.yaml", "dry_run": True}
    assert api.plan(image, patching={"patch_size": 16}, **options).resolved.overlaps == (4, 4)
    assert api.plan(image, patching={"halo": 1}, **options).resolved.overlaps == (2, 2)
    assert api.plan(image, patching={"stride": 8}, **options).resolved.overlaps == (0, 0)
    with pytest.raises(ConfigError, match=r"^--patch-size: found -3; "):
        api.plan(image, patching={"patch_size": -3}, **options)
    with pytest.raises(ConfigError, match=r"c\.yaml, line 3: overlaps: unknown key; .*\(name: random\)"):
        api.plan(image, patching={"name": "random"}, **options)
    with pytest.raises(ConfigError, match=r"^--strategy: found 'tilde'; allowed: fixed, fixed_random, "):
        api.plan(image, patching={"name": "tilde"}, dry_run=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"epochs": 2},
            r"--epochs: tiled gives the same patches each epoch; allowed for random and stratified",
            id="epochs",
        ),
        pytest.param(
            {"patching": {"name": "fixed_random", "seed": 1}, "epochs": 2},
            r"--epochs: fixed_random gives",
            id="epochs-fixed_random",
        ),
        pytest.param(
            {"patching": {"name": "random"}, "epochs": 0},
            r"--epochs: found 0; allowed: a whole number from 1",
            id="epochs-0",
        ),
        pytest.param(
            {"patching": {"name": "random"}, "rows": False},
            r"--no-rows: random plans need their rows; allowed for",
            id="no-rows",
        ),
        pytest.param(
            {"patching": {"name": "fixed_random"}, "rows": False},
            r"--no-rows: fixed_random plans",
            id="no-rows-fixed_random",
        ),
    ],
)
def test_options_that_a_strategy_cannot_take(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        api.plan(make_image(tmp_path / "a.npy"), config={"name": "tiled", "patch_size": 8}, dry_run=True, **options)


def test_an_image_smaller_than_the_patch_is_refused_by_stratified_only(tmp_path):
    small, large = make_image(tmp_path / "small.npy", (9, 40)), make_image(tmp_path / "large.npy", (40, 40))
    config = {"name": "stratified", "patch_size": [10, 10]}
    with pytest.raises(
        PatchplanError, match=r"image 1 \(.*small\.npy\): Y is 9, smaller than patch_size 10; .*--skip-small"
    ):
        api.plan([large, small], config=config, dry_run=True)
    for name in ("random", "fixed_random", "tiled", "sequential"):
        assert api.plan(small, config={**config, "name": name}, dry_run=True).n_patches == 4
    left = api.plan([small, large], config=config, dry_run=True, skip_small=True)
    assert [Path(image.uri).name for image in left.images] == ["large.npy"]
    assert [re.sub(r"\(.*/", "(", reason) for reason in left.skipped] == [
        "image 0 (small.npy): Y is 9, smaller than patch_size 10"
    ]
    with pytest.raises(PatchplanError, match=r"--skip-small leaves no image"):
        api.plan(small, config=config, dry_run=True, skip_small=True)


def test_merge_keys_and_aliases_of_yaml_work(tmp_path):
    text = "patching:\n  <<: {overlaps: 2}\n  name: tiled\n  patch_size: &size [8, 8]\n  multiple_of: 1\n"
    (tmp_path / "c.yaml").write_text(text)
    config: Any = read_config(tmp_path / "c.yaml").check()
    assert yaml.safe_load(text)["patching"]["overlaps"] == config.patching.overlaps == 2


def test_a_mapping_means_the_same_as_the_file_with_its_text(tmp_path):
    """Axes in the config, the strategy from options."""
    image = make_image(tmp_path / "a.npy", (4, 40, 30))
    (tmp_path / "c.yaml").write_text("axes: TYX\n")
    configs: list[Any] = [tmp_path / "c.yaml", {"axes": "TYX"}]
    results = [api.plan(image, config=c, patching={"name": "whole"}, dry_run=True) for c in configs]
    assert results[0] == results[1]
    assert results[0].n_patches == 4


def test_a_broken_patching_is_refused_though_options_go_over_it(tmp_path):
    (tmp_path / "c.yaml").write_text("patching: 5\n")
    with pytest.raises(ConfigError, match=r"c\.yaml, line 1: patching: found 5"):
        api.plan(make_image(tmp_path / "a.npy"), config=tmp_path / "c.yaml", patching={"name": "whole"}, dry_run=True)

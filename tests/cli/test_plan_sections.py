"""`patchplan plan` with regions, filter, split and weights, from the real entry point."""

import json

import numpy as np
import pytest
import tifffile

from tests.cli.running import run

TRAINING = """patching: {name: stratified, patch_size: 16, seed: 1}
filter: {name: mask, masks: "{stem}_mask.tif", coverage: 0.3}
split: {validation: 3, context: 2, seed: 4}
"""
WRONG = {
    "unknown key": (
        "filter: {name: max, treshold: 3}",
        "line 2: filter.treshold: unknown key (did you mean threshold?)",
    ),
    "unknown filter": (
        "filter: {name: median}",
        "line 2: filter.name: found 'median'; allowed: max, mean_std, shannon, mask",
    ),
    "no mapping": ("split: 0.1", "line 2: split: found 0.1; allowed: a mapping"),
    "fraction": ("split: {validation: 1.5}", "line 2: split.validation: found 1.5; allowed: a whole number from 1, or"),
    "two sources": (
        "regions: {mask: a.tif, geojson: b.json}",
        "line 2: regions: found geojson and mask; allowed: one of",
    ),
    "chance": ("weights: {name: labels, labels: a, classes: {1: -1}}", "line 2: weights.classes: found -1 for class 1"),
    "regex": ("split: {k_folds: 2, group: '(a'}", "line 2: split.group: found '(a'"),
}


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 50, (100, 90)).astype(np.uint8)
    pixels[30:, 40:] += 150
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "a_mask.tif", (pixels[::2, ::2] > 100).astype(np.uint8))
    (tmp_path / "c.yaml").write_text(TRAINING)
    return tmp_path


def test_the_summary_says_what_was_chosen_and_what_it_cost(folder):
    code, out, err = run("plan", "a.tif", "-c", "c.yaml", "-o", "p.parquet", cwd=folder)
    assert (code, err) == (0, "")
    assert "filter mask: " in out
    assert "cells are background" in out
    assert "validation 3" in out
    assert "split seed 4" in out
    code, out, err = run("inspect", "p.parquet", "--context", "2", "--require-no-leak", cwd=folder)
    assert (code, err) == (0, "")
    assert "validation 3" in out


def test_json_has_the_choice_as_numbers(folder):
    _, out, _ = run("plan", "a.tif", "-c", "c.yaml", "--dry-run", "--json", cwd=folder)
    result = json.loads(out)
    (fold,) = result["splits"]["folds"]
    assert fold["n_patches"]["validation"] == 3
    assert sum(fold["n_patches"].values()) == result["n_patches"]
    assert result["chosen"]["filter"]["looked_at"] == "cells"
    assert not (folder / "p.parquet").exists()


def test_a_filter_map_is_written_also_in_a_dry_run(folder):
    pytest.importorskip("matplotlib")
    code, _, _ = run("plan", "a.tif", "-c", "c.yaml", "--dry-run", "--filter-map", "v.tif", cwd=folder)
    assert code == 0
    assert tifffile.imread(folder / "v.tif").shape == (6, 5)
    assert (folder / "v.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = run("plan", "a.tif", "-c", "c.yaml", "--dry-run", "--filter-map", "v.tif", cwd=folder)
    assert code == 2
    assert "v.tif" in err
    assert "--overwrite" in err


def test_a_filter_map_needs_a_filter(folder):
    code, _, err = run("plan", "a.tif", "--strategy", "whole", "--dry-run", "--filter-map", "v.tif", cwd=folder)
    assert code == 2
    assert "--filter-map: there is no filter in the config" in err


@pytest.mark.parametrize(("section", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_a_section_is_named_by_line_and_key(folder, section, message):
    (folder / "w.yaml").write_text(f"patching: {{name: sequential, patch_size: 16}}\n{section}\n")
    code, out, err = run("plan", "a.tif", "-c", "w.yaml", "-o", "p.parquet", cwd=folder)
    assert (code, out) == (2, "")
    assert f"w.yaml, {message}" in err


def test_a_mask_of_another_shape_is_refused_with_both(folder):
    tifffile.imwrite(folder / "a_mask.tif", np.ones((100, 45), np.uint8))
    code, _, err = run("plan", "a.tif", "-c", "c.yaml", "-o", "p.parquet", cwd=folder)
    assert code == 2
    assert "a_mask.tif does not fit image a.tif: Y X is 100 x 45, that of the image 100 x 90" in err
    assert not (folder / "p.parquet").exists()


def test_training_patches_are_extracted_by_split(folder):
    run("plan", "a.tif", "-c", "c.yaml", "-o", "p.parquet", cwd=folder)
    code, out, _ = run("extract", "p.parquet", "--split", "validation", "-o", "v.npy", cwd=folder)
    assert code == 0
    assert "3 patches" in out
    assert np.load(folder / "v.npy").shape == (3, 1, 16, 16)
    code, _, err = run("extract", "p.parquet", "--split", "tset", "-o", "w.npy", cwd=folder)
    assert code == 2
    assert "--split: found 'tset'; p.parquet has train, validation" in err

"""Ours equal the reference, spec for spec, in order: answers of CAREamics 0.3.5 stored as data."""

import json
from pathlib import Path
from typing import Any

import pytest

from patchplan.patching import (
    FixedPatching,
    FixedRandomPatching,
    Patching,
    RandomPatching,
    SequentialPatching,
    StratifiedPatching,
    TiledPatching,
    WholeSamplePatching,
)


def load(name: str) -> list[Any]:
    """Cases of one strategy, as pytest parameters."""
    document = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    assert document["reference"] == "careamics 0.3.5"
    return [pytest.param(case, id=f"{name}-{i}") for i, case in enumerate(document["cases"])]


def plain(specs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored specs with tuples instead of JSON's lists."""
    return [{k: tuple(v) if isinstance(v, list) else v for k, v in spec.items()} for spec in specs]


def one_by_one(patching: Patching) -> list[Any]:
    return [patching.get_patch_spec(index) for index in range(patching.n_patches)]


@pytest.mark.parametrize("case", load("tiled"))
def test_tiled(case):
    patching = TiledPatching(case["shapes"], case["patch_size"], case["overlaps"])
    assert one_by_one(patching) == list(patching.get_patch_specs()) == plain(case["specs"])


@pytest.mark.parametrize("case", load("sequential"))
def test_sequential(case):
    patching = SequentialPatching(case["shapes"], case["patch_size"], case["overlaps"])
    assert one_by_one(patching) == list(patching.get_patch_specs()) == plain(case["specs"])


@pytest.mark.parametrize("case", load("whole"))
def test_whole(case):
    patching = WholeSamplePatching(case["shapes"])
    assert one_by_one(patching) == list(patching.get_patch_specs()) == plain(case["specs"])


@pytest.mark.parametrize("case", load("fixed_random"))
def test_fixed_random(case):
    patching = FixedRandomPatching(case["shapes"], case["patch_size"], case["seed"])
    assert list(patching.get_patch_specs()) == plain(case["specs"])
    assert one_by_one(patching) == plain(case["specs"])


@pytest.mark.parametrize("case", load("random"))
def test_random_passes_continue_one_stream(case):
    single = RandomPatching(case["shapes"], case["patch_size"], case["seed"])
    many = RandomPatching(case["shapes"], case["patch_size"], case["seed"])
    for epoch in ("specs_epoch_0", "specs_epoch_1"):
        assert one_by_one(single) == list(many.get_patch_specs()) == plain(case[epoch])
    images = range(len(case["shapes"]))
    assert [list(single.get_patch_indices(data_idx)) for data_idx in images] == case["patch_indices"]


@pytest.mark.parametrize("case", load("tiled"))
def test_fixed_gives_back_what_it_was_given(case):
    specs: Any = plain(case["specs"])
    patching = FixedPatching(specs)
    assert one_by_one(patching) == list(patching.get_patch_specs()) == specs


def grid_coords(stored: dict[str, Any]) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    return {tuple(map(int, key.split(","))): [tuple(cell) for cell in cells] for key, cells in stored.items()}


@pytest.mark.parametrize("case", load("stratified"))
def test_stratified_counts_grid_and_inclusion_after_each_step(case):
    patching = StratifiedPatching(case["shapes"], case["patch_size"], seed=0)
    assert patching.n_patches == case["n_patches"]
    assert patching.get_all_grid_coords() == grid_coords(case["all_grid_coords"])
    for step in case["steps"]:
        if "exclude" in step:
            data_idx, sample_idx, cells = step["exclude"]
            patching.exclude_patches(data_idx, sample_idx, [tuple(cell) for cell in cells])
        else:
            data_idx, sample_idx, probs = step["set_region_probs"]
            patching.set_region_probs(data_idx, sample_idx, {tuple(cell): p for cell, p in probs})
        assert patching.n_patches == step["n_patches"]
    assert patching.get_included_grid_coords() == grid_coords(case["included_grid_coords"])

"""One contract for every registered strategy, drawn from the registry, so that a new one cannot escape."""

import pickle
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patchplan.errors import ConfigError, ShapeError
from patchplan.patching import (
    STRATEGIES,
    FixedRandomPatching,
    Patching,
    RandomPatching,
    SpecTable,
    StratifiedPatching,
    create_patching,
    is_tile_specs,
)
from patchplan.plans.words import StrategyName

NAMES = sorted(STRATEGIES)


@st.composite
def setups(draw: Any, name: str) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    """Data shapes and a config that fit: sizes of 1, images smaller than the patch, several samples."""
    ndim = draw(st.integers(2, 3))
    spatial = st.tuples(*[st.integers(1, 30 if ndim == 2 else 9)] * ndim)
    lead = st.tuples(st.integers(1, 3), st.integers(1, 3))
    shapes = [draw(lead) + draw(spatial) for _ in range(draw(st.integers(1, 4)))]
    smallest = [min(sizes) for sizes in zip(*(shape[2:] for shape in shapes), strict=True)]
    limits = smallest if name == "stratified" else [12] * ndim
    patch = draw(st.tuples(*(st.integers(1, min(12, limit)) for limit in limits)))
    keys: dict[str, Any] = {"name": name}
    fields = STRATEGIES[name].model_fields
    if "patch_size" in fields:
        keys["patch_size"] = patch
    if "overlaps" in fields:
        keys["overlaps"] = [draw(st.integers(0, size - 1)) for size in patch]
    if "seed" in fields:
        keys["seed"] = draw(st.integers(0, 2**40))
    if name == "fixed":
        source = create_patching(shapes, {"name": "random", "patch_size": patch, "seed": 0})
        keys["fixed_patch_specs"] = list(source.get_patch_specs())
    return shapes, keys


every_strategy = pytest.mark.parametrize("name", NAMES)


def test_the_words_of_options_are_the_registry():
    assert sorted(get_args(StrategyName)) == NAMES


@every_strategy
@given(data=st.data())
def test_many_at_once_equal_one_by_one(name, data):
    """Also for those that draw: n single draws are one batch of n, and the next pass goes on."""
    shapes, config = data.draw(setups(name))
    single, many = create_patching(shapes, config), create_patching(shapes, config)
    for _ in range(2):
        assert [single.get_patch_spec(i) for i in range(single.n_patches)] == list(many.get_patch_specs())


@every_strategy
@given(data=st.data())
def test_pieces_in_order_equal_the_whole(name, data):
    shapes, config = data.draw(setups(name))
    whole, pieces = create_patching(shapes, config), create_patching(shapes, config)
    cuts = sorted(data.draw(st.lists(st.integers(0, whole.n_patches), max_size=3)))
    bounds = [0, *cuts, whole.n_patches]
    rows = [row for a, b in pairwise(bounds) for row in pieces.get_patch_specs(a, b)]
    assert rows == list(whole.get_patch_specs())


@every_strategy
@given(data=st.data())
def test_indices_of_all_images_partition_the_plan(name, data):
    shapes, config = data.draw(setups(name))
    patching = create_patching(shapes, config)
    indices = [index for data_idx in range(len(shapes)) for index in patching.get_patch_indices(data_idx)]
    assert sorted(indices) == list(range(patching.n_patches))
    for data_idx in range(len(shapes)):
        for index in patching.get_patch_indices(data_idx):
            assert patching.get_patch_spec(index)["data_idx"] == data_idx


@every_strategy
@given(data=st.data())
def test_patches_lie_in_images_at_least_as_large_and_start_at_0_in_smaller_ones(name, data):
    shapes, config = data.draw(setups(name))
    for spec in create_patching(shapes, config).get_patch_specs():
        shape = shapes[spec["data_idx"]]
        assert 0 <= spec["sample_idx"] < shape[0]
        for start, patch, size in zip(spec["coords"], spec["patch_size"], shape[2:], strict=True):
            assert (0 <= start <= size - patch) if size >= patch else start == 0


@every_strategy
@given(data=st.data())
def test_specs_are_plain_ints_and_tuples(name, data):
    shapes, config = data.draw(setups(name))
    patching = create_patching(shapes, config)
    assume(patching.n_patches > 0)
    numpy_index: Any = np.int64(patching.n_patches - 1)
    spec: dict[str, Any] = dict(patching.get_patch_spec(numpy_index))
    assert is_tile_specs(spec) == patching.get_patch_specs(0, 0).is_tiles  # type: ignore[arg-type]
    for value in spec.values():
        entries = value if type(value) is tuple else (value,)
        assert {type(entry) for entry in entries} == {int}


@every_strategy
@given(data=st.data())
def test_indices_outside_raise_index_error(name, data):
    shapes, config = data.draw(setups(name))
    patching = create_patching(shapes, config)
    for index in (-1, patching.n_patches, patching.n_patches + 7):
        with pytest.raises(IndexError, match="out of range"):
            patching.get_patch_spec(index)
    for start, stop in ((-1, 0), (0, patching.n_patches + 1), (patching.n_patches + 1, None)):
        with pytest.raises(IndexError, match="out of range"):
            patching.get_patch_specs(start, stop)
    with pytest.raises(IndexError, match="out of range"):
        patching.get_patch_indices(-1)


@every_strategy
@given(data=st.data())
def test_strategies_satisfy_the_protocol_and_pickle(name, data):
    shapes, config = data.draw(setups(name))
    patching = create_patching(shapes, config)
    assert isinstance(patching, Patching)
    copy = pickle.loads(pickle.dumps(patching))
    assert list(copy.get_patch_specs()) == list(patching.get_patch_specs())


@every_strategy
@given(data=st.data())
def test_the_same_config_gives_the_same_patches_also_as_a_model(name, data):
    shapes, config = data.draw(setups(name))
    model = STRATEGIES[name].model_validate(config).resolved(len(shapes[0]) - 2)
    first, second = create_patching(shapes, config), create_patching(shapes, model)
    assert list(first.get_patch_specs()) == list(second.get_patch_specs())


@given(st.data())
def test_grids_over_many_images_are_those_of_each(data):
    """Planning N images equals planning each."""
    name = data.draw(st.sampled_from(["sequential", "tiled", "whole"]))
    shapes, config = data.draw(setups(name))
    together = [{**spec, "data_idx": 0} for spec in create_patching(shapes, config).get_patch_specs()]
    apart = [spec for shape in shapes for spec in create_patching([shape], config).get_patch_specs()]
    assert together == apart


def test_tables_are_frozen():
    table = create_patching([(1, 1, 9, 9)], {"name": "tiled", "patch_size": 4, "overlaps": 1}).get_patch_specs()
    with pytest.raises(ValueError, match="read-only"):
        table.coords[0, 0] = 1
    assert isinstance(table, SpecTable)
    assert all(column.dtype == np.int64 for column in table.columns().values())


@pytest.mark.parametrize("seed", [-1, 1.5, "3", True])
@pytest.mark.parametrize("name", ["random", "fixed_random", "stratified"])
def test_a_seed_that_is_no_whole_number_is_refused(name, seed):
    with pytest.raises(ConfigError, match=r"seed: found .*allowed: a whole number from 0"):
        create_patching([(1, 1, 9, 9)], {"name": name, "patch_size": 4, "seed": seed})
    strategy = {"random": RandomPatching, "fixed_random": FixedRandomPatching, "stratified": StratifiedPatching}[name]
    with pytest.raises(ConfigError, match=r"seed: found .*allowed: a whole number from 0"):
        strategy([(1, 1, 9, 9)], 4, seed)


def test_a_wrong_key_of_a_plain_dict_is_refused_naming_the_nearest():
    with pytest.raises(ConfigError, match=r"overlap: unknown key \(did you mean overlaps\?\); allowed: name, "):
        create_patching([(1, 1, 9, 9)], {"name": "tiled", "patch_size": 4, "overlap": 1})
    with pytest.raises(ConfigError, match=r"name: found 'tild'; allowed: .*\(did you mean tiled\?\)"):
        create_patching([(1, 1, 9, 9)], {"name": "tild"})


def test_patches_and_tiles_cannot_be_mixed():
    patches = create_patching([(1, 1, 9, 9)], {"name": "sequential", "patch_size": 4}).get_patch_specs()
    tiles = create_patching([(1, 1, 9, 9)], {"name": "tiled", "patch_size": 4}).get_patch_specs()
    with pytest.raises(ShapeError, match="some patches say which part of them is kept and some do not"):
        create_patching([(1, 1, 9, 9)], {"name": "fixed", "fixed_patch_specs": [patches[0], tiles[0]]})


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 9))
def test_random_coordinates_are_those_of_single_draws(height, width, patch, seed):
    """One draw of (n, ndim) is the same stream as n draws, also where nothing is left to choose."""
    config = {"name": "random", "patch_size": patch, "seed": seed}
    patching = create_patching([(2, 1, height, width)], config)
    rng = np.random.default_rng(seed)
    high = np.maximum(np.array([height, width]) - patch, 0)
    expected = [tuple(rng.integers(0, high, endpoint=True).tolist()) for _ in range(patching.n_patches)]
    assert [spec["coords"] for spec in patching.get_patch_specs()] == expected

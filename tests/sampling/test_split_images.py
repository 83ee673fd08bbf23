"""Splits by image and by group, and what the section `split` accepts."""

import json
from time import perf_counter
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.errors import ConfigError, ShapeError
from patchplan.patching.problems import ConfigProblemsError, validated
from patchplan.plans.settings.splits import SplitConfig, groups_of
from patchplan.sampling.splits import split_images
from tests.sampling.splitting import amount

MICE = ["mouse1_a.tif", "mouse2_a.tif", "mouse1_b.tif", "mouse3_a.tif", "mouse12_a.tif", "mouse2_b.tif"]


@given(st.data())
def test_images_are_split_whole_and_exactly(data):
    """As many images or groups as asked; all images of a group are of one split; folds partition what is not test."""
    of_group = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=30))
    by_group = data.draw(st.booleans())
    names = [f"m{group}_{i}.tif" for i, group in enumerate(of_group)]
    keys = of_group if by_group else list(range(len(names)))
    n = len(set(keys))
    test = data.draw(st.none() | st.integers(1, 5) | st.sampled_from([0.1, 0.3]))
    k = data.draw(st.none() | st.integers(2, 4))
    validation = None if k else data.draw(st.integers(1, 5) | st.sampled_from([0.2, 0.5]))
    how: dict[str, Any] = {"group": r"m(\d)_"} if by_group else {"by": "image"}
    config = SplitConfig(validation=validation, test=test, k_folds=k, seed=data.draw(st.integers(0, 99)), **how)
    needed = amount(test, n) + (k or amount(validation, n) + 1)
    if needed > n:
        with pytest.raises(ConfigError, match=f"need at least {needed}; found {n} "):
            split_images(names, config)
        return
    labels = split_images(names, config)
    assert labels.shape == (k or 1, len(names))
    assert np.array_equal(labels, split_images(names, config))
    for fold in labels:
        split_of = {key: {int(label) for key_, label in zip(keys, fold, strict=True) if key_ == key} for key in keys}
        assert all(len(splits) == 1 for splits in split_of.values())
        counts = [sum(splits == {split} for splits in split_of.values()) for split in range(3)]
        assert counts[2] == amount(test, n)
        assert k or counts[1] == amount(validation, n)
        assert counts[0] > 0
    if k:
        assert ((labels == 1).sum(axis=0) == (labels[0] != 2)).all()


def test_the_same_groups_are_chosen_whatever_the_order_of_the_images():
    config = SplitConfig(validation=1, test=1, group=r"mouse(\d+)", seed=3)
    one = dict(zip(MICE, split_images(MICE, config)[0].tolist(), strict=True))
    other = dict(zip(MICE[::-1], split_images(MICE[::-1], config)[0].tolist(), strict=True))
    assert one == other


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"mouse\d+", ["mouse1", "mouse2", "mouse1", "mouse3", "mouse12", "mouse2"]),
        (r"(mouse\d+)", ["mouse1", "mouse2", "mouse1", "mouse3", "mouse12", "mouse2"]),
        (r"_(.)\.(tif)$", ["a", "a", "b", "a", "a", "b"]),
        (r"(?i)MOUSE(?P<number>\d)", ["1", "2", "1", "3", "1", "2"]),
        (r"(?:_)a|_b", ["_a", "_a", "_b", "_a", "_a", "_b"]),
        (r"^(.*?)_[ab]", ["mouse1", "mouse2", "mouse1", "mouse3", "mouse12", "mouse2"]),
    ],
)
def test_groups_are_the_first_capture_group_or_the_match(pattern, groups):
    assert groups_of(MICE, pattern) == groups


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"mouse(\d)_", "split: group: .* matches nothing in 'mouse12_a.tif'; allowed: one that names each"),
        (r"(rat)?mouse", "split: group: .* gives no name to the group of 'mouse1_a.tif'"),
        ("x*", "gives no name to the group of 'mouse1_a.tif'"),
    ],
)
def test_a_file_without_a_group_is_named(pattern, problem):
    with pytest.raises(ConfigError, match=problem):
        split_images(MICE, SplitConfig(validation=1, group=pattern))


def test_names_that_are_no_text_have_groups_too():
    assert groups_of(["ä_\udcff1.tif", "ä_2\n.tif"], "(ä)_") == ["ä", "ä"]


def test_a_pathological_expression_does_not_hang():
    """Exponential for a matcher that goes back."""
    start = perf_counter()
    with pytest.raises(ConfigError, match="matches nothing in"):
        groups_of(["a" * 250] * 1000, "(a+)+(a|a)*(a|a)*" + "a?" * 50 + "$b")
    assert perf_counter() - start < 5


@pytest.mark.parametrize(
    ("names", "asked", "problem"),
    [
        (["m1_a", "m1_b"], {"validation": 1, "group": "m."}, "validation 1 and training need at least 2; found 1 gr"),
        (
            ["a", "b"],
            {"validation": 1, "test": 1, "by": "image"},
            "1 and test 1 and training need .* 3; found 2 images",
        ),
        (["m1", "m2", "m2b"], {"k_folds": 3, "group": "m."}, "k_folds 3 need at least 3; found 2 groups in 3 images"),
        (["a"], {"k_folds": 2, "test": 0.5, "by": "image"}, "k_folds 2 and test 1 need at least 3; found 1 images"),
        ([], {"validation": 1, "by": "image"}, "need at least 2; found 0 images"),
    ],
)
def test_more_images_or_groups_than_there_are_are_refused(names, asked, problem):
    with pytest.raises(ConfigError, match=problem):
        split_images(names, SplitConfig(**asked))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "validation: nothing is asked; give validation, test or k_folds"),
        ({"seed": 3}, "validation: nothing is asked"),
        ({"validation": 0}, "validation: found 0; allowed: a whole number from 1, or a fraction between 0 and 1"),
        ({"validation": 1.0}, "validation: found 1.0; allowed"),
        ({"validation": -0.1}, "validation: found -0.1; allowed"),
        ({"validation": True}, "validation: found True; allowed"),
        ({"test": "10%"}, "test: found '10%'; allowed"),
        ({"test": float("nan")}, "test: found nan; allowed"),
        ({"validation": 0.5, "test": 0.5}, "validation: validation and test are 1 of all; allowed: below 1"),
        ({"validation": 0.5, "k_folds": 5}, "k_folds: found also validation; allowed: one of them"),
        ({"k_folds": 1}, "k_folds: found 1; input should be greater than or equal to 2"),
        ({"k_folds": 101}, "k_folds: found 101; input should be less than or equal to 100"),
        ({"k_folds": 2.0}, "k_folds: found 2.0; input should be a valid integer"),
        ({"validation": 1, "by": "mouse"}, "by: found 'mouse'; input should be 'block', 'image' or 'group'"),
        ({"validation": 1, "by": "group"}, "group: by: group and group: EXPRESSION go together; found one of them"),
        ({"validation": 1, "by": "image", "group": "m"}, "group: by: group and group"),
        ({"validation": 1, "group": "(m"}, r"group: found '\(m'; allowed: a regular expression of RE2 \(missing \)"),
        ({"validation": 1, "group": r"(m)\1"}, r"group: .* of RE2 \(invalid escape sequence: \\1"),
        ({"validation": 1, "group": "\udcff"}, "group: found .* input should be a valid string"),
        ({"validation": 1, "group": "m" * 501}, "group: found .*should have at most 500 characters"),
        ({"validation": 1, "group": ""}, "group: found ''; string should have at least 1 character"),
        ({"validation": 1, "context": -1}, "context: found -1; allowed: a whole number from 0"),
        ({"validation": 1, "block": [0, 1]}, r"block: found \[0, 1\]; allowed: a whole number from 1"),
        ({"validation": 1, "by": "image", "block": 8}, "block: found 8 with by: image; allowed with by: block only"),
        (
            {"validation": 1, "group": "m", "block": [4, 2]},
            r"block: found .*4, 2.* with by: group; allowed with by",
        ),
        ({"validation": 1, "seed": "x"}, "seed: found 'x'; allowed"),
        ({"val": 1}, r"val: unknown key.*; allowed: validation, test, k_folds, by, group, context, block, seed"),
    ],
)
def test_what_makes_no_sense_is_refused(values, problem):
    with pytest.raises(ConfigProblemsError, match=problem):
        validated(SplitConfig, values)


def test_a_group_implies_by_group():
    assert SplitConfig(validation=1, group="m").by == "group"
    assert SplitConfig(validation=1, group=None).by == "block"
    again = SplitConfig(validation=1, group="m").model_dump(mode="json")
    assert SplitConfig.model_validate(again) == SplitConfig(validation=1, group="m")
    resolved = SplitConfig(validation=1, group="m").resolved(3)
    assert SplitConfig.model_validate(resolved.model_dump()) == resolved


def test_values_are_resolved_per_axis():
    config = SplitConfig(validation=1, context=(1, 2)).resolved(2)
    assert (config.ndim, config.context, config.block) == (2, (1, 2), (4, 4))
    assert config.resolved(2) == config
    assert SplitConfig(validation=1).ndim is None
    with pytest.raises(ShapeError, match=r"context \[1, 2\] has 2 entries, but the images are 3-D"):
        SplitConfig(validation=1, context=(1, 2)).resolved(3)


def test_the_schema_has_every_key_and_what_it_allows():
    values: dict[str, Any]
    schema = SplitConfig.model_json_schema()
    assert all("description" in entry for entry in schema["properties"].values())
    for values in ({"validation": 0.1, "test": 20, "context": [1, 2]}, {"k_folds": 5, "group": "m", "seed": None}):
        jsonschema.validate(json.loads(json.dumps(values)), schema)
    for values in ({"validation": 0}, {"validation": 1.5}, {"k_folds": 1}, {"val": 1}):
        with pytest.raises(jsonschema.ValidationError, match=r"not valid|less than|greater than|unexpected"):
            jsonschema.validate(values, schema)

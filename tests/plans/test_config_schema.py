"""The JSON Schema accepts what the check accepts, and refuses what it refuses."""

from typing import Any

import jsonschema
import pytest

from patchplan.errors import ConfigError
from patchplan.plans.config import ConfigText, config_schema

SCHEMA = config_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

GOOD: dict[str, Any] = {
    "tiled": {"name": "tiled", "patch_size": 64},
    "tiled-all": {"name": "tiled", "patch_size": [16, 64, 64], "overlaps": [0, 32, 32], "multiple_of": 1},
    "halo": {"name": "tiled", "patch_size": [64, 64], "halo": 0},
    "stride": {"name": "sequential", "patch_size": 64, "stride": [1, 64]},
    "nulls": {"name": "sequential", "patch_size": 64, "overlaps": None, "halo": None, "stride": None},
    "random": {"name": "random", "patch_size": 8, "seed": None},
    "seed": {"name": "fixed_random", "patch_size": 8, "seed": 2**128 - 1},
    "stratified": {"name": "stratified", "patch_size": 8, "seed": 0},
    "whole": {"name": "whole"},
    "fixed": {"name": "fixed", "table": "a.csv"},
    "axes": {"axes": "ZYX", "patching": {"name": "whole"}},
    "no-axes": {"axes": None, "patching": {"name": "whole"}},
}
BAD: dict[str, Any] = {
    "empty": {},
    "unknown-name": {"name": "tilde", "patch_size": 8},
    "no-name": {"patch_size": 8},
    "no-name-below": {"patching": {"patch_size": 8}},
    "no-patch-size": {"name": "tiled"},
    "unknown-key": {"name": "tiled", "patch_size": 8, "overlap": 2},
    "unknown-top-key": {"patching": {"name": "whole"}, "surprise": 1},
    "key-of-another": {"name": "whole", "patch_size": 8},
    "seed-of-tiled": {"name": "tiled", "patch_size": 8, "seed": 1},
    "true": {"name": "tiled", "patch_size": True},
    "fraction": {"name": "tiled", "patch_size": 8.5},
    "text": {"name": "tiled", "patch_size": "8"},
    "zero": {"name": "tiled", "patch_size": 0},
    "one-entry": {"name": "tiled", "patch_size": [8]},
    "four-entries": {"name": "tiled", "patch_size": [8, 8, 8, 8]},
    "nested": {"name": "tiled", "patch_size": [[8, 8]]},
    "negative-overlap": {"name": "tiled", "patch_size": 8, "overlaps": -1},
    "stride-zero": {"name": "tiled", "patch_size": 8, "stride": 0},
    "multiple-zero": {"name": "tiled", "patch_size": 8, "multiple_of": 0},
    "negative-seed": {"name": "random", "patch_size": 8, "seed": -1},
    "seed-text": {"name": "random", "patch_size": 8, "seed": "x"},
    "axes-number": {"axes": 3, "patching": {"name": "whole"}},
    "axes-beside-a-bare-mapping": {"axes": "YX", "name": "whole"},
    "table-number": {"name": "fixed", "table": 3},
    "table-empty": {"name": "fixed", "table": ""},
    "specs": {"name": "fixed", "table": "a.csv", "fixed_patch_specs": []},
}
LENIENT = {
    "no-table": {"name": "fixed"},
    "table-null": {"name": "fixed", "table": None},
    "table-without-name": {"table": "a.csv"},
    "seed-too-large": {"name": "random", "patch_size": 8, "seed": 2**128},
    "size-too-large": {"name": "tiled", "patch_size": 2**62 + 1},
    "overlaps-and-halo": {"name": "tiled", "patch_size": 8, "overlaps": 2, "halo": 1},
    "halo-and-stride": {"name": "sequential", "patch_size": 8, "halo": 1, "stride": 1},
}


def as_read(values: Any) -> ConfigText:
    return ConfigText(values if "patching" in values or "axes" in values else {"patching": values})


def test_the_schema_is_valid_draft_2020_12():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("values", GOOD.values(), ids=GOOD)
def test_schema_and_check_accept_what_is_right(values):
    as_read(values).check()
    VALIDATOR.validate(values)


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_schema_and_check_refuse_what_is_wrong(values):
    with pytest.raises(ConfigError, match=r"."):
        as_read(values).check()
    assert not VALIDATOR.is_valid(values)


@pytest.mark.parametrize("values", LENIENT.values(), ids=LENIENT)
def test_the_schema_refuses_what_json_schema_can_express(values):
    """What it cannot, is left to the check: 8.0 is an integer there, and no value is compared with another."""
    with pytest.raises(ConfigError, match=r"."):
        as_read(values).check()
    assert not VALIDATOR.is_valid(values)


def test_every_key_has_a_description_for_editors():
    configs = [definition for name, definition in SCHEMA["$defs"].items() if name != "PlanConfig"]
    for definition in configs:
        for key, described in definition["properties"].items():
            assert key == "name" or described["description"], f"{key} of {definition['title']}"

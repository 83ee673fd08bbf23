"""The section `filter`: the reference's parameters and defaults, and what is wrong in the user's words."""

import json

import jsonschema
import pytest
from pydantic import BaseModel, TypeAdapter

from patchplan.errors import ConfigError
from patchplan.patching.problems import validated_by_name
from patchplan.plans.settings.filters import (
    AnyFilterConfig,
    MaskFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
    ShannonFilterConfig,
)

MODELS: dict[str, type[BaseModel]] = {
    "max": MaxFilterConfig,
    "mean_std": MeanStdFilterConfig,
    "shannon": ShannonFilterConfig,
    "mask": MaskFilterConfig,
}
GOOD = [
    {"name": "max", "threshold": 300},
    {"name": "max", "threshold": -2.5, "coverage": 1, "ref_channel": 3, "filtered_patch_prob": 0},
    {"name": "mean_std", "mean_threshold": 0, "std_threshold": 2},
    {"name": "mean_std", "mean_threshold": 1, "std_threshold": None},
    {"name": "shannon", "threshold": 4},
    {"name": "mask", "masks": "tissue/{stem}.tif"},
    {"name": "mask", "masks": ["a.tif", "b.tif"], "coverage": 0.5},
    {"name": "mask", "masks": {"a.tif": "m.tif"}},
]
BAD = [
    ({"name": "max"}, "threshold: missing, but needed"),
    ({"name": "max", "threshold": "300"}, "threshold: found '300'; allowed: a number"),
    ({"name": "max", "threshold": True}, "threshold: found True; allowed: a number"),
    ({"name": "max", "threshold": float("nan")}, "threshold: found nan; allowed: a number"),
    ({"name": "max", "threshold": None}, "threshold: found nothing; allowed: a number"),
    ({"name": "max", "threshold": 1, "coverage": 25}, "coverage: found 25; allowed: a number from 0 to 1"),
    ({"name": "max", "threshold": 1, "coverag": 0.5}, r"coverag: unknown key \(did you mean coverage\?\)"),
    ({"name": "max", "threshold": 1, "masks": "m.tif"}, "masks: unknown key"),
    ({"name": "max", "threshold": 1, "ref_channel": -1}, "ref_channel: found -1; input should be greater"),
    (
        {"name": "mean_std", "mean_threshold": 1, "std_threshold": -1},
        "std_threshold: found -1; allowed: a number from 0",
    ),
    ({"name": "shannon", "threshold": -0.1}, "threshold: found -0.1; allowed: a number from 0"),
    ({"name": "mask"}, "masks: missing, but needed"),
    ({"name": "mask", "masks": []}, r"masks: found \[\]; allowed: a path with \{stem\} or \{name\}, a folder"),
    ({"name": "mask", "masks": [1]}, r"masks: found \[1\]; allowed: a path"),
    (
        {"name": "mask", "masks": "m", "filtered_patch_prob": 2},
        "filtered_patch_prob: found 2; allowed: a number from 0 to 1",
    ),
    ({"name": "median"}, "name: found 'median'; allowed: max, mean_std, shannon, mask"),
]


@pytest.mark.parametrize("values", GOOD, ids=str)
def test_good_sections_come_back_from_json_and_fit_the_schema(values):
    config = validated_by_name(MODELS, values)
    adapter = TypeAdapter(AnyFilterConfig)
    assert adapter.validate_python(json.loads(config.model_dump_json())) == config
    jsonschema.validate(values, adapter.json_schema())
    jsonschema.validate(json.loads(config.model_dump_json()), adapter.json_schema())


@pytest.mark.parametrize(("values", "message"), BAD, ids=lambda case: str(case)[:60])
def test_what_is_wrong_is_said(values, message):
    with pytest.raises(ConfigError, match=message):
        validated_by_name(MODELS, values)


def test_defaults_are_those_of_the_reference():
    config = MaxFilterConfig(threshold=1)
    assert (config.coverage, config.ref_channel, config.filtered_patch_prob) == (0.25, 0, 0.1)
    assert MaskFilterConfig(masks="m").coverage == 0.25
    assert MeanStdFilterConfig(mean_threshold=1).std_threshold is None

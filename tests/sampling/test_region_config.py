"""The section `regions` of a config."""

import jsonschema
import numpy as np
import pytest

from patchplan.errors import ConfigError
from patchplan.patching.problems import validated
from patchplan.plans.settings.regions import RegionsConfig

GOOD = {
    "geojson": {"geojson": "rois/{stem}.geojson", "classification": "Tumor", "keep": "inside"},
    "classes": {"geojson": ["a.geojson"], "classification": ["Tumor", "Stroma"], "coverage": 0.25},
    "mask": {"mask": {"a.tif": "m.tif"}, "keep": "touching"},
    "boxes": {"boxes": [[0, 0, 4, 4], [8, 8, 9, 12]], "coverage": 1},
    "boxes by name": {"boxes": {"a.tif": [[0, 0, 0, 2, 4, 4]]}},
}

BAD = {
    "none": ({}, "found none; allowed: one of geojson, mask, boxes"),
    "two": ({"mask": "a", "boxes": [[0, 0, 1, 1]]}, "found mask and boxes; allowed: one of"),
    "empty box": ({"boxes": [[0, 4, 4, 4]]}, r"boxes: found \[0, 4, 4, 4\]; allowed: .* each stop above its start"),
    "odd box": ({"boxes": [[0, 4, 4, 4, 5]]}, r"boxes: found \[0, 4, 4, 4, 5\]; allowed: \[y0, x0, y1, x1\]"),
    "negative": ({"boxes": [[-1, 0, 4, 4]]}, "boxes: .* whole pixels from 0"),
    "half pixels": ({"boxes": [[0.5, 0, 4, 4]]}, "boxes: .* whole pixels from 0"),
    "truth": ({"boxes": [[0, 0, 4, True]]}, "boxes: .* whole pixels from 0"),
    "no boxes": ({"boxes": []}, r"boxes: found \[\]; allowed: a list of boxes"),
    "no names": ({"boxes": {}}, "boxes: found {}; allowed: a list of boxes by file name"),
    "class of a mask": ({"mask": "a", "classification": "T"}, "classification: found with mask; allowed: with geojson"),
    "no class": ({"geojson": "a", "classification": []}, r"classification: found \[\]; allowed: a name"),
    "coverage 0": ({"mask": "a", "coverage": 0}, "coverage: found 0; input should be greater than 0"),
    "coverage 2": ({"mask": "a", "coverage": 2}, "coverage: found 2; input should be less than or equal to 1"),
    "coverage nan": ({"mask": "a", "coverage": float("nan")}, "coverage: found nan"),
    "coverage text": ({"mask": "a", "coverage": "0.5"}, "coverage: found '0.5'"),
    "another rule": ({"mask": "a", "keep": "outside"}, "keep: found 'outside'; input should be 'inside'"),
    "typo": ({"mask": "a", "kep": "inside"}, r"kep: unknown key \(did you mean keep\?\)"),
    "path of a number": ({"mask": 3}, "mask: found 3; allowed: a path"),
}


@pytest.mark.parametrize("section", GOOD.values(), ids=GOOD)
def test_good_sections_are_taken_also_as_recorded_and_by_the_schema(section):
    config = validated(RegionsConfig, section)
    assert validated(RegionsConfig, config.model_dump(exclude_none=True)) == config
    jsonschema.validate(section, RegionsConfig.model_json_schema())


@pytest.mark.parametrize(("section", "problem"), BAD.values(), ids=BAD)
def test_bad_sections_are_refused_by_key(section, problem):
    with pytest.raises(ConfigError, match=problem):
        validated(RegionsConfig, section)


def test_whole_numbers_of_numpy_are_pixels():
    box = validated(RegionsConfig, {"boxes": [tuple(np.arange(1, 5))]}).boxes[0]
    assert box == (1, 2, 3, 4)
    assert all(type(pixel) is int for pixel in box)

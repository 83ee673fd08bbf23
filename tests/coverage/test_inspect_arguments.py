"""Arguments of `patchplan.inspect` that make no sense, or that say nothing without another."""

import re
from typing import Any

import pytest

import patchplan
from patchplan.errors import ConfigError
from tests.plans.making import make_plan

WRONG: dict[str, dict[str, Any]] = {
    "--png: found 3; allowed: a path": {"png": 3},
    "--html: found b'a.html'; allowed: a path": {"html": b"a.html"},
    "--png-value: found 3; allowed: mean, min, max": {"png": "a.png", "png_value": 3},
    "--png-value: found ['max']; allowed: mean, min, max": {"png": "a.png", "png_value": ["max"]},
    "--png-value: allowed with --png only": {"png_value": "max"},
    "--overwrite: allowed with --png or --html only": {"overwrite": True},
    "--overwrite: found 'yes'; allowed: True or False": {"html": "a.html", "overwrite": "yes"},
    "--cost: found 'yes'; allowed: True or False": {"cost": "yes"},
    "--cache: allowed with --cost only": {"cache": "1GB"},
    "--cache: found [1]; allowed: 0, or a size": {"cost": True, "cache": [1]},
    "--max-boxes: found True; allowed: a whole number from 0": {"max_boxes": True},
    "--max-boxes: found 'x'; allowed: a whole number from 0": {"max_boxes": "x"},
    "--root: found 3; allowed: a path": {"root": 3},
}


@pytest.mark.parametrize("message", WRONG)
def test_arguments_that_make_no_sense_are_refused(tmp_path, message):
    path = make_plan(tmp_path, ".parquet", {"name": "tiled", "patch_size": 16, "overlaps": 4})
    with pytest.raises(ConfigError, match=re.escape(message)):
        patchplan.inspect(path, **WRONG[message])

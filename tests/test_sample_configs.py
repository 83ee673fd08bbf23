"""Every sample config works on a real image, is accepted by the schema, and together they show every strategy."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import tifffile
import yaml

import patchplan
from patchplan.patching import STRATEGIES
from patchplan.plans.config import config_schema

FOLDER = Path(__file__).parents[1] / "sample_configs"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
DEMO = Path(patchplan.__file__).parent / "demo"


def patching_of(path: Path) -> dict[str, object]:
    values = yaml.safe_load(path.read_text())
    patching: dict[str, object] = values.get("patching", values)
    return patching


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_sample_config_plans_a_real_image(path, tmp_path):
    image = DEMO / ("brain.tif" if "3d" in path.stem else "nuclei.tif")
    config = shutil.copy(path, tmp_path)
    for beside in FOLDER.glob("*.csv"):
        shutil.copy(beside, tmp_path)
    pixels = tifffile.imread(image)
    tifffile.imwrite(tmp_path / f"{image.stem}_labels.tif", (pixels > 60).astype("uint8") + (pixels > 120))
    result = patchplan.plan(image, tmp_path / "plan.parquet", config=config)
    plan = patchplan.open_plan(tmp_path / "plan.parquet")
    assert result.n_patches == plan.n_rows > 0
    assert result.strategy == patching_of(path)["name"]
    assert np.array_equal(plan.specs().coords, plan.patching.get_patch_specs().coords)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_sample_config_refers_to_the_schema_and_fits_it(path):
    first_line = path.read_text().splitlines()[0]
    schema = FOLDER / first_line.removeprefix("# yaml-language-server: $schema=")
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(schema.read_text()))


def test_the_schema_beside_them_is_the_one_of_the_command():
    assert json.loads((FOLDER / "patchplan.schema.json").read_text()) == config_schema()


def test_every_strategy_has_a_sample_config():
    assert {patching_of(path)["name"] for path in CONFIGS} == set(STRATEGIES)

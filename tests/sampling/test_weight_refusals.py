"""What weights refuse, and in which words."""

from typing import Any

import numpy as np
import pytest

from patchplan.errors import ConfigError, ImageError, ShapeError
from patchplan.patching.problems import ConfigProblemsError
from patchplan.sampling.weights import blocks as blocks_module
from patchplan.sampling.weights import weighted_patching
from tests.sampling.weighing import Case, config_of

LABELS = np.zeros((1, 40, 60), np.int32)
LABELS[0, 10:30, 10:30] = 1
LABELS[0, 0, :5] = 3
NAN = np.ones((1, 40, 60), np.float32)
NAN[0, 20, 31] = np.nan
OBJECTS = np.arange(1, 90 * 90 + 1, dtype=np.int32).reshape(1, 90, 90)

REFUSED: dict[str, tuple[str, np.ndarray[Any, Any], dict[str, Any], type[Exception], str]] = {
    "a class that is not there": (
        "labels",
        LABELS,
        {"classes": {1: 1, 2: 5}},
        ConfigError,
        r"class 2 is not there; found class 0 \(1,995 pixels\), class 1 \(400 pixels\), class 3 \(5 pixels\)",
    ),
    "a class at the edge": (
        "labels",
        LABELS,
        {"classes": {3: 1}},
        ConfigError,
        r"class 3 is not where patches of 8 x 9 have their centres; found class 0 .*class 3 \(5 pixels\)",
    ),
    "background only": (
        "labels",
        0 * LABELS,
        {},
        ConfigError,
        r"a class other than 0 is not there; found class 0 \(2,400 pixels\)",
    ),
    "objects": (
        "labels",
        OBJECTS,
        {},
        ConfigError,
        "found more than 4,096 classes; name those to draw from with classes",
    ),
    "no classes of so many": (
        "labels",
        OBJECTS,
        {"classes": {0: 1}},
        ConfigError,
        r"class 0 is not there; found class 1 \(1 pixels\), .* and 4086 more",
    ),
    "float labels": ("labels", NAN, {}, ImageError, r"i0_c.npy are float32; allowed: an integer type, .* name: map"),
    "a channel": ("labels", LABELS, {"channel": 1}, ImageError, "weights: channel is 1; allowed are 0 to 0"),
    "complex map": ("map", NAN.astype("c8"), {}, ImageError, "i0_c.npy is complex64; allowed: real numbers from 0"),
    "NaN": ("map", NAN, {}, ImageError, r"i0_c.npy: found nan at Y X \[20, 31\] of sample 0; allowed: numbers from 0"),
    "infinite": ("map", np.where(np.isnan(NAN), np.inf, 1), {}, ImageError, r"found inf at Y X \[20, 31\]"),
    "negative": ("map", np.where(np.isnan(NAN), -1, 1), {}, ImageError, r"found -1 at Y X \[20, 31\]"),
    "huge": ("map", np.where(np.isnan(NAN), 1e300, 1), {}, ImageError, r"found 1e\+300 at .*; allowed: .* to 1e\+200"),
    "all 0": ("map", 0 * LABELS, {}, ConfigError, "all values are 0 where patches of 8 x 9 have their centres"),
    "another size": ("map", NAN[:, :30], {}, ImageError, "map .*i0_c.npy does not fit image .*i0.npy"),
}


@pytest.mark.parametrize(("name", "companion", "more", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_from_is_refused(tmp_path, monkeypatch, name, companion, more, kind, message):
    monkeypatch.setattr(blocks_module, "BLOCK_PIXELS", 256)
    size = (1, 90, 90) if companion is OBJECTS else (1, 40, 60)
    sources = Case([size], [companion], (8, 9)).write(tmp_path)
    with pytest.raises(kind, match=message):
        weighted_patching(sources, config_of(name, **more), (8, 9), 0, base=tmp_path, workers=2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("labels", r"labels .*i1_c.npy: any of the classes is not there; found class 0 .*; it may with per: epoch"),
        ("map", r"all values of .*i1_c.npy are 0 where patches of 8 x 9 have their centres"),
    ],
)
def test_an_image_by_itself_needs_something_to_draw_from(tmp_path, name, message):
    sources = Case([(1, 40, 60)] * 2, [LABELS, 0 * LABELS], (8, 9)).write(tmp_path)
    with pytest.raises(ConfigError, match=message):
        weighted_patching(sources, config_of(name, per="image"), (8, 9), 0, base=tmp_path)
    drawn = weighted_patching(sources, config_of(name, patches=50), (8, 9), 0, base=tmp_path)
    assert set(drawn.get_patch_specs().data_idx.tolist()) == {0}
    with pytest.raises(ConfigError, match="per: epoch: an index may give any image; allowed: per: image"):
        drawn.get_patch_indices(0)


def test_indices_that_are_not_there(tmp_path):
    sources = Case([(1, 40, 60)], [LABELS], (8, 9)).write(tmp_path)
    drawn = weighted_patching(sources, config_of("labels", patches=5), (8, 9), 0, base=tmp_path)
    assert drawn.get_patch_indices(0) == range(5)
    with pytest.raises(IndexError, match="patch index 5 is out of range"):
        drawn.get_patch_spec(5)
    with pytest.raises(IndexError, match="patch index -1 is out of range"):
        drawn.get_patch_spec(-1)
    with pytest.raises(IndexError, match=r"patch range \[0, 6\) is out of range"):
        drawn.get_patch_specs(0, 6)
    with pytest.raises(ShapeError, match=r"patch_size \[8, 9, 9\] has 3 entries, but the images are 2-D"):
        weighted_patching(sources, config_of("labels"), (8, 9, 9), 0, base=tmp_path)


CONFIGS = {
    "float class": ({"classes": {1.5: 1}}, "classes: found class 1.5; allowed: whole numbers"),
    "bool class": ({"classes": {True: 1}}, "classes: found class True; allowed: whole numbers"),
    "named class": ({"classes": {"tumour": 1}}, "classes: found class 'tumour'; allowed: whole numbers"),
    "negative chance": ({"classes": {1: 1, 2: -1}}, "classes: found -1 for class 2; allowed: a chance of 0 or more"),
    "NaN": ({"classes": {1: float("nan")}}, "classes: found nan for class 1; allowed: a chance of 0 or more"),
    "chance as text": ({"classes": {1: "5"}}, "classes: found '5' for class 1"),
    "no chances": ({"classes": {1: 0, 2: 0.0}}, "classes: .*at least one chance must be above 0"),
    "no classes": ({"classes": {}}, "classes: found {}; allowed: the chance of 1 to 4096 classes"),
    "a list": ({"classes": [1, 2]}, r"classes: found \[1, 2\]; allowed: the chance of 1 to 4096 classes"),
    "twice": ({"classes": {1: 1, "1": 2}}, "classes: .*a class is given twice"),
    "no patches": ({"patches": 0}, "patches: found 0"),
    "half a patch": ({"patches": 1.5}, "patches: found 1.5"),
    "per what": ({"per": "batch"}, "per: found 'batch'"),
    "no file": ({"labels": ""}, "labels: found ''; allowed: a path with {stem} or {name}"),
    "another key": ({"clases": {1: 1}}, r"clases: unknown key \(did you mean classes\?\)"),
}


@pytest.mark.parametrize(("values", "message"), CONFIGS.values(), ids=CONFIGS)
def test_configs_that_make_no_sense(values, message):
    with pytest.raises(ConfigProblemsError, match=message):
        config_of("labels", **values)


def test_classes_survive_json():
    config = config_of("labels", classes={1: 1, -2: 2.5})
    assert type(config).model_validate_json(config.model_dump_json()) == config
    assert config.model_dump()["classes"] == {"1": 1, "-2": 2.5}

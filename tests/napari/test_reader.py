"""The reader of napari, without napari: which files it takes, and the layers that it makes of plans."""

import json
import subprocess
import sys
import tempfile
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import PlanError
from patchplan.napari import layers
from patchplan.napari.reader import get_reader, read_layers
from tests.plans.making import SUFFIXES, make_image

ROOT = Path(patchplan.__file__).parents[1]
MANIFEST = ROOT / "patchplan" / "napari" / "napari.yaml"
TILED = {"name": "tiled", "patch_size": 16, "overlaps": 4}


def make_plan(folder: Path, suffix: str = ".parquet", config: Any = None, **options: Any) -> Path:
    """Plan an image of 40 x 50 pixels of 0.25 x 0.5 um."""
    image = folder / "a.ome.tif"
    if not image.exists():
        metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
        tifffile.imwrite(image, np.zeros((40, 50), "u1"), metadata=metadata)
    plan = folder / f"plan{suffix}"
    patchplan.plan(image, plan, config=TILED if config is None else config, overwrite=True, **options)
    return plan


def read(path: Path) -> Any:
    """Read a plan as napari does."""
    reader = get_reader(str(path))
    assert reader is not None
    return reader(str(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_plans_are_taken_and_other_files_are_not(tmp_path, suffix):
    plan = make_plan(tmp_path, suffix)
    assert get_reader(str(plan)) is read_layers
    assert get_reader([str(plan)]) is None, "several files are a stack of images"
    other = tmp_path / f"other{suffix}"
    for content in (b"", b"[1, 2", b'{"type": "FeatureCollection", "features": []}', b"PAR1", b"y,x\n1,2\n"):
        other.write_bytes(content)
        assert get_reader(str(other)) is None
    other.unlink()
    other.mkdir()
    assert get_reader(str(other)) is None
    assert get_reader(str(tmp_path / f"missing{suffix}")) is None
    assert get_reader(str(tmp_path / "a.ome.tif")) is None
    assert get_reader(f"bad\0name{suffix}") is None


def test_tables_without_a_header_and_headers_without_a_table_are_no_plans(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"y": [1]}), tmp_path / "points.parquet")
    assert get_reader(str(tmp_path / "points.parquet")) is None
    csv = make_plan(tmp_path, ".csv")
    assert get_reader(f"{csv}.json") is None
    Path(f"{csv}.json").unlink()
    assert get_reader(str(csv)) is None


def test_a_damaged_plan_is_taken_and_says_what_is_wrong(tmp_path):
    plan = make_plan(tmp_path, ".json")
    plan.write_text(plan.read_text().replace('"schema_version":1', '"schema_version":7'))
    with pytest.raises(PlanError, match=r"plan\.json: schema version 7 is not supported"):
        read(plan)


def test_tiles_are_two_layers_of_boxes_where_napari_has_pixels(tmp_path):
    (corners, attributes, kind), (kept, kept_attributes, _) = read(make_plan(tmp_path))
    specs = list(patchplan.open_plan(tmp_path / "plan.parquet").specs())
    assert (kind, attributes["shape_type"]) == ("shapes", "rectangle")
    assert (attributes["name"], kept_attributes["name"]) == ("read: a.ome.tif", "kept: a.ome.tif")
    assert attributes["scale"] == kept_attributes["scale"] == (0.25, 0.5)
    assert corners.shape == kept.shape == (len(specs), 4, 2)
    # a pixel's middle is a whole number
    assert corners[1].tolist() == [[-0.5, 11.5], [-0.5, 27.5], [15.5, 27.5], [15.5, 11.5]]
    assert kept.min(axis=(0, 1)).tolist() == [-0.5, -0.5]
    assert kept.max(axis=(0, 1)).tolist() == [39.5, 49.5]
    areas = np.ptp(kept, axis=1).prod(axis=1)
    assert areas.sum() == 40 * 50
    assert attributes["features"]["index"].tolist() == list(range(len(specs)))
    assert attributes["visible"]


def test_splits_are_colours_and_columns_are_features(tmp_path):
    (tmp_path / "table.csv").write_text(
        "index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split,weight\n"
        "7,0,0,0,0,8,8,train,0.5\n3,0,0,30,44,16,16,mine,1\n9,0,0,8,8,8,8,train,2\n"
    )
    plan = make_plan(tmp_path, ".csv", {"name": "fixed", "table": str(tmp_path / "table.csv")})
    ((corners, attributes, _),) = read(plan)
    features = {name: column.tolist() for name, column in attributes["features"].items()}
    assert features == {
        "index": [7, 3, 9],
        "split": ["train", "mine", "train"],
        "weight": [0.5, 1, 2],
        "sample": [0, 0, 0],
    }
    colours = attributes["edge_color"]
    assert colours.shape == (3, 4)
    assert (colours[0] == colours[2]).all()
    assert not (colours[0] == colours[1]).all()
    assert corners[1].max(axis=0).tolist() == [39.5, 49.5], "what lies outside the image is not drawn"


@given(st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers(1, 12))
@settings(max_examples=15)
def test_boxes_lie_on_the_plane_of_their_sample_or_in_the_middle_of_their_slices(t, z, z_as_samples, depth):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = make_image(folder / "a.npy", (t, z * 4, 20, 20))
        config = {"name": "tiled", "patch_size": [8, 8] if z_as_samples else [depth, 8, 8]}
        config |= {"overlaps": [2, 2] if z_as_samples else [0, 2, 2]}
        patchplan.plan(image, folder / "p.json", config=config, axes="TZYX", z_as_samples=z_as_samples)
        plan = patchplan.open_plan(folder / "p.json")
        (corners, attributes, _), _ = read(folder / "p.json")
        specs = list(plan.specs())
    assert len(attributes["scale"]) == corners.shape[2] == 3 + (t > 1)
    for spec, box in zip(specs, corners, strict=True):
        at_t, at_z = divmod(spec["sample_idx"], 4 * z) if z_as_samples else (spec["sample_idx"], None)
        if at_z is None:
            stop = min(spec["coords"][0] + spec["patch_size"][0], 4 * z)
            at_z = range(spec["coords"][0], stop)[(stop - spec["coords"][0]) // 2]
        assert (box[:, -3] == at_z).all()
        assert t == 1 or (box[:, 0] == at_t).all()
        assert box[:, -2:].min(axis=0).tolist() == [start - 0.5 for start in spec["coords"][-2:]]


def test_what_is_too_much_is_left_out_and_the_names_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "MAX_SHAPES", 5)
    monkeypatch.setattr(layers, "PIECE", 2)
    config = {"name": "random", "patch_size": 8, "seed": 0}
    for suffix in SUFFIXES:
        ((corners, attributes, _),) = read(make_plan(tmp_path, suffix, config, epochs=3))
        assert len(corners) == len(attributes["features"]["index"]) == 5
        assert attributes["name"] == "read: a.ome.tif (first 5 of 35)", "of the first epoch"
        assert attributes["features"]["epoch"].tolist() == [0] * 5


def test_images_have_layers_of_their_own_and_the_first_is_shown(tmp_path):
    for name in "ab":
        make_image(tmp_path / f"{name}.npy", (20, 20))
    plan = tmp_path / "p.parquet"
    patchplan.plan([tmp_path / "a.npy", tmp_path / "b.npy"], plan, config=TILED)
    found = [(attributes["name"], attributes["visible"], attributes["scale"]) for _, attributes, _ in read(plan)]
    assert found == [
        ("read: a.npy", True, (1, 1)),
        ("kept: a.npy", True, (1, 1)),
        ("read: b.npy", False, (1, 1)),
        ("kept: b.npy", False, (1, 1)),
    ]


def test_only_images_that_are_open_are_drawn_and_as_their_layers_are_scaled(tmp_path, monkeypatch):
    for name in "ab":
        make_image(tmp_path / f"{name}.npy", (20, 20))
    plan = tmp_path / "p.parquet"
    patchplan.plan([tmp_path / "a.npy", tmp_path / "b.npy"], plan, config=TILED)
    shown = [
        SimpleNamespace(source=SimpleNamespace(path=path), scale=(1, 3, 4)) for path in (None, str(tmp_path / "b.npy"))
    ]
    viewer = SimpleNamespace(layers=shown)
    monkeypatch.setitem(sys.modules, "napari", SimpleNamespace(current_viewer=lambda: viewer))
    found = [(attributes["name"], attributes["visible"], attributes["scale"]) for _, attributes, _ in read(plan)]
    assert found == [("read: b.npy", True, (3, 4)), ("kept: b.npy", True, (3, 4))]
    monkeypatch.setitem(sys.modules, "napari", SimpleNamespace(current_viewer=lambda: None))
    assert len(read(plan)) == 4


def test_a_plan_without_rows_is_drawn_and_one_without_patches_is_nothing(tmp_path):
    assert len(read(make_plan(tmp_path, rows=False))[0][0]) == 12
    plan = make_plan(tmp_path, ".json")
    document = json.loads(plan.read_text())
    document["header"] |= {"n_patches": 0, "n_rows": 0, "config": {"patching": {"name": "fixed"}}, "tiles": False}
    document["header"]["images"][0]["n_patches"] = 0
    plan.write_text(json.dumps(document | {"specs": []}))
    assert read(plan) == [(None,)]


def test_the_manifest_names_the_reader_and_the_package_names_the_manifest():
    manifest = yaml.safe_load(MANIFEST.read_text())
    (command,), (reader,) = (manifest["contributions"][key] for key in ("commands", "readers"))
    module, _, function = command["python_name"].partition(":")
    assert getattr(import_module(module), function) is get_reader
    assert reader["command"] == command["id"]
    assert sorted(reader["filename_patterns"]) == sorted(f"*{suffix}" for suffix in SUFFIXES)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest["name"] == project["name"]
    package, _, file = project["entry-points"]["napari.manifest"]["patchplan"].partition(":")
    assert ROOT.joinpath(*package.split("."), file) == MANIFEST


@pytest.mark.skipif(find_spec("npe2") is None, reason="npe2 is not installed")
def test_npe2_validates_the_manifest():
    run = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", str(MANIFEST)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, "valid" in run.stdout) == (0, True), run.stderr


def in_a_process(code: str, *args: str) -> str:
    """Run code with a fresh interpreter, and warnings that are none of ours; return what it prints."""
    run = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_reader_needs_no_napari_and_loads_no_library_that_it_does_not_need():
    code = "import sys, patchplan.napari.reader; print({'napari', 'zarr', 'matplotlib', 'scipy'} & sys.modules.keys())"
    assert in_a_process(code) == "set()\n"


@pytest.mark.skipif(find_spec("napari") is None, reason="napari is not installed")
def test_napari_itself_shows_the_boxes_over_the_image(tmp_path):
    code = """
import sys
from napari.components import ViewerModel
from napari.plugins import _initialize_plugins

_initialize_plugins()
viewer = ViewerModel()  # all but the window
for path in sys.argv[1:]:
    viewer.open(path, plugin=None)
for layer in viewer.layers[-2:]:
    print(layer.name, layer.nshapes, set(layer.shape_type), layer.source.reader_plugin, list(layer.features))
    print(layer.extent.data.tolist())
"""
    plan = make_plan(tmp_path)
    assert in_a_process(code, str(tmp_path / "a.ome.tif"), str(plan)).splitlines() == [
        "read: a.ome.tif 12 {'rectangle'} patchplan ['index', 'sample']",
        "[[-0.5, -0.5], [39.5, 49.5]]",
        "kept: a.ome.tif 12 {'rectangle'} patchplan ['index', 'sample']",
        "[[-0.5, -0.5], [39.5, 49.5]]",
    ]

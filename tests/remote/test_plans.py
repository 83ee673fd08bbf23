"""A plan at a URL has the bytes that it has on a disk, and its images are found from it."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
import yaml

import patchplan
from patchplan import api
from patchplan.errors import ConfigError, OutputError, PlanError
from patchplan.objects import ObjectPath
from tests.plans.making import SUFFIXES, files_of
from tests.remote.making import GRID, SHAPE, put
from tests.remote_out.making import objects_of

RANDOM = {"name": "random", "patch_size": 64, "seed": 1}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_plan_at_a_url_has_the_same_bytes_and_rows(images, bucket, tmp_path, suffix):
    shutil.copy(images / "tiled.tif", tmp_path)
    (bucket / "tiled.tif").upload(images / "tiled.tif")
    there = bucket / f"plan{suffix}"
    here = tmp_path / f"plan{suffix}"
    told = patchplan.plan(f"{bucket}/tiled.tif", str(there), patching=GRID)
    patchplan.plan(tmp_path / "tiled.tif", here, patching=GRID)
    assert objects_of(bucket) == files_of(tmp_path)
    assert told.plan == str(there)
    plan = patchplan.open_plan(str(there))
    assert plan.table() == patchplan.open_plan(here).table()
    assert plan.image_path(0) == bucket / "tiled.tif"
    assert plan.open_image(0).read(0, (0, 0), (8, 8)).shape == (1, 8, 8)


def test_images_elsewhere_have_whole_names(images, there, bucket, tmp_path):
    local, remote = tmp_path / "plan.json", bucket / "plan.json"
    patchplan.plan(f"{there}/image.npy", local, patching=GRID)
    patchplan.plan(images / "image.npy", str(remote), patching=GRID)
    assert [patchplan.open_plan(path).images[0].uri for path in (local, str(remote))] == [
        f"{there}/image.npy",
        f"{images}/image.npy",
    ]
    for path in (local, str(remote)):
        assert patchplan.inspect(path).findings == ()


def test_a_root_at_a_url_says_where_the_images_are(images, there, tmp_path, bucket):
    plan = tmp_path / "plan.parquet"
    patchplan.plan(images / "image.npy", plan, patching=GRID, root=images)
    opened = patchplan.open_plan(plan, root=str(there))
    assert opened.image_path(0) == there / "image.npy"
    assert patchplan.inspect(plan, root=str(there)).findings == ()
    missing = patchplan.inspect(plan, root=str(bucket)).findings
    assert missing == (f"not found below {bucket}: image 0 (image.npy); say where they are now with --root",)
    again = tmp_path / "again.parquet"
    patchplan.plan(f"{there}/image.npy", again, patching=GRID, root=str(there))
    assert again.read_bytes() == plan.read_bytes()


def test_plans_are_made_from_plans_at_urls(images, there, bucket, tmp_path):
    whole = bucket / "whole.parquet"
    patchplan.plan(f"{there}/image.npy", str(whole), patching=GRID)
    api.convert(str(whole), str(bucket / "other.csv"))
    assert patchplan.open_plan(f"{bucket}/other.csv").table() == patchplan.open_plan(str(whole)).table()
    parts = [bucket / "first.parquet", tmp_path / "second.parquet"]
    n = patchplan.open_plan(str(whole)).n_patches
    api.subset(str(whole), str(parts[0]), index=range(5))
    api.subset(str(whole), parts[1], index=range(5, n))
    api.merge([str(parts[0]), parts[1]], str(bucket / "merged.parquet"))
    assert (bucket / "merged.parquet").read_bytes() == whole.read_bytes()


def test_what_is_there_is_not_replaced_unless_asked(there, bucket):
    plan = bucket / "plan.csv"
    patchplan.plan(f"{there}/image.npy", str(plan), patching=GRID)
    before = objects_of(bucket)
    with pytest.raises(OutputError, match=r"plan\.csv: exists already; use --overwrite"):
        patchplan.plan(f"{there}/raw.tif", str(plan), patching=GRID)
    assert objects_of(bucket) == before
    patchplan.plan(f"{there}/raw.tif", str(plan), patching=GRID, overwrite=True)
    assert patchplan.open_plan(str(plan)).images[0].uri.endswith("raw.tif")


def test_a_plan_that_cannot_be_put_leaves_nothing(there, bucket, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(ObjectPath, "upload", full)
        patched.setattr(ObjectPath, "write_bytes", full)
        with pytest.raises(OutputError, match=r"plan\.parquet: cannot be written: no space left"):
            patchplan.plan(f"{there}/image.npy", f"{bucket}/plan.parquet", patching=GRID)
    assert objects_of(bucket) == {}


def test_what_is_no_plan_is_refused(there, bucket, tmp_path, web):
    for url, why in [
        (f"{bucket}/none.parquet", "no such object"),
        (f"{there}/sharded.zarr", "found suffix '.zarr'; allowed: .parquet"),
        (f"{web}/none.csv", "no such object"),
    ]:
        with pytest.raises(PlanError, match=f"{url}: {why}"):
            patchplan.open_plan(url)
    for name in ("broken.parquet", "broken.csv", "broken.json"):
        (bucket / name).write_bytes(b"\xff\x00nothing")
        with pytest.raises(PlanError, match=f"{bucket}/{name}: "):
            patchplan.open_plan(f"{bucket}/{name}")
    with pytest.raises(OutputError, match="nobody writes to http://"):
        patchplan.plan(f"{there}/image.npy", f"{web}/plan.parquet", patching=GRID)
    with pytest.raises(OutputError, match="is read for this plan"):
        patchplan.convert(f"{there}/a.json", f"{there}/a.json", overwrite=True)


def test_configs_and_maps_are_on_a_disk(there, tmp_path):
    with pytest.raises(ConfigError, match=r"--config: found s3://b/c\.yaml; allowed: a path on a disk"):
        patchplan.plan(f"{there}/image.npy", tmp_path / "plan.csv", config="s3://b/c.yaml")
    with pytest.raises(ConfigError, match=r"--html: found s3://b/page\.html; allowed: a path on a disk"):
        patchplan.inspect("s3://b/plan.csv", html="s3://b/page.html")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"patching": GRID, "filter": {"name": "max", "threshold": 1}}))
    with pytest.raises(ConfigError, match="--filter-map: found s3://b/map; allowed: a path on a disk"):
        patchplan.plan(f"{there}/image.npy", tmp_path / "plan.csv", config=config, filter_map="s3://b/map")


SECTIONS: dict[str, dict[str, Any]] = {
    "filter": {"name": "mask", "masks": "masks/{stem}.npy", "coverage": 0.5},
    "regions": {"mask": "masks/"},
    "weights": {"name": "map", "map": "masks/image.npy"},
}


@pytest.mark.parametrize("section", SECTIONS)
def test_companions_at_a_url_choose_the_same(images, there, bucket, tmp_path, section):
    mask = np.zeros(SHAPE, "u1")
    mask[40:120, 50:] = 1
    (tmp_path / "masks").mkdir()
    np.save(tmp_path / "masks/image.npy", mask)
    put(tmp_path, bucket)
    chosen = {}
    for name, base in [("here", tmp_path), ("there", bucket)]:
        config: dict[str, Any] = {
            "patching": RANDOM if section == "weights" else GRID,
            section: dict(SECTIONS[section]),
        }
        for key, path in SECTIONS[section].items():
            if "masks/" in str(path):
                config[section][key] = f"{base}/{path}"
        plan = tmp_path / f"{name}.parquet"
        patchplan.plan(f"{there}/image.npy", plan, config=config)
        chosen[name] = patchplan.open_plan(plan).table()
    assert chosen["here"].num_rows
    assert chosen["there"] == chosen["here"]


def test_polygons_at_a_url_choose_the_same(images, there, bucket, tmp_path):
    ring = [[50, 40], [150, 40], [150, 120], [50, 40]]
    (tmp_path / "image.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    put(tmp_path, bucket)
    tables = []
    for base in (tmp_path, bucket):
        config = {"patching": GRID, "regions": {"geojson": f"{base}/{{stem}}.geojson"}}
        patchplan.plan(f"{there}/image.npy", tmp_path / "plan.parquet", config=config, overwrite=True)
        tables.append(patchplan.open_plan(tmp_path / "plan.parquet").table())
    assert tables[0] == tables[1]

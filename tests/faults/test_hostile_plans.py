"""Plans of any content: opened, inspected, cut out and stitched, with a PatchplanError or a result."""

import contextlib
import inspect
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import patchplan
from patchplan.errors import PatchplanError, PlanError, ShapeError
from patchplan.patching import create_patching
from patchplan.plans.given import read_given
from tests.faults.hostile import SCALARS, VALUES, bounded, changed, damaged, examples, json_bytes, lawful
from tests.plans.making import edit, make_plan, put_together, take_apart

CONFIGS: dict[str, dict[str, Any]] = {
    "tiled": {"name": "tiled", "patch_size": 16, "overlaps": 4},
    "random": {"name": "random", "patch_size": 16, "seed": 1},
    "whole": {"name": "whole"},
}
SUFFIXES = (".parquet", ".csv", ".json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Plans of one small image in each format, and tiles of them."""
    folder: Path = tmp_path_factory.mktemp("plans") / "here"
    for name, config in CONFIGS.items():
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "a.npy", np.arange(1200, dtype="u2").reshape(40, 30))
        for suffix in SUFFIXES:
            make_plan(folder / name, suffix, config, epochs=2 if name == "random" else None)
        patchplan.extract(folder / name / "plan.csv", folder / name / "tiles")
        patchplan.extract(folder / name / "plan.csv", folder / name / "tiles.zarr")
    make_plan(folder / "tiled", ".json", CONFIGS["tiled"], rows=False, overwrite=True)
    return folder


def used(path: Path) -> None:
    """Do all that a plan is for, without writing."""
    where = ("plan.", "--epoch", "hostile")
    if lawful(lambda: patchplan.open_plan(path), *where):
        return
    plan = patchplan.open_plan(path)
    with contextlib.suppress(PatchplanError):
        assert plan.n_rows == len(plan)
    lawful(lambda: patchplan.inspect(plan), *where)
    lawful(lambda: patchplan.extract(plan, dry_run=True, memory="64MB"), *where, "a.npy", "image", "memory")
    for name in ("tiles", "tiles.zarr"):
        lawful(partial(patchplan.stitch, plan, path.parent / name, check=True, memory="64MB"), *where, "tile", "memory")


@examples(60)
@given(data=st.data())
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CONFIGS)
def test_any_values_in_a_plan_give_an_error_or_a_plan(folder, tmp_path, name, suffix, data):
    shutil.copytree(folder / name, tmp_path / "hostile", dirs_exist_ok=True)
    path = tmp_path / "hostile" / f"plan{suffix}"
    rows, header = take_apart(path)
    if data.draw(st.booleans()):
        header = data.draw(changed(header))
    if rows and data.draw(st.booleans()):
        rows = data.draw(changed(rows))
    if suffix == ".json":
        path.write_bytes(json_bytes({"header": header, "specs": rows}))
    else:
        try:
            put_together(path, rows, header)
        except Exception:  # not even pyarrow makes a table of that
            return
    used(path)


@examples(60)
@given(data=st.data())
@pytest.mark.parametrize("name", ["plan.parquet", "plan.csv", "plan.csv.json", "plan.json"])
def test_any_bytes_in_a_plan_give_an_error_or_a_plan(folder, tmp_path, name, data):
    shutil.copytree(folder / "random", tmp_path / "hostile", dirs_exist_ok=True)
    path = tmp_path / "hostile" / name
    whole = path.read_bytes()
    path.write_bytes(data.draw(damaged(whole, whole, within=len(whole))))
    used(path.with_suffix("") if name == "plan.csv.json" else path)


SIDES = st.sampled_from([1, 15, 16, 17, 10**4, 10**7, 2**31, 2**32 + 1, 10**12, 2**53 + 1, 2**62]) | st.integers(1, 99)
SIZES = st.sampled_from([1, 16, 2**20, 2**31, 2**61 + 1, 2**62])


@examples(60)
@given(
    shape=st.tuples(SIDES, SIDES),
    n_samples=SIDES,
    patch=st.tuples(SIZES, SIZES),
    name=st.sampled_from(["tiled", "sequential", "whole"]),
    overlap=st.sampled_from([0, 1, 15, 2**30]),
)
def test_a_plan_of_any_size_that_agrees_with_itself(folder, tmp_path, shape, n_samples, patch, name, overlap):
    """A header of a few bytes counts up to 2^63 patches of images of up to 2^62 pixels on an axis."""
    config: dict[str, Any] = {"name": name}
    if name != "whole":
        config |= {"patch_size": patch, "overlaps": [min(overlap, size - 1) for size in patch]}
    data_shape = (n_samples, 1, *shape)
    try:
        n = create_patching([data_shape], config).n_patches
    except ShapeError:  # more than can be numbered
        return
    shutil.copytree(folder / "tiled", tmp_path / "hostile", dirs_exist_ok=True)
    path = tmp_path / "hostile" / "plan.json"
    header = json.loads(path.read_text())["header"]
    header["images"][0].update(axes="QYX", shape=(n_samples, *shape), data_shape=data_shape, n_patches=n)
    header |= {"n_patches": n, "n_rows": n, "rows": False, "tiles": name == "tiled"}
    header["config"]["patching"] = config
    path.write_text(json.dumps({"header": header, "specs": []}))
    if 2**20 < n <= 2**24:  # only large, and done in its time
        return
    used(path)


@examples(150)
@given(
    values=st.dictionaries(
        st.sampled_from(["name", "patch_size", "overlaps", "halo", "stride", "multiple_of", "seed", "table", "axes"]),
        VALUES
        | st.sampled_from(["tiled", "random", "stratified", "fixed_random", "whole", "fixed", "plan.csv", [8, 8]]),
        max_size=5,
    ),
    name=st.sampled_from(["tiled", "random", "stratified", "fixed_random", "sequential", "whole", "fixed"]),
    epochs=st.none() | SCALARS.filter(lambda value: len(str(value)) < 1000),
)
def test_any_config_gives_an_error_or_a_plan(folder, values, name, epochs):
    patching = {"patch_size": [8, 8], "name": name} | values
    if name == "whole":
        del patching["patch_size"]
    image = folder / "tiled" / "a.npy"
    for config in (patching, {"patching": patching}):
        lawful(partial(patchplan.plan, image, config=config, epochs=epochs, dry_run=True), ":")


HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "a dtype of no numbers": ({"dtype": "|O"}, r"dtype '\|O' is no type of pixels"),
    "a dtype that is none": ({"dtype": ".1.0"}, r"dtype '\.1\.0' is no type of pixels"),
    "a dtype that NumPy parses": ({"dtype": ","}, r"dtype ',' is no type of pixels"),
    "sizes of pixels for other axes": ({"pixel_size": [1, 1, 1]}, r"pixel_size \(1\.0, 1\.0, 1\.0\) does not fit the"),
    "a pixel without size": ({"pixel_size": [0, 1]}, r"pixel_size \(0\.0, 1\.0\) does not fit the axes YX"),
    "axes that are no image's": ({"axes": "YY"}, r"axes YY must have Y exactly once"),
    "a shape of other axes": ({"shape": [40, 30, 1]}, r"axes YX are 2 letters for 3 axes"),
    "a data shape that is not the shape's": (
        {"shape": [41, 30]},
        r"axes YX and shape .* give data shape \(1, 1, 41, 30\), not \(1, 1, 40",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_images_of_a_header_are_such_as_can_be_opened(folder, tmp_path, name):
    change, message = HEADERS[name]
    shutil.copy(folder / "tiled" / "plan.json", tmp_path / "plan.json")
    edit(tmp_path / "plan.json", header=lambda header: header["images"][0].update(change))
    with pytest.raises(PlanError, match=rf"plan\.json: the header is damaged: images\.0: {message}"):
        patchplan.open_plan(tmp_path / "plan.json")


def test_a_named_pipe_as_plan_does_not_hang(tmp_path):
    for name in ("plan.parquet", "plan.csv", "plan.json"):
        os.mkfifo(tmp_path / name)
        for read in (patchplan.open_plan, read_given):
            with bounded(), pytest.raises(PlanError, match=rf"{name}: is no file, but a pipe"):
                read(tmp_path / name)
    (tmp_path / "other.csv").write_text("index\n")
    os.mkfifo(tmp_path / "other.csv.json")
    with bounded(), pytest.raises(PlanError, match=r"other\.csv\.json: is no file"):
        patchplan.open_plan(tmp_path / "other.csv")


@pytest.mark.skipif(
    "max_rows_per_page" not in inspect.signature(pq.ParquetWriter).parameters,
    reason="this pyarrow cannot write pages of so many rows",
)
def test_kilobytes_of_parquet_that_hold_a_billion_equal_rows_are_refused(tmp_path):
    names = ["index", "data_idx", "sample_idx", "coords_y", "coords_x", "patch_size_y", "patch_size_x"]
    zeros = pa.repeat(pa.scalar(1, pa.int64()), 10**7)
    path = tmp_path / "plan.parquet"
    table = pa.table(dict.fromkeys(names, zeros))
    pages = {"data_page_size": 1 << 30, "write_batch_size": 10**7, "max_rows_per_page": 10**9}
    with pq.ParquetWriter(path, table.schema, compression="zstd", **pages) as writer:
        for _ in range(2):
            writer.write_table(table, row_group_size=10**7)
    assert path.stat().st_size < 19_000
    for read in (patchplan.open_plan, read_given):
        with bounded(), pytest.raises(PlanError, match=r"is broken: it claims 20,000,000 rows in \d,\d+ bytes"):
            read(path)


@pytest.mark.parametrize("text", ["[],", "{},", "1,"])
def test_json_that_is_far_larger_in_memory_is_refused(tmp_path, text):
    n = 41_000_000
    for name in ("plan.json", "plan.csv.json"):
        (tmp_path / name).write_text("[" + text * n + "0]")
        (tmp_path / "plan.csv").write_text("index\n")
        path = tmp_path / name
        with pytest.raises(PlanError, match=r"holds more than any plan of 1000000 rows"):
            patchplan.open_plan(path.with_suffix("") if name == "plan.csv.json" else path)
        path.unlink()


def test_a_table_given_that_needs_no_rows_is_not_unrolled(folder, tmp_path):
    """As `--strategy fixed --table PLAN` of a plan without rows."""
    shutil.copy(folder / "tiled" / "plan.json", tmp_path / "plan.json")
    header = json.loads((tmp_path / "plan.json").read_text())["header"]
    n = create_patching([(1, 1, 10**6, 10**6)], CONFIGS["tiled"]).n_patches
    header["images"][0].update(shape=(10**6, 10**6), data_shape=(1, 1, 10**6, 10**6), n_patches=n)
    header |= {"n_patches": n, "n_rows": n}
    (tmp_path / "plan.json").write_text(json.dumps({"header": header, "specs": []}))
    with bounded(), pytest.raises(PlanError, match=r"plan\.json: 6,944,\d+,\d+ rows are too many to be held in memory"):
        read_given(tmp_path / "plan.json")

"""Outputs that are half there, and manifests, of any bytes: an error that names them, or the work goes on."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import patchplan
from patchplan.errors import OutputError
from tests.faults.hostile import damaged, examples, lawful, opened_only
from tests.plans.making import make_plan

HEX = "0" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An output with checksums, and one of which the first of two shares is there."""
    folder: Path = tmp_path_factory.mktemp("outputs") / "here"
    folder.mkdir()
    np.save(folder / "a.npy", np.arange(1200, dtype="u2").reshape(40, 30))
    plan = make_plan(folder, ".csv", {"name": "tiled", "patch_size": 16, "overlaps": 4})
    patchplan.extract(plan, folder / "tiles.npy")
    how: Any = {"chunks": 16, "shards": "none"}
    patchplan.stitch(plan, folder / "tiles.npy", folder / "done.zarr", checksums=True, **how)
    patchplan.stitch(plan, folder / "tiles.npy", folder / "half.zarr", share="1/2", **how)
    return folder


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "done.zarr/../../secret", "done.zarr/../secret", "other/x"]
)
def test_a_manifest_names_nothing_outside_of_its_output(folder, tmp_path, name):
    here = tmp_path / "here"
    shutil.copytree(folder / "done.zarr", here / "done.zarr")
    (tmp_path / "secret").write_text("secret")
    whole = (folder / "done.zarr.sha256").read_text()
    (here / "done.zarr.sha256").write_text(f"{HEX}  {name}\n" + whole)
    with opened_only(here), pytest.raises(OutputError, match=r"done\.zarr\.sha256"):
        patchplan.verify(here / "done.zarr")


@examples(80)
@given(data=st.data())
def test_any_bytes_in_a_manifest(folder, tmp_path, data):
    shutil.copytree(folder / "done.zarr", tmp_path / "done.zarr", dirs_exist_ok=True)
    whole = (folder / "done.zarr.sha256").read_bytes()
    (tmp_path / "done.zarr.sha256").write_bytes(data.draw(damaged(whole, whole)))
    with opened_only(tmp_path):
        lawful(lambda: patchplan.verify(tmp_path / "done.zarr"), "done.zarr")


@examples(60)
@given(data=st.data())
def test_any_bytes_in_what_a_stopped_run_left(folder, tmp_path, data):
    here = tmp_path / "here"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(folder, here)
    notes = sorted(path for path in (here / "half.zarr.partial").iterdir() if path.is_file() and path.stat().st_size)
    for path in data.draw(st.lists(st.sampled_from(notes), min_size=1, max_size=2, unique=True)):
        path.write_bytes(data.draw(damaged(path.read_bytes(), notes[0].read_bytes())))
    how: Any = {"chunks": 16, "shards": "none"}
    plan, tiles, output = here / "plan.csv", here / "tiles.npy", here / "half.zarr"
    for share in ("1/2", "2/2"):
        lawful(partial(patchplan.stitch, plan, tiles, output, share=share, resume=True, **how), "half.zarr")
    lawful(lambda: patchplan.finish(plan, output), "half.zarr")
    if output.exists():
        assert (np.asarray(patchplan.open_image(output).read(0, (0, 0), (40, 30))[0]) == np.load(here / "a.npy")).all()

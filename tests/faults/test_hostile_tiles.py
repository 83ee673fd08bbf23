"""Tiles of any bytes, names and claims: what is wrong is named, by file or index, and nothing else happens."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st

import patchplan
from patchplan.plans.plan import Plan
from tests.faults.hostile import TEXTS, changed, damaged, examples, json_bytes, lawful
from tests.plans.making import make_plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A plan of nine tiles, and these in every form."""
    folder: Path = tmp_path_factory.mktemp("tiles") / "here"
    folder.mkdir()
    np.save(folder / "a.npy", np.arange(1200, dtype="u2").reshape(40, 30))
    plan = make_plan(folder, ".csv", {"name": "tiled", "patch_size": 16, "overlaps": 4})
    for name in ("stack.zarr", "array.npy", "npys", "tifs"):
        patchplan.extract(plan, folder / name, format="tif" if name == "tifs" else None)
    tiles = np.load(folder / "array.npy")
    zarr.create_array(folder / "bare.zarr", data=tiles, chunks=(2, 1, 16, 16), shards=(4, 1, 16, 16))
    zarr.create_array(folder / "bare2.zarr", data=tiles, chunks=(2, 1, 8, 16), zarr_format=2)
    return folder


@pytest.fixture
def plan(folder) -> Plan:
    return patchplan.open_plan(folder / "plan.csv")


def used(plan: Plan, tiles: Path) -> None:
    """Check tiles, and put together what of them can be."""
    where = (tiles.name, "tile")
    lawful(lambda: patchplan.stitch(plan, tiles, check=True, check_nan=True, memory="64MB"), *where)

    def stitched() -> None:
        for absent in ("missing", "zeros"):
            patchplan.stitch(plan, tiles, allow_missing=True, absent_chunks=absent, memory="64MB", workers=1)

    lawful(stitched, *where, "memory")


FILES = ["stack.zarr/zarr.json", "stack.zarr/tiles/zarr.json", "stack.zarr/index/zarr.json", "bare.zarr/zarr.json"]


@examples(60)
@given(data=st.data())
@pytest.mark.parametrize("name", [*FILES, "bare2.zarr/.zarray"])
def test_any_values_in_the_documents_of_a_stack(folder, plan, tmp_path, name, data):
    store = name.split("/")[0]
    shutil.copytree(folder / store, tmp_path / store, dirs_exist_ok=True)
    document = json.loads((folder / name).read_text())
    (tmp_path / name).write_bytes(json_bytes(data.draw(changed(document))))
    used(plan, tmp_path / store)


@examples(60)
@given(data=st.data())
@pytest.mark.parametrize("store", ["stack.zarr", "bare.zarr", "bare2.zarr", "npys", "tifs", "array.npy"])
def test_any_bytes_in_a_file_of_tiles(folder, plan, tmp_path, store, data):
    if (folder / store).is_dir():
        shutil.copytree(folder / store, tmp_path / store, dirs_exist_ok=True)
        files = sorted(path for path in (tmp_path / store).rglob("*") if path.is_file())
    else:
        files = [Path(shutil.copy(folder / store, tmp_path / store))]
    for _ in range(data.draw(st.integers(1, 3))):
        file, other = data.draw(st.sampled_from(files)), data.draw(st.sampled_from(files))
        file.write_bytes(data.draw(damaged(file.read_bytes(), other.read_bytes(), within=1000)))
    used(plan, tmp_path / store)


HEADERS = st.builds(
    "{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}".format,
    st.sampled_from(["'<u2'", "'|O'", "[('a', '<u2')]", "'<u2', 'x': ().__class__", "'V2'", "__import__('os')"])
    | TEXTS.map(repr),
    st.sampled_from(["False", "True", "None", "[]", "1"]),
    st.lists(st.sampled_from(["9", "1", "16", "-1", "0", "2**70", "10" * 20, "1.5", "'a'", "None"]), max_size=6).map(
        lambda sizes: f"({', '.join(sizes)})"
    )
    | st.sampled_from(["(" * 5000, "(9, 1, 16, 16)", "9", "()"]),
)


@examples(150)
@given(header=HEADERS)
def test_any_header_of_an_npy_file(plan, tmp_path, header):
    text = header.encode("utf-8", "surrogatepass")
    data = b"\x93NUMPY\x02\0" + len(text).to_bytes(4, "little") + text + bytes(9 * 16 * 16 * 2)
    (tmp_path / "a.npy").write_bytes(data)
    used(plan, tmp_path / "a.npy")
    lawful(lambda: patchplan.open_image(tmp_path / "a.npy", axes="QCYX").read(0, (0, 0), (4, 4)), "a.npy")


@examples(100)
@given(
    names=st.lists(
        st.builds(
            "{}{}{}.{}".format,
            st.text(max_size=3) | st.sampled_from(["tile_", "..", "-"]),
            st.integers(-3, 12) | st.sampled_from(["9" * 18, "9" * 19, "9" * 200, "٣", "²", "0" * 200 + "3"]),
            st.text(max_size=2),
            st.sampled_from(["npy", "tif", "NPY", "tiff", "npy.npy", "", "zarr"]),
        ).filter(lambda name: "/" not in name and "\0" not in name and len(name.encode("utf-8", "ignore")) < 250),
        max_size=12,
    )
)
def test_any_names_of_tiles(folder, plan, tmp_path, names):
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    for name in names:
        try:
            (tiles / name).write_bytes((folder / "npys" / "0.npy").read_bytes())
        except (OSError, UnicodeEncodeError):
            continue  # no name that this system allows
    used(plan, tiles)
    shutil.rmtree(tiles)


def test_a_tile_whose_pages_form_a_circle_is_bad(folder, plan, tmp_path):
    shutil.copytree(folder / "tifs", tmp_path / "tifs")
    path = tmp_path / "tifs" / "3.tif"
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        first = tif.pages.first.offset
        n_tags = int.from_bytes(data[first : first + 2], "little")
    end = first + 2 + 12 * n_tags
    data[end : end + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    found: list[Any] = []
    lawful(lambda: found.append(patchplan.stitch(plan, tmp_path / "tifs", check=True)), "tile")
    assert [bad.index for bad in found[0].bad] == [3]
    assert "after 1 pages the next is one of them again" in found[0].bad[0].why


def test_a_stack_that_claims_a_row_per_grain_of_sand_is_refused(folder, plan, tmp_path):
    shutil.copytree(folder / "stack.zarr", tmp_path / "stack.zarr")
    for name in ("tiles", "index"):
        path = tmp_path / "stack.zarr" / name / "zarr.json"
        document = json.loads(path.read_text())
        document["shape"][0] = 2**62
        path.write_text(json.dumps(document))
    message = lawful(lambda: patchplan.stitch(plan, tmp_path / "stack.zarr", check=True), "stack.zarr")
    assert "`index` has 4,611,686,018,427,387,904 rows" in message


@pytest.mark.parametrize("store", ["bare.zarr", "bare2.zarr"])
def test_a_named_pipe_as_chunk_of_a_plain_array_is_a_missing_tile(folder, plan, tmp_path, store):
    shutil.copytree(folder / store, tmp_path / store)
    chunk = next(path for path in sorted((tmp_path / store).rglob("*")) if path.is_file() and "z" not in path.name)
    chunk.unlink()
    os.mkfifo(chunk)
    assert "tiles are missing: 0" in lawful(lambda: patchplan.stitch(plan, tmp_path / store), "tiles")

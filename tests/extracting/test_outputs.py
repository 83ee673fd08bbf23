"""What stands in an output: layouts that others rely on, the same bytes for the same plan, stores to be filled."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import tifffile
import zarr

import patchplan
from patchplan.extracting.words import PadModeName
from patchplan.images.padding import PadMode
from patchplan.tiles.opening import open_tiles
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.writing.folder import FolderWriter
from patchplan.tiles.writing.stack import StackWriter
from patchplan.tiles.writing.writer import TileWriter
from tests.extracting.making import ENDS, assert_same, extract_as, load, make_npy, make_zarr, one_by_one

TILED = {"name": "tiled", "patch_size": 16, "overlaps": 4}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Thirty-five tiles of 16 x 16."""
    image = make_npy(tmp_path / "a.npy", (60, 78), "u2")
    patchplan.plan(image, tmp_path / "p.csv", patching=TILED)
    return tmp_path / "p.csv"


def files_of(out: Path) -> dict[str, bytes]:
    if out.is_file():
        return {"": out.read_bytes()}
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_stack_is_a_group_of_tiles_and_index_with_one_patch_per_chunk(plan, tmp_path):
    result = patchplan.extract(plan, tmp_path / "out.zarr")
    opened = patchplan.open_plan(plan)
    group: Any = zarr.open_group(tmp_path / "out.zarr", mode="r")
    about = {"version": 1, "plan": opened.digest, "epoch": 0, "axes": "NCYX"}
    attributes: Any = dict(group.attrs)["patchplan"]
    assert {**attributes, "uuid": str(UUID(attributes["uuid"]))} == {**about, "uuid": attributes["uuid"]}
    tiles, index = group["tiles"], group["index"]
    assert (tiles.shape, tiles.chunks, tiles.shards) == ((35, 1, 16, 16), (1, 1, 16, 16), (35, 1, 16, 16))
    assert tiles.metadata.dimension_names == ("n", "c", "y", "x")
    assert index.dtype == np.int64
    assert index[:].tolist() == list(range(35))
    assert (result.kind, result.format, result.n_patches, result.shape, result.dtype) == (
        *("stack", "zarr", 35),
        *((1, 16, 16), "uint16"),
    )
    assert result.bytes == 35 * 16 * 16 * 2


def test_patches_of_a_stack_are_few_files(tmp_path):
    image = make_npy(tmp_path / "a.npy", (400, 400), "u1")
    patchplan.plan(image, tmp_path / "p.parquet", patching={"name": "tiled", "patch_size": 4, "overlaps": 0})
    patchplan.extract(tmp_path / "p.parquet", tmp_path / "out.zarr", workers=2)
    assert len(files_of(tmp_path / "out.zarr")) == 3 + 2 * 3  # ten thousand patches in shards of 4096
    assert_same(load(tmp_path / "out.zarr"), one_by_one(patchplan.open_plan(tmp_path / "p.parquet")))


def test_files_of_a_folder_are_named_by_all_digits_of_the_largest_index(plan, tmp_path):
    patchplan.extract(plan, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{k:02}.npy" for k in range(35)]
    patchplan.extract(plan, tmp_path / "tifs", format="tif")
    with tifffile.TiffFile(tmp_path / "tifs" / "07.tif") as tif:
        assert (tif.series[0].axes, tif.series[0].shape) == ("CYX", (1, 16, 16))


@pytest.mark.parametrize("kind", ENDS)
def test_the_same_bytes_for_any_number_of_workers_and_memory(tmp_path, kind):
    image = make_zarr(tmp_path / "a.zarr", (300, 300), "u2", (50, 70))
    patchplan.plan(image, tmp_path / "p.parquet", patching={"name": "random", "patch_size": 8, "seed": 1})
    outs = []
    ways: list[dict[str, Any]] = [{"workers": 1}, {"workers": 4}, {"memory": "60MB"}, {"workers": 2}]
    for number, options in enumerate(ways):
        folder = tmp_path / str(number)
        folder.mkdir()
        outs.append(files_of(extract_as(kind, tmp_path / "p.parquet", folder, **options)))
    assert all(out == outs[0] for out in outs)


def test_too_little_memory_is_refused_naming_the_minimum(plan, tmp_path):
    with pytest.raises(patchplan.PatchplanError, match=r"--memory: found 1 MB; at least \d+ MB are needed"):
        patchplan.extract(plan, tmp_path / "out.zarr", memory="1MB")


WRITE_SOME = """
import sys, numpy as np, zarr
group = zarr.open_group(sys.argv[1], mode="r+")
for k in range(int(sys.argv[2]), 35, 2):
    group["tiles"][k] = np.full((2, 16, 16), k / 2, "f4")
    group["index"][k] = k
"""


def test_an_empty_store_is_filled_by_processes_that_do_not_know_of_each_other(plan, tmp_path):
    out = tmp_path / "predictions.zarr"
    result = patchplan.extract(plan, out, empty=True, channels_out=2, dtype="float32")
    assert (result.empty, result.shape, result.dtype, result.n_patches) == (True, (2, 16, 16), "float32", 35)
    opened = patchplan.open_plan(plan)
    assert all(name.endswith("zarr.json") for name in files_of(out))
    group: Any = zarr.open_group(out, mode="r")
    assert (group["tiles"].shards, group["tiles"].chunks, group["index"].chunks) == (None, (1, 2, 16, 16), (1,))
    assert (group["index"][:] == -1).all()
    tiles = open_tiles([out], range(35), ndim=2, digest=opened.digest)
    assert not tiles.present.any()
    tiles.close()
    runs = [subprocess.Popen([sys.executable, "-c", WRITE_SOME, str(out), start]) for start in "01"]
    assert [run.wait(timeout=60) for run in runs] == [0, 0]
    tiles = open_tiles([out], range(35), ndim=2, digest=opened.digest)
    assert tiles.present.all()
    for k, tile in enumerate(tiles.read(np.arange(35))):
        assert (tile == k / 2).all()
    tiles.close()
    names = [name for name in files_of(out) if not name.endswith("zarr.json")]
    assert sorted(names) == sorted(
        ["tiles/c.0.0.0.0".replace("0", str(k), 1) for k in range(1, 35)] + [f"index/c.{k}" for k in range(35)]
    )  # of tile 0, all zeros, nothing is stored


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "needs --channels-out C and --dtype"),
        ({"channels_out": 2}, "needs --channels-out C and --dtype"),
        ({"channels_out": 0, "dtype": "u1"}, "--channels-out: found 0"),
        ({"channels_out": 2, "dtype": "text"}, "--dtype: found 'text'"),
        ({"channels_out": 2, "dtype": "u1", "channels": [0]}, "--channels: not allowed with --empty"),
        ({"channels_out": 2, "dtype": "u1", "images": "a.npy"}, "--from: not allowed with --empty"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_empty_store_needs_what_goes_into_it(plan, tmp_path, options, match):
    with pytest.raises(patchplan.PatchplanError, match=match):
        patchplan.extract(plan, tmp_path / "out.zarr", empty=True, **options)
    with pytest.raises(patchplan.PatchplanError, match="makes a stack"):
        patchplan.extract(plan, tmp_path / "out", empty=True, channels_out=1, dtype="u1")


def test_a_long_double_goes_into_npy_only(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((20, 20), np.longdouble))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching=TILED)
    for kind in ("stack", "tif"):
        with pytest.raises(patchplan.PatchplanError, match=r"cannot hold \w+; extract .npy instead"):
            extract_as(kind, tmp_path / "p.csv", tmp_path)
    for kind in ("array", "npy"):
        out = extract_as(kind, tmp_path / "p.csv", tmp_path)
        assert_same(load(out), one_by_one(patchplan.open_plan(tmp_path / "p.csv")))


def test_the_words_of_the_command_are_those_of_the_library():
    assert PadModeName == PadMode


def test_the_result_is_data(plan, tmp_path):
    result = patchplan.extract(plan, tmp_path / "out.zarr")
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert set(json.loads(result.model_dump_json())) == {
        *("out", "kind", "format", "n_patches", "shape", "dtype", "epoch", "bytes", "empty", "notes")
    }


def test_what_a_plan_without_rows_asks_for_is_known_at_once(tmp_path):
    """Ten thousand million tiles, counted by arithmetic."""
    np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (100_000, 100_000))
    patching = {"name": "tiled", "patch_size": 2, "overlaps": 1}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.json", patching=patching, rows=False)
    result = patchplan.extract(tmp_path / "p.json", dry_run=True)
    assert (result.n_patches, result.bytes) == (99_999**2, 4 * 99_999**2)
    result = patchplan.extract(tmp_path / "p.json", tmp_path / "e.zarr", empty=True, channels_out=1, dtype="u1")
    assert result.n_patches == 99_999**2
    assert zarr.open_array(tmp_path / "e.zarr" / "tiles", mode="r").shape == (99_999**2, 1, 2, 2)


@pytest.mark.parametrize("kind", ENDS)
def test_a_table_that_is_read_in_pieces_fills_whole_shards(tmp_path, monkeypatch, kind):
    """Pieces of a large CSV end anywhere; threads that wrote parts of one shard lost each other's rows."""
    image = make_npy(tmp_path / "i.npy", (300, 200), "u2")
    tiled = {"name": "tiled", "patch_size": 4, "overlaps": 0}
    patchplan.plan(image, tmp_path / "p.csv", patching=tiled, axes="YX")
    monkeypatch.setattr("patchplan.plans.epoch.HELD_ROWS", 0)
    monkeypatch.setattr("patchplan.plans.tables.csv.READ_BLOCK", 1000)
    monkeypatch.setattr("patchplan.tiles.writing.writer.MAX_ROWS", 37)
    monkeypatch.setattr("patchplan.extracting.batches.PIECE_ROWS", 100)
    plan = patchplan.open_plan(tmp_path / "p.csv")
    assert plan.n_rows == 75 * 50
    out = extract_as(kind, plan, tmp_path, workers=4)
    grid = np.load(image).reshape(75, 4, 50, 4).swapaxes(1, 2).reshape(-1, 1, 4, 4)
    assert np.array_equal(load(out), grid)
    if kind == "stack":
        group: Any = zarr.open_group(out, mode="r")
        assert np.array_equal(group["index"][...], np.arange(plan.n_rows))


@pytest.mark.parametrize(("start", "n"), [(1, 4), (0, 3), (4, 5), (8, 1)])
def test_rows_that_are_no_whole_shards_are_never_written(tmp_path, start, n):
    form = TileForm((1, 2, 2), np.dtype("u1"))
    writer = stack_writer(tmp_path / "s.zarr", form)
    with pytest.raises(AssertionError, match=rf"rows {start} to {start + n} are no whole shards of 4 rows"):
        writer.write(start, np.arange(start, start + n), np.zeros((n, 1, 2, 2), "u1"))
    writer.close()


@pytest.mark.parametrize("kind", ["stack", "npy", "tif"])
def test_rows_that_are_written_by_two_never_go_away_meanwhile(tmp_path, monkeypatch, kind):
    """A worker that was taken for lost may write what another has written, and die at any instant."""
    form, tiles = TileForm((1, 2, 2), np.dtype("u1")), np.arange(40, dtype="u1").reshape(10, 1, 2, 2)
    writer: TileWriter = FolderWriter(tmp_path, 9, kind) if kind != "stack" else stack_writer(tmp_path, form)
    for start in (0, 4, 8):
        writer.write(start, np.arange(10)[start : start + 4], tiles[start : start + 4])
    written = files_of(tmp_path)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a file is removed")

    for name in ("os.unlink", "os.remove", "pathlib.Path.unlink", "os.ftruncate"):
        monkeypatch.setattr(name, never)
    inodes = {path: path.stat().st_ino for path in tmp_path.iterdir() if path.is_file()}
    for start in (8, 0, 4):
        writer.write(start, np.arange(10)[start : start + 4], tiles[start : start + 4])
    assert files_of(tmp_path) == written
    assert {path: path.stat().st_ino for path in inodes} == inodes
    writer.close()


def stack_writer(folder: Path, form: TileForm) -> StackWriter:
    """Begin a stack of 10 rows, 4 in a shard."""
    return StackWriter(folder, 10, form, rows=4, digest="d", epoch=0, uuid="u")

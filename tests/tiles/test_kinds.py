"""Every kind of tiles gives back what was written, by position, whatever the order and the number of threads."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchplan.tiles.protocol import Tiles
from tests.tiles.making import opened, pixels, read_all, write_array, write_folder, write_stack


def _npy(path: Path, data: NDArray[Any], index: Any) -> Path:
    path = path.with_suffix(".npy")
    np.save(path, data)
    return path


def _npy_fortran(path: Path, data: NDArray[Any], index: Any) -> Path:
    return _npy(path, np.asfortranarray(data), index)


def _stack(**how: Any) -> Callable[[Path, NDArray[Any], Any], Path]:
    def write(path: Path, data: NDArray[Any], index: Any) -> Path:
        path = path.with_suffix(".zarr")
        adapted = {
            key: (value[0], *data.shape[1:]) if value else value for key, value in how.items() if key != "version"
        }
        write_stack(path, data, index, how.get("version", 3), **adapted)
        return path

    return write


def _bare(**how: Any) -> Callable[[Path, NDArray[Any], Any], Path]:
    def write(path: Path, data: NDArray[Any], index: Any) -> Path:
        path = path.with_suffix(".zarr")
        chunks = (how.get("chunk", 1), *(max(1, n - 1) for n in data.shape[1:]))
        shards = tuple(c * k for c, k in zip(chunks, (3, *(2,) * (data.ndim - 1)), strict=True))
        write_array(path, data, how.get("version", 3), chunks=chunks, shards=shards if how.get("sharded") else None)
        return path

    return write


def _folder(suffix: str) -> Callable[[Path, NDArray[Any], Any], Path]:
    def write(path: Path, data: NDArray[Any], index: Any) -> Path:
        write_folder(path, list(data), index, suffix)
        return path

    return write


KINDS: dict[str, Callable[[Path, NDArray[Any], Any], Path]] = {
    "stack": _stack(),
    "stack, v2": _stack(version=2),
    "stack, two tiles per chunk": _stack(chunks=(2,)),
    "stack, sharded": _stack(chunks=(1,), shards=(3,)),
    "stack, sharded, two tiles per chunk": _stack(chunks=(2,), shards=(4,)),
    "bare": _bare(),
    "bare, v2": _bare(version=2, chunk=3),
    "bare, sharded": _bare(sharded=True, chunk=2),
    "npy": _npy,
    "npy, Fortran order": _npy_fortran,
    "folder of npy": _folder(".npy"),
    "folder of tif": _folder(".tif"),
}
DTYPES = ["?", "i1", "u1", "i2", "u2", ">u2", "i4", "i8", "u8", "f2", "f4", ">f4", "f8", "c8"]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_tiles_come_back_by_position(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=3, max_size=4)))
    ndim = len(shape) - 1
    dtype = data.draw(st.sampled_from(DTYPES if kind != "folder of tif" else ["u1", "i2", ">u2", "f4", "f8"]))
    n = data.draw(st.integers(1, 12))
    index: Any = range(n)
    if data.draw(st.booleans()):
        index = np.array(data.draw(st.permutations(range(5, 5 + 2 * n)))[:n])
    written = pixels(n, shape, dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = KINDS[kind](Path(folder) / "tiles", written, index)
        tiles = opened(path, index, ndim, threads=data.draw(st.sampled_from([1, 3])))
        _check(tiles, written, data)


def _check(tiles: Tiles, written: NDArray[Any], data: st.DataObject) -> None:
    assert tiles.present.all()
    assert (len(tiles.duplicates), tiles.unplanned, tiles.bad, tiles.notes) == (0, 0, [], ())
    (form,) = tiles.forms
    assert form.shape == written.shape[1:]
    assert form.dtype == written.dtype.newbyteorder("=")
    assert not tiles.form_of.any()
    order = data.draw(st.permutations(range(len(written)))) if data.draw(st.booleans()) else range(len(written))
    found = [np.array(tile) for tile in tiles.read(np.array(order))]
    assert all(tile.dtype == form.dtype and tile.dtype.isnative for tile in found)
    np.testing.assert_array_equal(found, written[list(order)])
    assert tiles.read_bytes() >= form.nbytes
    tiles.close()


@pytest.mark.parametrize("kind", KINDS)
def test_three_threads_and_three_readers_give_the_same(kind: str, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    written = pixels(40, (1, 5, 7))
    tiles = opened(KINDS[kind](tmp_path / "tiles", written, range(40)), range(40), threads=3)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(lambda _: read_all(tiles), range(6)):
            np.testing.assert_array_equal(found, written)
    tiles.close()


@pytest.mark.parametrize("kind", KINDS)
def test_small_batches_give_the_same(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("stack", "folder"):
        monkeypatch.setattr(f"patchplan.tiles.{module}.BATCH_BYTES", 200)
    written = pixels(23, (1, 5, 7))
    tiles = opened(KINDS[kind](tmp_path / "tiles", written, range(23)), range(23))
    np.testing.assert_array_equal(read_all(tiles), written)
    gaps = np.array([0, 1, 2, 5, 6, 11, 22])
    np.testing.assert_array_equal([np.array(tile) for tile in tiles.read(gaps)], written[gaps])
    assert list(tiles.read(np.empty(0, np.int64))) == []
    tiles.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_iterator_left_early_does_no_harm(kind: str, tmp_path: Path) -> None:
    written = pixels(9)
    tiles = opened(KINDS[kind](tmp_path / "tiles", written, range(9)), range(9))
    np.testing.assert_array_equal(next(tiles.read(np.arange(9))), written[0])
    tiles.close()

"""Zarr arrays through tensorstore and through zarr-python: the same pixels, whichever it is."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchplan.images import open_image
from patchplan.images.zarr import traffic
from patchplan.images.zarr.failures import plain_error
from patchplan.images.zarr.plain import PlainPixels
from patchplan.images.zarr.traffic import Pixels, open_pixels

DTYPES = ["?", "i1", "u1", ">u2", "i4", ">i8", "u8", "f2", "f4", ">f4", "f8", "c8", "c16"]


def _data(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, 100, shape).astype(dtype)


def _open(path: Path, library: str, version: int = 3, **how: Any) -> Pixels:
    """Open with one library for certain."""
    if library == "zarr":
        return PlainPixels(path, "", version, how.get("write", False))
    pixels = open_pixels(path, version=version, threads=2, **how)
    assert isinstance(pixels, traffic._TensorPixels)
    return pixels


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_boxes_written_by_one_library_are_read_by_the_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    version: Any = data.draw(st.sampled_from([2, 3]))
    dtype = data.draw(st.sampled_from(DTYPES))
    chunks = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    shape = tuple(data.draw(st.integers(1, 12)) for _ in chunks)
    shards = tuple(2 * n for n in chunks) if version == 3 and data.draw(st.booleans()) else None
    how: dict[str, Any] = data.draw(
        st.sampled_from([{}, {"compressors": None}, {"order": "F"} if version == 2 else {}])
    )
    path = tmp_path_factory.mktemp("traffic") / "a.zarr"
    zarr.create_array(
        path, shape=shape, chunks=chunks, shards=shards, dtype=dtype, fill_value=1, zarr_format=version, **how
    )
    expected = np.ones(shape, dtype).astype(np.dtype(dtype).newbyteorder("="))
    writer = _open(path, data.draw(st.sampled_from(["tensorstore", "zarr"])), version, write=True)
    block = shards or chunks
    box = tuple(slice(data.draw(st.integers(0, (n - 1) // b)) * b, n) for n, b in zip(shape, block, strict=True))
    expected[box] = _data(expected[box].shape, dtype)
    writer.write(box, expected[box])
    writer.close()
    for library in ("tensorstore", "zarr"):
        pixels = _open(path, library, version)
        assert (pixels.shape, pixels.dtype) == (shape, expected.dtype)
        assert (pixels.chunks, pixels.shards) == (chunks, shards)
        box = tuple(slice(data.draw(st.integers(0, n - 1)), n) for n in shape)
        for found in (pixels.read(box), pixels.read_soon(box)()):
            np.testing.assert_array_equal(found, expected[box])
            assert found.flags.c_contiguous
            assert found.flags.writeable
            assert found.dtype == expected.dtype
        pixels.close()


def test_what_tensorstore_cannot_open_is_read_by_zarr(tmp_path: Path) -> None:
    data = _data((20, 30), "u2")
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=data, zarr_format=2, compressors=None)
    document = json.loads((path / ".zarray").read_text())
    document["filters"] = [{"id": "delta", "dtype": "<u2", "astype": "<u2"}]
    (path / ".zarray").write_text(json.dumps(document))
    zarr.open_array(path, mode="r+")[...] = data
    pixels = open_pixels(path, version=2, threads=1)
    assert isinstance(pixels, PlainPixels)
    np.testing.assert_array_equal(pixels.read((slice(3, 9), slice(0, 30))), data[3:9])


def test_what_neither_can_open_is_said_by_zarr(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        open_pixels(tmp_path / "nothing.zarr", version=3, threads=1)


def test_arrays_share_threads_and_chunks() -> None:
    assert traffic._context(2, 1 << 20) is traffic._context(2, 1 << 20)
    assert traffic._context(2, 1 << 20) is not traffic._context(3, 1 << 20)


@pytest.mark.parametrize("shards", [None, (64, 64)])
def test_writers_of_different_blocks_do_not_disturb_each_other(shards: Any, tmp_path: Path) -> None:
    data = _data((250, 310), "f4")
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=data.shape, chunks=(32, 32), shards=shards, dtype="f4")
    pixels = open_pixels(path, version=3, threads=2, write=True)

    def write(corner: tuple[int, int]) -> None:
        box = tuple(slice(a, min(a + 64, n)) for a, n in zip(corner, data.shape, strict=True))
        pixels.write(box, data[box])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [(y, x) for y in range(0, 250, 64) for x in range(0, 310, 64)]))
    np.testing.assert_array_equal(zarr.open_array(path, mode="r")[...], data)
    assert not list(path.rglob("*.__lock"))


def _counted(what: str) -> int:
    """How often tensorstore has done something to files."""
    import tensorstore

    found = tensorstore.experimental_collect_matching_metrics(f"/tensorstore/kvstore/file/{what}")
    return sum(int(value["value"]) for metric in found for value in metric["values"] if "value" in value)


def test_a_shard_written_whole_is_one_file_written_once(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(100, 100), chunks=(8, 8), shards=(64, 64), dtype="f4")
    pixels = open_pixels(path, version=3, threads=2, write=True)
    before = _counted("write")
    pixels.write((slice(64, 100), slice(0, 64)), _data((36, 64), "f4"))
    assert _counted("write") - before == 1


@pytest.mark.parametrize("shards", [None, (64, 64)])
def test_patches_of_an_image_read_each_chunk_once(shards: Any, tmp_path: Path) -> None:
    data = _data((128, 128), "u2")
    zarr.create_array(tmp_path / "a.zarr", data=data, chunks=(32, 32), shards=shards)
    image = open_image(tmp_path / "a.zarr")
    before = _counted("read")
    for y in range(0, 128, 8):
        for x in range(0, 128, 8):
            np.testing.assert_array_equal(image.read(0, (y, x), (8, 8))[0], data[y : y + 8, x : x + 8])
    n_indices = 4 if shards else 0
    assert _counted("read") - before <= 1 + 16 + n_indices  # metadata, chunks, indices of shards


def test_disk_full_and_no_permission_keep_their_number() -> None:
    for text, number in (
        (
            'RESOURCE_EXHAUSTED: Error writing "x": [OS error 28: ENOSPC No space left on device] [tensorstore_spec=1]',
            28,
        ),
        ("PERMISSION_DENIED: Failed to open: [OS error 13: EACCES Permission denied]", 13),
    ):
        error = plain_error(ValueError(text), "/x/")
        assert isinstance(error, OSError)
        assert error.errno == number


def test_write_that_the_system_refuses_is_an_os_error(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(4, 4), chunks=(4, 4), dtype="f4")
    pixels = open_pixels(path, version=3, threads=1, write=True)
    (path / "c").write_text("a file where a folder should be")
    with pytest.raises(OSError, match=r"Not a directory"):
        pixels.write((slice(0, 4), slice(0, 4)), np.ones((4, 4), "f4"))


@pytest.mark.parametrize("version", [2, 3])
def test_broken_chunk_is_told_in_one_line_without_the_path(version: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, data=_data((8, 8), "u2"), chunks=(8, 8), zarr_format=version)
    key = array.metadata.encode_chunk_key((0, 0))
    (path / key).write_bytes(b"broken")
    with pytest.raises(ValueError, match=rf'^Error reading local file "{key}": ') as error:
        open_pixels(path, version=version, threads=1).read((slice(0, 8), slice(0, 8)))
    assert "\n" not in str(error.value)
    assert str(tmp_path) not in str(error.value)


FORK = """
import multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 says of every fork beside threads that it may hang
from pathlib import Path
from patchplan.images import open_image
from patchplan.images.zarr.traffic import _TensorPixels, open_pixels

path = Path(sys.argv[1])
image = open_image(path)
expected = image.read(0, (0, 0), (8, 8)).sum()
pixels = open_pixels(path, version=3, threads=2)
assert isinstance(pixels, _TensorPixels)
box = (slice(0, 8), slice(0, 8))
underway = pixels.read_soon(box)

def read(k):
    global underway
    underway = None
    return image.read(0, (0, 0), (8, 8)).sum(), pixels.read(box).sum()

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        assert pool.map(read, range(8)) == [(expected, expected)] * 8
    assert underway().sum() == expected
    print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_other_processes_read_after_this_one_has(start: str, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=_data((16, 16), "u2"), chunks=(4, 4))
    (tmp_path / "run.py").write_text(FORK)
    command = [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "a.zarr"), start]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout == "done\n", run.stderr


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are UTF-8 there")
def test_name_that_is_not_utf8_is_left_to_zarr(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.zarr")
    data = _data((8, 8), "u2")
    zarr.create_array(path, data=data, chunks=(4, 4))
    pixels = open_pixels(path, version=3, threads=1)
    assert isinstance(pixels, PlainPixels)
    np.testing.assert_array_equal(pixels.read((slice(0, 8), slice(0, 8))), data)
    np.testing.assert_array_equal(open_image(path).read(0, (0, 0), (8, 8))[0], data)

"""Files that change after they were opened, and folders that are changed: what is read, and what is refused."""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import ImageError
from patchplan.images import ImageSource, open_image, reopen
from patchplan.images.zarr.traffic import open_pixels

SHAPE = (32, 32)


def _zarr(path: Path, pixels: np.ndarray[Any, Any], **how: Any) -> None:
    zarr.create_array(path, data=pixels, chunks=(8, 8), overwrite=True, **how)


def _zip(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, data=pixels, chunks=(8, 8))


WRITERS: dict[str, Callable[[Path, np.ndarray[Any, Any]], object]] = {
    "a.zarr": _zarr,
    "b.zarr": lambda path, pixels: _zarr(path, pixels, zarr_format=2),
    "c.zarr": lambda path, pixels: _zarr(path, pixels, shards=(16, 16)),
    "d.zarr.zip": _zip,
    "e.npy": np.save,
    "f.tif": tifffile.imwrite,
    "g.tif": lambda path, pixels: tifffile.imwrite(path, pixels, tile=(16, 16), compression="zlib"),
    "h.png": lambda path, pixels: path.write_bytes(imagecodecs.png_encode(pixels)),
}


def _full(value: int, dtype: str = "u2") -> np.ndarray[Any, Any]:
    return np.full(SHAPE, value, dtype)


def _whole(source: ImageSource) -> np.ndarray[Any, Any]:
    whole: np.ndarray[Any, Any] = source.read(0, (0, 0), SHAPE)[0]
    return whole


@pytest.mark.parametrize("name", WRITERS)
def test_new_opening_reads_what_is_there_now(name: str, tmp_path: Path) -> None:
    path, write = tmp_path / name, WRITERS[name]
    write(path, _full(1))
    first = open_image(path)
    assert (_whole(first) == 1).all()
    for value in (2, 3):
        write(path, _full(value))
        for source in (open_image(path), reopen(first.info)):
            assert (_whole(source) == value).all()
            assert (_whole(pickle.loads(pickle.dumps(source))) == value).all()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_chunks_that_come_go_and_change_are_seen_by_the_next_opening(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("current") / "a.zarr"
    how: dict[str, Any] = data.draw(st.sampled_from([{}, {"shards": (16, 16)}, {"zarr_format": 2}]))
    array = zarr.create_array(path, shape=SHAPE, chunks=(8, 8), dtype="u2", fill_value=7, **how)
    pixels = open_pixels(path, version=array.metadata.zarr_format, threads=2, cache_bytes=1 << 20)
    for _ in range(data.draw(st.integers(1, 4))):
        y, x = (8 * data.draw(st.integers(0, 3)) for _ in "yx")
        array[y : y + 8, x : x + 8] = data.draw(st.sampled_from([7, 1, 2]))
        now = open_pixels(path, version=array.metadata.zarr_format, threads=2, cache_bytes=1 << 20)
        box = (slice(0, 32), slice(0, 32))
        np.testing.assert_array_equal(now.read(box), array[...])
        assert pixels.read(box).shape == SHAPE


@pytest.mark.parametrize("name", WRITERS)
def test_relative_path_stays_where_it_was_opened(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        WRITERS[name](tmp_path / folder / name, _full(value))
    monkeypatch.chdir(tmp_path / "a")
    source = open_image(name)
    assert source.uri == name
    monkeypatch.chdir(tmp_path / "b")
    assert (_whole(source) == 1).all()
    source.check_unchanged()


@pytest.mark.parametrize("name", WRITERS)
def test_other_dtype_than_opened_is_refused(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, _full(1))
    source = open_image(tmp_path / name)
    WRITERS[name](tmp_path / name, _full(1, "u1"))
    with pytest.raises(ImageError, match=rf"{name}: cannot be read|{name}: (has changed since|decodes to)"):
        _whole(source)


@pytest.mark.parametrize("name", WRITERS)
def test_check_of_what_was_opened(name: str, tmp_path: Path) -> None:
    path, write = tmp_path / name, WRITERS[name]
    write(path, _full(1))
    source = open_image(path)
    source.check_unchanged()
    os.utime(path, (1e9, 1e9))
    source.check_unchanged()
    _whole(source)
    write(path, np.zeros((32, 16), "u2"))
    with pytest.raises(ImageError, match=rf"{name}: has changed since it was opened"):
        source.check_unchanged()
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ImageError, match=rf"{name}: .*(no such file|its metadata is gone)"):
        source.check_unchanged()

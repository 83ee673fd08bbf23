"""Zarr stores whose pixels are damaged, or claim more than there is."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec

from patchplan.errors import ImageError
from patchplan.images import open_image


def _pixels(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.random.default_rng(2).integers(1, 200, shape).astype("u2")


DAMAGED: dict[str, dict[str, Any]] = {
    "v2": {"zarr_format": 2},
    "v3": {},
    "sharded": {"shards": (16, 16)},
    "not compressed": {"compressors": None},
    "blosc": {"compressors": BloscCodec()},
}


@pytest.mark.parametrize("name", DAMAGED)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_chunk_is_an_image_error_or_goes_unnoticed(
    name: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.zarr"
    zarr.create_array(path, data=_pixels((32, 32)), chunks=(8, 8), **DAMAGED[name])
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr.json"))]
    for file in files:
        text = bytearray(file.read_bytes())
        for place in data.draw(st.lists(st.integers(0, len(text) - 1), max_size=4)):
            text[place] = data.draw(st.sampled_from([0, 1, 127, 255]))
        file.write_bytes(text[: data.draw(st.sampled_from([None, len(text) // 2, 1, 0]))])
    message = f"{path}: cannot be read"
    try:
        open_image(path).read(0, (0, 0), (32, 32))
    except ImageError as error:
        message = str(error)
    assert message.startswith(f"{path}: cannot be read")
    assert "\n" not in message
    assert message.count(str(path.parent)) == 1


@pytest.mark.parametrize("name", DAMAGED)
def test_truncated_chunk_is_not_read_as_zeros(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=_pixels((16, 16)), chunks=(16, 16) if name != "sharded" else (8, 8), **DAMAGED[name])
    for file in path.rglob("*"):
        if file.is_file() and not file.name.startswith((".z", "zarr.json")):
            file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ImageError, match=r"a\.zarr: cannot be read"):
        open_image(path).read(0, (0, 0), (16, 16))


@pytest.mark.parametrize("version", [2, 3])
def test_chunk_larger_than_memory_is_refused(version: Any, tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(1 << 20, 1 << 21), chunks=(1 << 20, 1 << 21), dtype="u2", zarr_format=version
    )
    chunk = tmp_path / "a.zarr" / array.metadata.encode_chunk_key((0, 0))
    chunk.parent.mkdir(parents=True, exist_ok=True)
    chunk.touch()
    os.truncate(chunk, 1 << 40)
    with pytest.raises(ImageError, match="GB does not fit in memory"):
        open_image(tmp_path / "a.zarr").read(0, (0, 0), (8, 8))


def test_changed_array_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=_pixels((16, 16)))
    source = open_image(tmp_path / "a.zarr")
    zarr.create_array(tmp_path / "a.zarr", data=_pixels((16, 17)), overwrite=True)
    with pytest.raises(
        ImageError, match=r"has changed since it was opened: shape \(16, 17\) uint16, was \(16, 16\) uint16"
    ):
        source.read(0, (0, 0), (16, 16))


@pytest.mark.parametrize("link", ["nowhere", "own name"])
def test_link_to_nothing_is_a_missing_chunk(link: str, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=_pixels((16, 16)), chunks=(8, 8))
    chunk = tmp_path / "a.zarr" / "c" / "0" / "1"
    chunk.unlink()
    chunk.symlink_to("nowhere" if link == "nowhere" else chunk.name)
    assert open_image(tmp_path / "a.zarr").info.notes == ("1 of 4 chunks are missing and read as the fill value 0",)


def test_fill_value_that_is_null_is_zero(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(8, 8), chunks=(8, 8), dtype="u2", zarr_format=2)
    document = tmp_path / "a.zarr" / ".zarray"
    document.write_text(json.dumps(json.loads(document.read_text()) | {"fill_value": None}))
    source = open_image(tmp_path / "a.zarr")
    assert source.info.notes == ("1 of 1 chunks are missing and read as the fill value 0",)
    assert (source.read(0, (0, 0), (8, 8)) == 0).all()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no such errors on Windows")
@pytest.mark.parametrize("folder", ["plain", 'ünï "q" 日'])
def test_chunk_that_cannot_be_read_is_named(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "a.zarr"
    zarr.create_array(path, data=_pixels((16, 16)), chunks=(8, 8))
    chunk = path / "c" / "0" / "1"
    chunk.unlink()
    chunk.symlink_to(chunk.name)
    with pytest.raises(ImageError, match=r"a\.zarr: cannot be read: c/0/1: Too many levels of symbolic links"):
        open_image(path).read(0, (0, 0), (16, 16))

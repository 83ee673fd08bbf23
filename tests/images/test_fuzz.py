"""Damaged files: only an ImageError may come out, and soon."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import ImageError
from patchplan.images import open_image
from tests.images.test_zarr import write_image

PIXELS = np.arange(24 * 20, dtype="u2").reshape(24, 20)


def _seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Small valid files of each format."""
    how: dict[str, dict[str, Any]] = {
        "plain.tif": {},
        "zlib.tif": {"compression": "zlib", "rowsperstrip": 8},
        "tiles.tif": {"tile": (16, 16), "bigtiff": True, "byteorder": ">"},
        "imagej.tif": {"imagej": True},
        "ome.tif": {"ome": True, "compression": "lzw"},
    }
    for name, options in how.items():
        tifffile.imwrite(folder / name, PIXELS, **options)
        yield name, (folder / name).read_bytes()
    np.save(folder / "a.npy", PIXELS)
    yield "a.npy", (folder / "a.npy").read_bytes()
    yield "a.png", bytes(imagecodecs.png_encode(PIXELS))
    yield "a.jpg", bytes(imagecodecs.jpeg_encode(PIXELS.astype("u1")))


def _try(path: Path) -> None:
    """Open and read a corner; an ImageError of one line is the only way out."""
    started = time.perf_counter()
    message = path.name
    try:
        source = open_image(path)
        size = tuple(min(32, n) for n in source.data_shape[2:])
        source.read(0, (0,) * len(size), size)
        last = tuple(n - k for n, k in zip(source.data_shape[2:], size, strict=True))
        source.read(source.data_shape[0] - 1, last, size)
    except ImageError as error:
        message = str(error)
    assert "\n" not in message
    assert path.name in message
    assert time.perf_counter() - started < 5


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return dict(_seeds(tmp_path_factory.mktemp("seeds")))


NAMES = ["plain.tif", "zlib.tif", "tiles.tif", "imagej.tif", "ome.tif", "a.npy", "a.png", "a.jpg"]


@settings(max_examples=400, derandomize=True)
@given(st.sampled_from(NAMES), st.data())
def test_damaged_file(
    seeds: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    text = bytearray(seeds[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(text), 600) - 1))
        text[place] = data.draw(st.sampled_from([0, 1, 127, 128, 255]) | st.integers(0, 255))
    if data.draw(st.booleans()):
        text = text[: data.draw(st.integers(1, len(text)))]
    path = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    path.write_bytes(text)
    _try(path)


@settings(max_examples=150, derandomize=True)
@given(st.data())
def test_damaged_zarr_document(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "seed.zarr"
    if not folder.exists():
        write_image(folder, levels=1)
    name = data.draw(st.sampled_from(["zarr.json", "0/zarr.json"]))
    path, kept = folder / name, (folder / name).read_bytes()
    text = bytearray(kept)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.sampled_from(list(b'0129-{}[]",:nx \xff')))
    path.write_bytes(text)
    try:
        _try(folder)
    finally:
        path.write_bytes(kept)

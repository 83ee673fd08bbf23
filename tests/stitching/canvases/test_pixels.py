"""What is written is what is read, at full resolution and in the pyramid."""

import hashlib
import uuid
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.canvases.downsample import first_pixels, mean_pixels
from tests.stitching.canvases.filling import expected, filled, halved, pixels_of, read_levels

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "complex64"]
MORE = ["int64", "uint64", "float16", "complex128"]
IMAGES = [
    ("YX", (1, 1), 2, False),
    ("YX", (70, 33), 2, False),
    ("YX", (1, 100), 2, False),
    ("TCYX", (2, 3, 40, 17), 2, False),
    ("YXC", (50, 41, 3), 2, False),
    ("ZYX", (9, 33, 20), 3, False),
    ("TZCYX", (2, 5, 2, 21, 34), 3, False),
    ("TZYX", (2, 3, 30, 34), 2, True),
    ("CTYXC", (2, 2, 20, 33, 2), 2, False),
]


def options_of(draw, kind: str, ndim: int) -> CanvasOptions:
    if kind in ("memory", "npy"):
        return CanvasOptions()
    unit = 16 if kind == "ome-tiff" else draw(st.sampled_from([1, 7, 16]))
    chunks = tuple(draw(st.integers(1, 3)) * unit for _ in range(ndim))
    ngff = draw(st.sampled_from(["0.4", "0.5"]))
    shards = [None, "none", *([tuple(2 * n for n in chunks)] if (kind, ngff) == ("ome-zarr", "0.5") else [])]
    codecs = {"ome-zarr": ["zstd", "zstd:1", "blosc", "gzip", "none"], "ome-tiff": ["zlib", "zstd", "lzw", "none"]}
    return CanvasOptions(
        chunks=draw(st.none() | st.just(chunks)) if kind == "ome-tiff" else chunks,
        shards=draw(st.sampled_from(shards)),
        compression=draw(st.none() | st.sampled_from(codecs[kind])),
        labels=draw(st.booleans()),
        ngff=ngff,
    )


@st.composite
def cases(draw):
    kind = draw(st.sampled_from(["memory", "npy", "ome-zarr", "ome-tiff"]))
    image = draw(st.sampled_from(IMAGES))
    dtype = draw(st.sampled_from(DTYPES[1:] if kind == "ome-tiff" else DTYPES + MORE))
    options = options_of(draw, kind, image[2])
    if kind in ("ome-zarr", "ome-tiff"):
        plane = [n for letter, n in zip(image[0], image[1], strict=True) if letter in "YX"]
        most = 1 + (max(plane) - 1).bit_length()
        levels = draw(st.integers(1, min(most, 3)))
        options = replace(options, levels=levels)
    return kind, image, dtype, options, draw(st.integers(0, 3)), draw(st.integers(0, 5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


@settings(max_examples=40, deadline=None)
@given(cases())
@example(("ome-zarr", IMAGES[3], "float32", CanvasOptions(chunks=(7, 7), levels=3), 1, 0))
def test_all_levels_hold_what_was_written(folder, case):
    kind, image, dtype, options, threads, seed = case
    path = folder / uuid.uuid4().hex
    pixels = pixels_of(image[1], dtype, seed)
    facts = {"pixel_size": tuple(0.5 for letter in "ZYX" if letter in image[0])} if seed % 2 else {}
    canvas = filled(kind, path, image, pixels, options, threads=threads + 1, seed=seed, **facts)
    levels = read_levels(kind, path, canvas)
    assert levels[0].tobytes() == expected(canvas, pixels, image).tobytes()
    assert levels[0].dtype == canvas.frame.dtype
    assert len(levels) == (1 if options.levels == "auto" else options.levels)
    for below, level in pairwise(levels):
        step = tuple(2 if m < n else 1 for n, m in zip(below.shape, level.shape, strict=True))
        if options.labels or dtype == "bool":
            np.testing.assert_array_equal(level, first_pixels(below, step))
        else:
            wide = {"float16": 1e-3, "float32": 1e-5, "complex64": 1e-5}.get(dtype, 1e-12)
            np.testing.assert_allclose(level, halved(below, step), rtol=wide, atol=wide * 4000)


INTEGERS = st.sampled_from(["int8", "uint8", "int16", "int64", "uint64"])


@given(INTEGERS, st.tuples(*[st.integers(1, 5)] * 3), st.tuples(*[st.sampled_from([1, 2])] * 3), st.integers(0, 9))
def test_the_mean_of_integers_is_exact_and_rounds_halves_to_even(dtype, shape, step, seed):
    rng = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    low, high = [(limits.min, limits.max), (limits.max - 3, limits.max), (limits.min, limits.min + 3)][seed % 3]
    pixels = rng.integers(low, high, shape, dtype, endpoint=True)
    before = pixels.copy()
    found = mean_pixels(pixels, step)
    np.testing.assert_array_equal(found, halved(pixels, step))
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(pixels, before)


def test_the_mean_of_floats_neither_overflows_nor_warns():
    largest = np.finfo("float32").max
    assert mean_pixels(np.full((2, 2), largest, "float32"), (2, 2))[0, 0] == largest
    assert np.isnan(mean_pixels(np.array([[np.inf, -np.inf]], "float32"), (1, 2))).all()
    assert np.isnan(mean_pixels(np.array([[np.nan, 1]], "float16"), (1, 2))).all()
    assert mean_pixels(np.array([[65504, 65504]], "float16"), (1, 2))[0, 0] == 65504


def digests(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


STORED = CanvasOptions(chunks=(16, 16), shards="none", levels=3, token="x")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("npy", CanvasOptions(), id="npy"),
        pytest.param("ome-tiff", STORED, id="ome-tiff"),
        pytest.param("ome-zarr", STORED, id="ome-zarr"),
        pytest.param("ome-zarr", replace(STORED, shards=(32, 64)), id="shards"),
        pytest.param("ome-zarr", replace(STORED, ngff="0.4"), id="0.4"),
    ],
)
@pytest.mark.parametrize("image", [IMAGES[1], IMAGES[4]], ids=["grey", "colours"])
def test_bytes_are_the_same_whatever_is_written_together_by_any_number_of_threads(tmp_path, kind, options, image):
    pixels = pixels_of(image[1], "uint8")
    found = []
    for seed, threads in enumerate((1, 2, 4)):
        path = tmp_path / f"{seed}"
        filled(kind, path, image, pixels, options, threads=threads, seed=seed)
        found.append(digests(path))
    assert found[0] == found[1] == found[2]


def test_pixels_go_straight_into_an_array_in_memory():
    for image in IMAGES[:8]:
        pixels = pixels_of(image[1], "uint8")
        canvas = filled("memory", Path(), image, np.zeros_like(pixels), CanvasOptions())
        for sample_idx in range(canvas.frame.n_samples):
            view = canvas.view(sample_idx)
            assert view is not None
            assert view.shape == (canvas.frame.n_channels, *canvas.frame.spatial)
            view += 1
        assert (read_levels("memory", Path(), canvas)[0] == 1).all()


def test_an_array_whose_channels_are_two_axes_has_no_view():
    image = IMAGES[8]
    assert filled("memory", Path(), image, pixels_of(image[1], "uint8"), CanvasOptions()).view(0) is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="files of a process as Linux lists them")
@pytest.mark.parametrize("kind", ["npy", "ome-zarr", "ome-tiff"])
def test_outputs_that_are_finished_hold_no_files_open(tmp_path, kind):
    """A run over many images ended at the limit of open files: each .npy stayed mapped."""
    image = ("YX", (40, 40), 2, False)
    pixels = pixels_of(image[1], "uint8")
    options = CanvasOptions() if kind == "npy" else CanvasOptions(levels=2)
    finished, n_open = [], []
    for number in range(8):
        finished.append(filled(kind, tmp_path / f"{number}", image, pixels, options))
        n_open.append(len(list(Path("/proc/self/fd").iterdir())))
    assert n_open[-1] == n_open[1]
    mapped = Path("/proc/self/maps").read_text()
    assert str(tmp_path) not in mapped
    assert not any(hasattr(canvas, "array") for canvas in finished)

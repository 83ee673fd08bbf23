"""What cannot be stored as asked is refused before anything is written; defaults fit the image."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.errors import ConfigError
from patchplan.publish import growing
from patchplan.stitching.canvases import CanvasOptions, check_options, files_of, open_canvas
from patchplan.stitching.canvases.grid import chunks_and_shards
from patchplan.stitching.canvases.levels import make_levels
from patchplan.stitching.frame import OutputKind
from patchplan.stitching.ledger import Ledger
from tests.stitching.framing import Image, framed

PLANE: Image = ("YX", (700, 300), 2, False)


def checked(kind: OutputKind, dtype: str = "uint8", image: Image = PLANE, **options: Any) -> None:
    check_options(kind, framed(image, kind, dtype=dtype), CanvasOptions(**options))


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("npy", {"chunks": (8, 8)}, r"--chunks: \.npy has no chunks"),
        ("npy", {"shards": (8, 8)}, r"--shards: \.npy has no shards"),
        ("npy", {"compression": "zstd"}, r"--compression: \.npy has no compression"),
        ("npy", {"levels": 2}, r"--levels: \.npy has no levels"),
        ("ome-zarr", {"chunks": (8, 8, 8)}, "--chunks: found 8,8,8; allowed are 2 sizes of at least 1, Y,X"),
        ("ome-zarr", {"chunks": (8, 0)}, "--chunks: found 8,0; allowed are 2 sizes"),
        ("ome-zarr", {"chunks": (8, 8), "shards": (12, 16)}, "found 12,16; allowed are multiples of --chunks"),
        ("ome-zarr", {"shards": (16, 16), "ngff": "0.4"}, "--shards: OME-Zarr 0.4 is Zarr v2, which has no shards"),
        ("ome-zarr", {"compression": "lzw"}, "found 'lzw'; allowed for ome-zarr are zstd, zstd:LEVEL"),
        ("ome-zarr", {"compression": "zstd:99"}, "found 'zstd:99'; levels of zstd are -7 to 22"),
        ("ome-zarr", {"levels": 0}, "--levels: found 0; allowed for an image of Y 700 and X 300 are auto and 1 to 11"),
        ("ome-zarr", {"levels": 12}, "found 12; allowed"),
        ("ome-tiff", {"shards": (16, 16)}, "--shards: OME-TIFF has none"),
        ("ome-tiff", {"chunks": (8, 16)}, "--chunks: found 8,16; tiles of a TIFF are multiples of 16"),
        ("ome-tiff", {"compression": "blosc"}, "found 'blosc'; allowed for ome-tiff are zlib, zstd"),
    ],
)
def test_options_that_do_not_go_together(kind, options, problem):
    with pytest.raises(ConfigError, match=problem):
        checked(kind, **options)


@pytest.mark.parametrize(
    ("dtype", "instead"), [("bool", "uint8"), ("float16", "float32"), ("int64", "int32"), ("uint64", "uint32")]
)
def test_pixels_that_ome_tiff_lacks(tmp_path, dtype, instead):
    frame = framed(PLANE, "ome-tiff", dtype=dtype)
    with pytest.raises(ConfigError, match=rf"no pixels of type {dtype}; use --dtype {instead}, or write \.zarr"):
        open_canvas("ome-tiff", tmp_path / "a.tif", frame, CanvasOptions(), 1)
    assert list(tmp_path.iterdir()) == []
    checked("ome-zarr", dtype)


def test_options_that_go_together():
    checked("npy", levels=1, compression="none")
    checked("ome-zarr", levels=11, chunks=(8, 8), shards=(16, 8), compression="zstd:-3")
    checked("ome-zarr", shards="none", ngff="0.4", compression="blosc")
    checked("ome-tiff", shards="none", chunks=(256, 512), compression="lzw")
    checked("ome-tiff", image=("ZYX", (9, 70, 30), 3, False), chunks=(5, 16, 16))


SIZES = st.integers(1, 5000)


@given(
    st.sampled_from([2, 3]).flatmap(
        lambda ndim: st.tuples(st.tuples(*[SIZES] * ndim), st.none() | st.tuples(*[SIZES] * ndim))
    ),
    st.none() | st.just("none") | st.integers(1, 9),
)
def test_shards_are_whole_chunks_and_none_is_larger_than_the_image_needs(sizes, shards):
    shape, chunks = sizes
    axes = "ZYX"[-len(shape) :]
    asked = None if chunks is None else tuple(min(size, n) for size, n in zip(chunks, shape, strict=True))
    wanted = tuple(n * shards for n in chunks or (100,) * len(shape)) if isinstance(shards, int) else shards
    options = CanvasOptions(chunks=chunks, shards=wanted)
    found, shard = chunks_and_shards(framed((axes, shape, len(shape), False), "ome-zarr"), options)
    assert asked in (None, found)
    assert all(size <= n for size, n in zip(found, shape, strict=True))
    if shard is not None:
        assert all(s % c == 0 and s < n + c for s, c, n in zip(shard, found, shape, strict=True))
    assert shards != "none" or shard is None


@pytest.mark.parametrize(
    ("image", "stored"),
    [
        pytest.param(("YX", (300, 9000), 2, False), ((300, 512), None), id="small"),
        pytest.param(("YX", (32768, 32768), 2, False), ((512, 512), None), id="4096 chunks"),
        pytest.param(("YX", (32769, 32768), 2, False), ((512, 512), (4096, 4096)), id="more"),
        pytest.param(("CYX", (2, 32768, 32768), 2, False), ((512, 512), (4096, 4096)), id="channels count"),
        pytest.param(("ZYX", (64, 8192, 8192), 3, False), ((64, 128, 128), None), id="volume"),
        pytest.param(("ZYX", (200, 8192, 8192), 3, False), ((64, 128, 128), (128, 512, 512)), id="large volume"),
    ],
)
def test_default_chunks_and_shards(image, stored):
    assert chunks_and_shards(framed(image, "ome-zarr"), CanvasOptions()) == stored


@pytest.mark.parametrize(("size", "n_levels"), [(1, 1), (512, 1), (513, 2), (1024, 2), (16384, 6), (16385, 7)])
def test_automatic_levels_end_where_an_image_fits_a_screen(size, n_levels):
    for shape in ((size, 3), (3, size)):
        levels = make_levels(framed(("YX", shape, 2, False), "ome-zarr"), "auto", halve_z=True)
        assert len(levels) == n_levels
        assert max(levels[-1].shape) <= 512


def test_what_outputs_consist_of():
    assert files_of("ome-zarr")("zarr.json")
    assert files_of("ome-zarr", "d/a.ome.zarr")("d/a.ome.zarr/0/c/0/1")
    assert not files_of("ome-zarr", "d/a.ome.zarr")("zarr.json")
    assert files_of("ome-tiff", "d/a.ome.tif")("d/a.ome.tif")
    assert files_of("ome-tiff", "d/a.ome.tif")("d/.a.ome.tif.scratch/0/1/2")
    assert not files_of("ome-tiff", "a.ome.tif")("b.ome.tif")
    assert files_of("npy", "a.npy")("a.npy")
    assert not files_of("npy", "a.npy")("b.npy")


def test_scratch_of_a_killed_tiff_is_replaced(tmp_path):
    frame = framed(PLANE, "ome-tiff")
    path = tmp_path / "a.tif"
    left = tmp_path / "a.tif.partial"
    left.mkdir()
    canvas = open_canvas("ome-tiff", left / "01234567-a.tif", frame, CanvasOptions(), 1)
    canvas.write(0, (0, 0), np.ones((1, 512, 300), "uint8"))
    with growing(path, folder=False, overwrite=True, ours=files_of("ome-tiff", "a.tif")) as growth:
        canvas = open_canvas("ome-tiff", growth.place, frame, CanvasOptions(), 1)
        canvas.finish(Ledger().image(0))
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from patchplan.stitching.canvases import CanvasOptions, open_canvas
from patchplan.stitching.ledger import Ledger
from tests.stitching.framing import framed

kind, folder = sys.argv[1], Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
# chunks of a scratch store are still written, its TIFF is not
size = (256, 256) if kind == "ome-tiff" else (512, 512)
path = folder if kind == "ome-zarr" else folder / "a"
frame = framed(("YX", (1024, 1024), 2, False), kind, dtype="float64")
options = CanvasOptions() if kind == "npy" else CanvasOptions(chunks=size, compression="none")
try:
    canvas = open_canvas(kind, path, frame, options, 2)
    for y in (0, 512):
        canvas.write(0, (y, 0), np.random.default_rng(0).random((1, 512, 1024)))
    canvas.finish(Ledger().image(0))
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("kind", ["npy", "ome-zarr", "ome-tiff"])
def test_a_disk_that_takes_no_more_is_an_error_of_the_system(tmp_path, kind):
    pytest.importorskip("resource")
    code = [sys.executable, "-c", FULL, kind, str(tmp_path)]
    done = subprocess.run(code, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=True, timeout=60)
    assert done.stdout.split() == [str(errno.EFBIG)]

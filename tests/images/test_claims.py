"""Files that claim much more than they hold: opening and reading them takes no memory to speak of."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from patchplan.errors import ImageError
from patchplan.images import open_image
from patchplan.images.tiff.frames import claimed

PIXELS = np.random.default_rng(7).integers(0, 255, (70, 90, 3)).astype("u1")
HUGE = (1 << 31) - 1


def _png_chunk(path: Path) -> None:
    text = imagecodecs.png_encode(PIXELS)
    path.write_bytes(text[:33] + struct.pack(">I", HUGE) + b"tEXt")
    os.truncate(path, HUGE + 45)


def _jpeg_tail(path: Path) -> None:
    path.write_bytes(imagecodecs.jpeg_encode(PIXELS))
    os.truncate(path, HUGE)


def _zarr_document(path: Path) -> None:
    path.mkdir()
    (path / "zarr.json").touch()
    os.truncate(path / "zarr.json", HUGE)


def _npy_header(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", HUGE))
    os.truncate(path, HUGE)


def _tiff_description(path: Path) -> None:
    tifffile.imwrite(path, PIXELS, description="long enough not to fit in its tag", metadata=None)
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages.first.tags[270]
    with path.open("r+b") as file:
        file.seek(tag.offset + 4)
        file.write(struct.pack("<I", HUGE))
    os.truncate(path, HUGE + tag.valueoffset)


SPARSE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a.png": (_png_chunk, "is truncated"),
    "a.jpg": (_jpeg_tail, "opened"),
    "a.zarr": (_zarr_document, "metadata document zarr.json of 2,147,483,647 bytes is too large"),
    "a.npy": (_npy_header, "is broken or not a .npy file"),
    "a.tif": (_tiff_description, "tag 270 claims 2,147,483,647 bytes"),
}

OPEN = """
import sys
from patchplan.images import open_image
try:
    open_image(sys.argv[1])
    print("opened")
except OSError as error:
    print(error)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("name", SPARSE)
def test_file_of_2_gb_without_content_takes_no_memory_to_open(name: str, tmp_path: Path) -> None:
    make, said = SPARSE[name]
    make(tmp_path / name)
    command = [sys.executable, "-c", OPEN, str(tmp_path / name)]
    message, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said in message
    assert int(peak) < 200_000


ENCODERS: dict[str, Callable[[Any], bytes | bytearray]] = {
    "jpeg": imagecodecs.jpeg_encode,
    "png": imagecodecs.png_encode,
    "webp, lossy": lambda pixels: imagecodecs.webp_encode(pixels, level=50),
    "webp, lossless": lambda pixels: imagecodecs.webp_encode(pixels, lossless=True),
    "jpeg 2000": lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="j2k"),
    "jpeg 2000, boxed": imagecodecs.jpeg2k_encode,
    "jpeg xl": imagecodecs.jpegxl_encode,
    "jpeg xl, boxed": lambda pixels: imagecodecs.jpegxl_encode(pixels, usecontainer=True),
    "jpeg xr": imagecodecs.jpegxr_encode,
    "lerc": imagecodecs.lerc_encode,
}


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("shape", [(70, 90), (64, 64), (256, 256), (300, 450)])
def test_size_in_the_header_of_a_codec_is_found(codec: str, shape: tuple[int, int]) -> None:
    text = bytes(ENCODERS[codec](np.zeros((*shape, 3), "u1")))
    claim = claimed(text)
    assert claim is not None
    assert claim[:2] == shape
    assert claimed(text[:9]) in (None, claim)


@pytest.mark.parametrize("codec", ["jpeg", "png", "webp", "jpeg2000", "jpegxl", "jpegxr", "lerc"])
def test_segment_that_claims_gigabytes_is_refused_before_it_is_decoded(codec: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((256, 256, 3), "u1"), tile=(256, 256), compression=codec, photometric="rgb")
    assert not open_image(path).read(0, (0, 0), (8, 8)).any() or codec in ("jpeg", "webp")
    with tifffile.TiffFile(path, mode="r+") as tif:
        for tag in (256, 257, 322, 323):
            tif.pages.first.tags[tag].overwrite(64)
    with pytest.raises(ImageError, match=r"segment 0 is broken: it holds an image of 256 x 256, .* says 64 x 64"):
        open_image(path).read(0, (0, 0), (8, 8))

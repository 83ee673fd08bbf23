"""TIFF files of any bytes and words: an ImageError or an image, soon and in little memory."""

import io
import xml.sax.saxutils
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.hostile import NUMBERS, TEXTS, changed, damaged, examples, json_bytes, look_at
from tests.faults.tiffs import PIXELS, ome, write_tiff

SHAPED = {"shape": [2, 24, 20], "axes": "ZYX", "truncated": False, "name": "a"}
IMAGEJ = (
    "ImageJ=1.11a\nimages={images}\nslices={slices}\nframes={frames}\nchannels={channels}\nunit={unit}\n"
    "spacing={size}\n"
)


ODD = NUMBERS.map(lambda n: str(n)[:300]) | TEXTS.map(
    lambda text: xml.sax.saxutils.escape("".join(c for c in text if c.isprintable()), {'"': "&quot;"})
)
DATA = st.lists(
    st.builds(
        '<TiffData IFD="{}" FirstT="{}" FirstZ="{}" PlaneCount="{}">{}</TiffData>'.format,
        st.sampled_from(["0", "1", "5"]) | ODD,
        st.sampled_from(["0", "1"]) | ODD,
        st.just("0") | ODD,
        st.sampled_from(["1", "2"]) | ODD,
        st.just("") | st.builds('<UUID FileName="{}">urn:{}</UUID>'.format, ODD, ODD),
    ),
    max_size=4,
).map("".join)
ANNOTATIONS = st.builds(
    '<StructuredAnnotations><A ID="X" Namespace="a/modulo"><V><M><ModuloAlongT Type="lifetime" Start="{}" End="{}" '
    'Step="{}"/></M></V></A></StructuredAnnotations>'.format,
    ODD,
    ODD,
    ODD,
)


@examples(150)
@given(data=st.data())
def test_any_values_in_ome_xml(tmp_path, data):
    keys = data.draw(
        st.lists(st.sampled_from(["x", "y", "z", "c", "t", "size", "unit", "spp"]), max_size=2, unique=True)
    )
    other = {key: data.draw(ODD) for key in keys}
    text = ome(data.draw(DATA | st.just('<TiffData IFD="0" PlaneCount="2"/>')), **other)
    if data.draw(st.booleans()):
        text = text.replace("</Image>", '<AnnotationRef ID="X"/></Image>' + data.draw(ANNOTATIONS))
    look_at(write_tiff(tmp_path / "a.ome.tif", text, pages=2))


@examples(100)
@given(values=changed(SHAPED))
def test_any_values_in_the_json_of_tifffile(tmp_path, values):
    """tifffile knows its own description by how it begins."""
    text = json_bytes(values if isinstance(values, dict) else {}).decode("utf-8", "replace")
    known = text if text.startswith('{"shape":') else text.replace("{", '{"shape": [2, 24, 20], ', 1)
    look_at(write_tiff(tmp_path / "a.tif", known, pages=2))


@examples(100)
@given(data=st.data())
def test_any_values_in_imagejs_lines(tmp_path, data):
    known = {"images": 2, "slices": 2, "frames": 1, "channels": 1, "unit": "um", "size": 1.5}
    keys = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=3, unique=True))
    text = IMAGEJ.format(**{**known, **{key: data.draw(ODD) for key in keys}})
    look_at(write_tiff(tmp_path / "a.tif", text, pages=2))


def _written(**how: Any) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **{key: how.pop(key) for key in ("bigtiff", "ome", "imagej") if key in how}) as tif:
        tif.write(how.pop("pixels", np.stack([PIXELS, PIXELS])), **how)
    return file.getvalue()


RGB = np.dstack([PIXELS.astype("u1")] * 3)
FILES: dict[str, bytes] = {
    "ome.tif": _written(ome=True, compression="zlib", metadata={"axes": "ZYX"}),
    "imagej.tif": _written(imagej=True, metadata={"axes": "ZYX"}),
    "big.tif": _written(tile=(16, 16), compression="lzw", bigtiff=True, predictor=True),
    "zstd.tif": _written(compression="zstd", rowsperstrip=8),
    "jpeg.tif": _written(pixels=RGB, compression="jpeg", photometric="rgb", tile=(16, 16)),
    "jpegxl.tif": _written(pixels=RGB, compression="jpegxl", photometric="rgb"),
    "a.jpg": bytes(imagecodecs.jpeg_encode(RGB)),
    "a.png": bytes(imagecodecs.png_encode(PIXELS)),
}


@examples(80)
@given(data=st.data())
@pytest.mark.parametrize("name", FILES)
def test_any_bytes_in_an_image(tmp_path, name, data):
    other = FILES[data.draw(st.sampled_from(sorted(FILES)))]
    (tmp_path / name).write_bytes(data.draw(damaged(FILES[name], other)))
    look_at(tmp_path / name)


REAL = Path(__file__).parents[3] / "shared" / "images"
SMALL = 30_000


def _real() -> list[Path]:
    found = sorted(path for path in REAL.rglob("*") if path.suffix.lower() in (".tif", ".tiff", ".npy", ".png", ".jpg"))
    return [path for path in found if path.is_file() and path.stat().st_size < SMALL]


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the shared images")
@examples(100)
@given(data=st.data())
def test_any_bytes_in_a_real_image(tmp_path, data):
    path = data.draw(st.sampled_from(_real()))
    whole, other = path.read_bytes(), data.draw(st.sampled_from(_real())).read_bytes()
    (tmp_path / path.name).write_bytes(data.draw(damaged(whole, other, within=2000)))
    look_at(tmp_path / path.name)
    (tmp_path / path.name).unlink()

"""What other programs are told of an output: axes, sizes of pixels, levels."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import ngff_zarr
import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr

from patchplan import open_image
from patchplan.images.zarr.ome import parse_multiscale
from patchplan.images.zarr.store import read_node
from patchplan.images.zarr.stores import FolderStore
from patchplan.stitching.canvases import CanvasOptions, ome_tiff, open_canvas
from patchplan.stitching.canvases.units import ngff_name, ome_symbol
from patchplan.stitching.ledger import Ledger
from tests.stitching.canvases.filling import expected, filled, pixels_of
from tests.stitching.framing import Image, framed

OPTIONS = CanvasOptions(levels=3, token="plan")
VOLUME: Image = ("TZCYX", (2, 5, 2, 41, 34), 3, False)
SIZES: dict[str, Any] = {"pixel_size": (0.5, 0.25, 0.25), "pixel_unit": "micrometer"}
IMAGES: dict[str, tuple[Image, dict[str, Any]]] = {
    "plane": (("YX", (70, 33), 2, False), {"pixel_size": (0.25, 0.25), "pixel_unit": "nanometer"}),
    "volume": (VOLUME, SIZES),
    "no size": (VOLUME, {}),
    "planes as samples": (("TZYX", (2, 3, 30, 34), 2, True), SIZES),
    "colours": (("YXC", (50, 41, 3), 2, False), {"pixel_size": (0.5, 0.5), "pixel_unit": None}),
    "unit of no list": (("CYX", (2, 50, 41), 2, False), {"pixel_size": (0.5, 0.5), "pixel_unit": "cubit"}),
}


@pytest.fixture(params=list(IMAGES))
def case(request):
    return IMAGES[request.param]


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
@pytest.mark.parametrize("shards", [None, "some"])
def test_ome_zarr_is_valid(tmp_path, case, ngff, shards):
    image, facts = case
    sharded = {"chunks": (8,) * image[2], "shards": (16,) * image[2]} if shards and ngff == "0.5" else {}
    path = tmp_path / "a.zarr"
    filled("ome-zarr", path, image, pixels_of(image[1], "uint16"), replace(OPTIONS, ngff=ngff, **sharded), **facts)
    if facts.get("pixel_unit") == "cubit":
        with pytest.warns(UserWarning, match="cubit"):
            yaozarrs.validate_zarr_store(path)
    else:
        yaozarrs.validate_zarr_store(path)
    root = read_node(FolderStore(path), "")
    assert root is not None
    assert parse_multiscale(root).notes == ()


@pytest.mark.parametrize("kind", ["ome-zarr", "ome-tiff"])
def test_our_own_reader_finds_axes_sizes_and_levels(tmp_path, case, kind):
    image, facts = case
    path = tmp_path / ("a.zarr" if kind == "ome-zarr" else "a.tif")
    pixels = pixels_of(image[1], "uint16")
    canvas = filled(kind, path, image, pixels, OPTIONS, **facts)
    found = open_image(path).with_ndim(image[2]) if "Z" not in image[0] or image[2] == 3 else open_image(path)
    assert found.axes == canvas.frame.axes
    assert found.shape == canvas.frame.shape
    assert found.pixel_size == (facts.get("pixel_size") or ((1.0,) * image[2] if kind == "ome-zarr" else None))
    unit = facts.get("pixel_unit")
    if kind == "ome-tiff":
        unit = {"nanometer": "nm", None: "reference frame", "cubit": "reference frame"}.get(unit, unit)
    assert found.info.pixel_unit == (unit if facts else None)
    assert found.info.notes == ()
    assert len(found.info.levels) == 3


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_ngff_zarr_opens_it(tmp_path, case, ngff):
    image, facts = case
    path = tmp_path / "a.zarr"
    pixels = pixels_of(image[1], "uint16")
    canvas = filled("ome-zarr", path, image, pixels, replace(OPTIONS, ngff=ngff), **facts)
    opened = ngff_zarr.from_ngff_zarr(path)
    frame, first = canvas.frame, opened.images[0]
    np.testing.assert_array_equal(np.asarray(first.data), expected(canvas, pixels, image))
    assert "".join(first.dims).upper() == frame.axes
    for letter in "ZYX":
        if letter in frame.axes:
            assert first.scale[letter.lower()] == (frame.size_of(letter) or 1.0)
            assert (first.axes_units or {}).get(letter.lower()) == (frame.pixel_unit if facts else None)
    assert len(opened.images) == 3
    for below, level in pairwise(opened.images):
        for axis in "yx":
            assert level.scale[axis] == 2 * below.scale[axis]
            # centres: a pixel lies in the middle of the two that it is made of
            assert level.translation[axis] == below.translation[axis] + below.scale[axis] / 2


def test_planes_are_halved_only_while_they_are_not_thicker_than_rows(tmp_path):
    path = tmp_path / "a.zarr"
    filled("ome-zarr", path, VOLUME, pixels_of(VOLUME[1], "uint8"), OPTIONS, **SIZES)
    # 0.5 over 0.25: first only Y and X, then all three
    assert [array.shape for _, array in sorted(zarr.open_group(path).arrays())] == [
        (2, 2, 5, 41, 34),
        (2, 2, 5, 21, 17),
        (2, 2, 3, 11, 9),
    ]
    scales = [
        one["coordinateTransformations"][0]["scale"]
        for one in json.loads((path / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0]["datasets"]
    ]
    assert scales == [[1, 1, 0.5, 0.25, 0.25], [1, 1, 0.5, 0.5, 0.5], [1, 1, 1, 1, 1]]


def test_the_root_comes_last(tmp_path):
    path = tmp_path / "a.zarr"
    canvas = filled("ome-zarr", path, VOLUME, pixels_of(VOLUME[1], "uint8"), OPTIONS)
    (path / "zarr.json").unlink()
    seen = []
    canvas.finish(Ledger().image(0), lambda *_: seen.append((path / "zarr.json").exists()))
    assert seen
    assert not any(seen)
    assert (path / "zarr.json").exists()


def test_ome_tiff_says_what_tifffile_reads(tmp_path, case):
    image, facts = case
    path = tmp_path / "a.ome.tif"
    pixels = pixels_of(image[1], "uint16")
    canvas = filled("ome-tiff", path, image, pixels, OPTIONS, name="a <b> & {c}", **facts)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert not file.is_bigtiff
        (series,) = file.series
        assert series.axes.replace("S", "C") == canvas.frame.axes
        np.testing.assert_array_equal(series.asarray(), expected(canvas, pixels, image))
        page = series.keyframe
        assert tifffile.PHOTOMETRIC(page.photometric).name == ("RGB" if "YXC" in canvas.frame.axes else "MINISBLACK")
        assert tifffile.COMPRESSION(page.compression).name == "ADOBE_DEFLATE"
        assert 306 not in page.tags, "a date"
        assert len(page.subifds or ()) == 2
        assert len(series.levels) == 3
        root = ElementTree.fromstring(file.ome_metadata or "")
    (found,) = root.findall(".//{*}Pixels")
    (named,) = root.findall(".//{*}Image")
    assert named.get("Name") == "a <b> & {c}"
    for letter in "ZYX":
        size = canvas.frame.size_of(letter)
        assert found.get(f"PhysicalSize{letter}") == (None if size is None else str(size))
        assert found.get(f"PhysicalSize{letter}Unit") == (None if size is None else ome_symbol(facts["pixel_unit"]))


@pytest.mark.parametrize("image", [VOLUME, IMAGES["colours"][0]], ids=["volume", "colours"])
def test_a_large_ome_tiff_is_bigtiff(tmp_path, monkeypatch, image):
    monkeypatch.setattr(ome_tiff, "_CLASSIC_LIMIT", 1)
    path = tmp_path / "a.tif"
    pixels = pixels_of(image[1], "uint8")
    canvas = filled("ome-tiff", path, image, pixels, OPTIONS)
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        np.testing.assert_array_equal(file.series[0].asarray(), expected(canvas, pixels, image))
        assert len(file.series[0].levels) == 3


def test_names_that_xml_cannot_hold_are_cleaned(tmp_path):
    for kind in ("ome-zarr", "ome-tiff"):
        image = ("YX", (20, 20), 2, False)
        canvas = filled(
            kind, tmp_path / kind, image, pixels_of(image[1], "uint8"), CanvasOptions(), name="a\0\udcff\x1b"
        )
        assert canvas.frame.name == "a___"
        assert open_image(tmp_path / kind).axes == "YX"


def test_progress_of_a_tiff_counts_all_tiles_of_all_levels(tmp_path):
    image: Image = ("CYX", (2, 40, 40), 2, False)
    frame = framed(image, "ome-tiff")
    canvas = open_canvas("ome-tiff", tmp_path / "a.tif", frame, CanvasOptions(chunks=(16, 16), levels=2), 1)
    seen: list[tuple[str, int, int]] = []
    canvas.finish(Ledger().image(0), lambda *told: seen.append(told))
    # 2 channels of 9 tiles, then of 4
    assert seen == [("blocks of the pyramid", 1, 1), *(("tiles of the TIFF", n, 26) for n in range(1, 27))]


def test_the_uuid_of_an_ome_tiff_follows_from_the_token_alone(tmp_path):
    """Images of one run may have the same name, and one image may be stitched in two ways."""

    def uuid_of(number: int, token: str, name: str, seed: int) -> str | None:
        path = tmp_path / f"{number}.tif"
        image = ("YX", (20, 20), 2, False)
        pixels = pixels_of(image[1], "uint8", seed)
        filled("ome-tiff", path, image, pixels, replace(OPTIONS, token=token), name=name)
        with tifffile.TiffFile(path) as file:
            return ElementTree.fromstring(file.ome_metadata or "").get("UUID")

    first, same, other = [
        uuid_of(i, *one) for i, one in enumerate([("plan a", "scan", 0), ("plan a", "other", 1), ("plan b", "scan", 0)])
    ]
    assert first == same
    assert first != other


def test_units_have_a_name_and_a_symbol():
    assert [ngff_name(unit) for unit in ("µm", "micrometer", "nm", None, "cubit")] == [
        "micrometer",
        "micrometer",
        "nanometer",
        None,
        "cubit",
    ]
    assert [ome_symbol(unit) for unit in ("inch", "in", "cubit")] == ["in", "in", "reference frame"]

"""TIFF in all its dialects, written here."""

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from patchplan.errors import ImageError, ShapeError
from patchplan.images import open_all, open_image
from tests.images.whole import check_regions, in_file_order

OME = {"axes": "TZCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
UNITS = {f"PhysicalSize{axis}Unit": "µm" for axis in "XYZ"}

CASES: dict[str, tuple[tuple[int, ...], str, str, dict[str, Any]]] = {
    "one strip": ((40, 50), "u1", "YX", {}),
    "1 x N": ((1, 50), "u2", "YX", {}),
    "float16": ((40, 50), "f2", "YX", {"compression": "zlib"}),
    "big-endian": ((40, 50), "u2", "YX", {"byteorder": ">"}),
    "big-endian, compressed": ((40, 50), "f4", "YX", {"byteorder": ">", "compression": "zlib"}),
    "BigTIFF": ((40, 50), "i2", "YX", {"bigtiff": True}),
    "colour": ((40, 50, 3), "u1", "YXC", {"photometric": "rgb"}),
    "colour planes": ((3, 40, 50), "u1", "CYX", {"photometric": "rgb", "planarconfig": "separate"}),
    "tiles": ((70, 50), "u2", "YX", {"tile": (16, 32)}),
    "tiles, colour, zstd": ((70, 50, 3), "u1", "YXC", {"tile": (32, 16), "compression": "zstd", "photometric": "rgb"}),
    "strips, predictor": ((70, 50), "u2", "YX", {"rowsperstrip": 16, "compression": "lzw", "predictor": True}),
    "pages": ((5, 40, 50), "u2", "QYX", {"photometric": "minisblack", "compression": "zlib"}),
    "ImageJ": ((2, 3, 4, 20, 30), "u2", "TZCYX", {"imagej": True, "metadata": {"axes": "TZCYX"}}),
    "ImageJ colour": ((3, 20, 30, 3), "u1", "ZYXC", {"imagej": True, "metadata": {"axes": "ZYXS"}}),
    "OME": ((2, 3, 4, 20, 30), "u2", "TZCYX", {"ome": True, "metadata": OME | UNITS}),
    "OME, tiled": ((2, 3, 4, 40, 30), "f4", "TZCYX", {"ome": True, "tile": (16, 16), "metadata": OME | UNITS}),
    "OME colour": ((2, 20, 30, 3), "u1", "TYXC", {"ome": True, "photometric": "rgb", "metadata": {"axes": "TYXS"}}),
    "volume tiles": ((8, 40, 50), "u1", "ZYX", {"tile": (4, 16, 16), "metadata": {"axes": "ZYX"}}),
}  # fmt: skip


def _pixels(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize("name", CASES)
def test_written_image_comes_back_by_region(name: str, tmp_path: Path) -> None:
    shape, dtype, axes, how = CASES[name]
    pixels, path = _pixels(shape, dtype), tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, **how)
    with open_image(path) as source:
        assert source.axes == axes
        np.testing.assert_array_equal(in_file_order(source), pixels)
        check_regions(source, n=8)
        assert source.chunks is not None
        assert len(source.chunks) == len(shape)


def test_pyramid_levels_are_read_and_others_refused(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", _pixels((64, 96), "u2")
    scale: dict[str, Any] = {"resolution": (20_000, 20_000), "resolutionunit": "centimeter"}
    with tifffile.TiffWriter(path) as tif:
        tif.write(pixels, subifds=2, tile=(16, 16), metadata=None, **scale)
        tif.write(pixels[::2, ::2], subfiletype=1, tile=(16, 16), metadata=None)
        tif.write(pixels[::4, ::4], subfiletype=1, tile=(16, 16), metadata=None)
    assert open_image(path).info.levels == ((64, 96), (32, 48), (16, 24))
    small = open_image(path, level=2)
    np.testing.assert_array_equal(in_file_order(small), pixels[::4, ::4])
    assert small.pixel_size == (2.0, 2.0)
    with pytest.raises(ImageError, match=r"has no level 3; allowed are 0 to 2: 0 \(64, 96\)"):
        open_image(path, level=3)


def test_series_other_than_the_first_are_read_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(_pixels((40, 50), "u1"), metadata=None)
        tif.write(_pixels((10, 12, 3), "u1"), photometric="rgb", metadata=None)
    assert open_image(path).shape == (40, 50)
    assert "others for --series: 1" in " ".join(open_image(path).info.notes)
    assert open_image(path, series=1).axes == "YXC"
    with pytest.raises(ImageError, match=r"has no series 2; allowed are 0 to 1"):
        open_image(path, series=2)


def test_multi_file_ome_counts_once(tmp_path: Path) -> None:
    first, second = tmp_path / "s_0.ome.tif", tmp_path / "s_1.ome.tif"
    pixels = _pixels((2, 20, 30), "u2")
    data = "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="s_{t}.ome.tif">urn:uuid:{t}</UUID></TiffData>'
        for t in range(2)
    )
    for t, path in enumerate((first, second)):
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
            f' UUID="urn:uuid:{t}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20"'
            ' SizeC="1" SizeZ="1" SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
            f"{data}</Pixels></Image></OME>"
        )
        tifffile.imwrite(path, pixels[t], description=xml, metadata=None, compression="zlib")
    found = open_all([tmp_path])
    assert [Path(source.uri) for source in found.sources] == [first]
    assert found.sources[0].shape == (2, 20, 30)
    np.testing.assert_array_equal(in_file_order(found.sources[0]), pixels)
    second.unlink()
    lonely = open_image(first)
    assert "1 of 2 planes are missing and read as zeros" in lonely.info.notes
    assert not lonely.read(1, (0, 0), (20, 30)).any()


RESOLUTIONS: dict[str, tuple[dict[str, Any], tuple[float, ...] | None]] = {
    "centimetre": ({"resolution": (20000, 20000), "resolutionunit": "centimeter"}, (0.5, 0.5)),
    "no unit": ({"resolution": (20000, 20000), "resolutionunit": "none"}, None),
    "72 dpi": ({"resolution": (72, 72), "resolutionunit": "inch"}, None),
    "ImageJ": ({"resolution": (2, 2), "imagej": True, "metadata": {"unit": "um", "axes": "YX"}}, (0.5, 0.5)),
}


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_pixel_size(name: str, tmp_path: Path) -> None:
    how, size = RESOLUTIONS[name]
    tifffile.imwrite(tmp_path / "a.tif", _pixels((8, 8), "u1"), **how)
    info = open_image(tmp_path / "a.tif").info
    assert info.pixel_size == size
    assert info.pixel_unit == (None if size is None else "micrometer")


def test_imagej_stack_larger_than_4_gb_is_read_by_region(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with pytest.warns(UserWarning, match="truncating ImageJ file"):
        tifffile.imwrite(path, shape=(6, 20_000, 20_000), dtype="u2", imagej=True, metadata={"axes": "ZYX"})
    with path.open("r+b") as file, tifffile.TiffFile(path) as tif:
        file.seek((tif.pages.first.dataoffsets[0] or 0) + 2 * (6 * 20_000**2 - 1))
        file.write(b"\x01\x01")  # the last pixel
    assert path.stat().st_size > 1 << 32
    source = open_image(path)
    assert source.shape == (6, 20_000, 20_000)
    corner = source.read(0, (5, 19_998, 19_990), (1, 4, 12))
    assert corner[0, 0, 1, 9] == 0x0101
    assert corner.sum() == 0x0101


def test_bomb_opens_and_is_refused_when_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((16, 16), "u1"), compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for code in (256, 257, 278):
            tif.pages[0].tags[code].overwrite(1_000_000)  # type: ignore[union-attr]
    source = open_image(path)
    assert source.data_shape == (1, 1, 1_000_000, 1_000_000)
    with pytest.raises(ImageError, match=r"bomb\.tif: segment 0 would decode to 1,000,000 MB from \d+ bytes; allowed"):
        source.read(0, (0, 0), (64, 64))
    with pytest.raises(ImageError, match=r"a region of 1,000\.0 GB does not fit in memory"):
        source.read(0, (0, 0), (1_000_000, 1_000_000))


def test_pages_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "circle.tif"
    tifffile.imwrite(path, np.zeros((2, 16, 16), "u1"), compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        first, second = (page.offset for page in tif.pages)
    text = path.read_bytes()
    n_tags = int.from_bytes(text[second : second + 2], "little")
    end = second + 2 + 12 * n_tags
    path.write_bytes(text[:end] + first.to_bytes(4, "little") + text[end + 4 :])
    with pytest.raises(ImageError, match="after 2 pages the next is one of them again"):
        open_image(path)


def test_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _pixels((64, 64), "u2"), compression="zlib")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError, match=r"a\.tif: is truncated: segment 0 has"):
        open_image(path).read(0, (0, 0), (8, 8))


@pytest.fixture
def tiled(tmp_path: Path) -> Path:
    tifffile.imwrite(
        tmp_path / "a.tif",
        _pixels((3, 200, 300), "u2"),
        tile=(32, 32),
        photometric="minisblack",
        metadata={"axes": "ZYX"},
    )
    return tmp_path / "a.tif"


def test_source_is_pickled_small_and_reads_again(tiled: Path) -> None:
    source = open_image(tiled)
    before = source.read(0, (0, 5, 7), (3, 40, 40))
    text = pickle.dumps(source)
    assert len(text) < 2000
    np.testing.assert_array_equal(pickle.loads(text).read(0, (0, 5, 7), (3, 40, 40)), before)
    source.close()
    np.testing.assert_array_equal(source.read(0, (0, 5, 7), (3, 40, 40)), before)


def test_threads_read_the_same(tiled: Path) -> None:
    source, pixels = open_image(tiled), _pixels((3, 200, 300), "u2")

    def same(k: int) -> bool:
        y, x = k * 7 % 160, k * 13 % 260
        if k % 10 == 0:
            source.close()
        return bool((source.read(0, (0, y, x), (3, 40, 40))[0] == pixels[:, y : y + 40, x : x + 40]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(same, range(200)))


def test_rewritten_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for value in (1, 2):
        tifffile.imwrite(path, np.full((32, 32), value, "u1"), compression="zlib")
        assert open_image(path).read(0, (0, 0), (4, 4)).max() == value


def test_file_replaced_by_another_shape_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((32, 32), "u1"))
    source = open_image(path)
    tifffile.imwrite(path, np.zeros((16, 16), "u1"))
    with pytest.raises(ImageError, match="has changed since it was opened"):
        source.read(0, (0, 0), (4, 4))


def test_fingerprint_tells_files_apart_wherever_they_are(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, _pixels((32, 32), "u1"), compression="zlib")
    tifffile.imwrite(tmp_path / "c.tif", _pixels((33, 32), "u1"), compression="zlib")
    first, second, third = (open_image(tmp_path / f"{name}.tif").info.fingerprint for name in "abc")
    assert first == second != third


PADS: dict[str, Callable[..., Any]] = {"reflect": np.pad, "edge": np.pad, "constant": np.pad}


@pytest.mark.parametrize("mode", PADS)
def test_outside_is_padded_like_numpy(mode: Any, tiled: Path) -> None:
    whole = _pixels((3, 200, 300), "u2")
    padded = np.pad(whole, [(7, 7), (250, 250), (9, 9)], mode=mode)
    source = open_image(tiled)
    for z, y, x, size in [(-7, -250, -9, (5, 30, 40)), (1, 190, 290, (9, 255, 19)), (-3, 50, 0, (9, 20, 300))]:
        cut = tuple(slice(a + b, a + b + n) for a, b, n in zip((z, y, x), (7, 250, 9), size, strict=True))
        np.testing.assert_array_equal(source.read(0, (z, y, x), size, pad_mode=mode)[0], padded[cut])


def test_coordinates_that_make_no_sense_are_refused(tiled: Path) -> None:
    source = open_image(tiled)
    with pytest.raises(ShapeError, match="sample 1 asked for; it has samples 0 to 0"):
        source.read(1, (0, 0, 0), (1, 1, 1))
    with pytest.raises(ShapeError, match="must be in ZYX order"):
        source.read(0, (0, 0), (1, 1))
    with pytest.raises(ShapeError, match="channel 2 asked for; it has 0 to 0"):
        source.read(0, (0, 0, 0), (1, 1, 1), [2])
    with pytest.raises(ShapeError, match="every size must be at least 1"):
        source.read(0, (0, 0, 0), (1, 0, 1))


def test_bare_member_of_an_ome_set_is_its_master(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "b.ome.tif", _pixels((3, 20, 30), "u1"), photometric="minisblack", ome=True)
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><BinaryOnly MetadataFile="%s" UUID="u"/></OME>'
    )
    for name, master in (("a.ome.tif", "b.ome.tif"), ("c.ome.tif", "gone.ome.tif")):
        tifffile.imwrite(tmp_path / name, _pixels((8, 9), "u1"), description=xml % master, metadata=None)
    found = open_all([tmp_path]).sources
    assert [(Path(source.uri).name, source.shape[-2:]) for source in found] == [
        ("b.ome.tif", (20, 30)),
        ("c.ome.tif", (8, 9)),
    ]


def test_broken_pixel_size_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, _pixels((8, 9), "u1"), metadata=OME | {"axes": "YX"} | UNITS)
    path.write_bytes(path.read_bytes().replace(b'PhysicalSizeX="0.5"', b'PhysicalSizeX="x.5"'))
    assert open_image(path).pixel_size is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_reads_while_its_parent_does(tiled: Path) -> None:
    source, pixels = open_image(tiled), _pixels((3, 200, 300), "u2")
    source.read(0, (0, 0, 0), (1, 8, 8))
    child = os.fork()
    good = all((source.read(0, (0, y, 0), (3, 9, 300))[0] == pixels[:, y : y + 9]).all() for y in range(0, 190, 3))
    if not child:
        os._exit(0 if good else 1)
    assert good
    assert os.waitpid(child, 0)[1] == 0


def test_page_that_lists_too_few_segments_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _pixels((64, 64), "u1"), compression="zlib", rowsperstrip=32, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags[278].overwrite(1)  # rows per strip
    with pytest.raises(ImageError, match="is broken: a page lists 2 of its 64 segments"):
        open_image(path).read(0, (0, 0), (8, 8))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list descriptors")
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_open_file_takes_one_descriptor(compression: str | None, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((32, 32), "u2"), compression=compression)
    recipe = open_image(tmp_path / "a.tif")._described.recipe
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(recipe.open()) as reader:
        assert reader.read((slice(0, 32), slice(0, 32))).shape == (32, 32)
        assert len(list(Path("/proc/self/fd").iterdir())) - before == 1

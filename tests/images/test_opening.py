"""Finding files, opening many of them, and files that are no images."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from patchplan.errors import ImageError
from patchplan.images import find_images, open_all, open_image, reopen
from patchplan.images.limits import ChunkCache
from patchplan.objects import Location
from tests.images.test_zarr import write_image
from tests.images.whole import check_regions, in_file_order


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with images at two depths, a store, and files that are none."""
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for name in ("c.tif", "a.npy", "b/x.tif", "b/deep/y.tif"):
        pixels = np.full((8, 9), len(name), "u1")
        write = np.save if name.endswith("npy") else tifffile.imwrite
        write(tmp_path / name, pixels)
    write_image(tmp_path / "b" / "s.zarr")
    for name in (".hidden.tif", "notes.txt", "b/archive.zip", "plan.parquet"):
        (tmp_path / name).write_bytes(b"no image")
    return tmp_path


def _names(folder: Path, found: list[Location]) -> list[str]:
    return [Path(str(path)).relative_to(folder).as_posix() for path in found]


def test_folders_are_searched_in_order_of_paths(folder: Path) -> None:
    everything = ["a.npy", "b/deep/y.tif", "b/s.zarr", "b/x.tif", "c.tif"]
    assert _names(folder, find_images([folder])) == everything
    first = [folder / "c.tif", folder, folder / "b" / ".." / "c.tif"]
    assert len(find_images(first)) == len(everything)
    assert _names(folder, find_images(first))[0] == "c.tif"


def test_patterns_are_expanded(folder: Path) -> None:
    assert _names(folder, find_images([f"{folder}/*.tif"])) == ["c.tif"]
    deep = _names(folder, find_images([f"{folder}/**/*"]))
    assert deep == ["a.npy", "b/archive.zip", "b/deep/y.tif", "b/s.zarr", "b/x.tif", "c.tif"]


def test_what_is_not_there_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ImageError, match=r"nope\.tif: no such file or folder"):
        find_images([folder / "nope.tif"])
    with pytest.raises(ImageError, match=r"empty: no images in this folder; known suffixes are"):
        find_images([folder / "empty"])
    with pytest.raises(ImageError, match=r"\*\.svs: this pattern matches no file"):
        find_images([f"{folder}/*.svs"])
    with pytest.raises(ImageError, match=r"\*\.txt: this pattern matches no image"):
        find_images([f"{folder}/*.txt"])


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_many_images_are_opened_in_order(workers: int | None, tmp_path: Path) -> None:
    for k in range(40):
        np.save(tmp_path / f"{k:02}.npy", np.full((4, 5), k))
    seen: list[tuple[int, int]] = []
    found = open_all([tmp_path], workers=workers, progress=lambda done, total: seen.append((done, total)))
    assert [int(source.read(0, (0, 0), (1, 1)).item()) for source in found.sources] == list(range(40))
    assert seen == [(k, 40) for k in range(1, 41)]
    assert found.skipped == []


def test_the_same_image_through_a_link_counts_once(folder: Path) -> None:
    (folder / "z.tif").symlink_to(folder / "c.tif")
    found = open_all([folder / "z.tif", folder / "c.tif"])
    assert [source.uri for source in found.sources] == [str(folder / "z.tif")]


def test_all_broken_images_are_named(folder: Path) -> None:
    for k in range(12):
        (folder / f"bad{k:02}.tif").write_bytes(b"II*\0 but no more")
    (folder / "none.tif").write_bytes(b"")
    with pytest.raises(
        ImageError, match=r"13 of 18 images cannot be opened: .*bad00.*; .*bad09.*; and 3 more"
    ) as error:
        open_all([folder])
    assert "\n" not in str(error.value)
    found = open_all([folder], skip_broken=True)
    assert (len(found.sources), len(found.skipped)) == (5, 13)
    with pytest.raises(ImageError, match=r"none\.tif: the file is empty \(0 bytes\)"):
        open_all([folder / "none.tif"], skip_broken=True)


NO_IMAGES: dict[str, tuple[bytes, str]] = {
    "a.tif": (b"", r"a\.tif: the file is empty"),
    "b.tif": (b"no tiff at all, but text", r"b\.tif: is broken or not a TIFF file \(TiffFileError"),
    "c.parquet": (b"PAR1....PAR1", r"is a plan or table, not an image"),
    "d.tif": (b"PAR1....PAR1", r"is a plan or table, not an image"),
    "e.json": (b"{}", r"is a plan or table, not an image"),
    "zarr.json": (b"{}", r"is a metadata document of a Zarr store; give the folder that holds it"),
    "f.xyz": (b"1 2 3", r"unknown kind of file \(suffix \.xyz\); known are \.bif"),
    "g.png": (b"\x89PNG\r\n\x1a\n", r"is a broken PNG: it has no header"),
    "h.jpg": (b"\xff\xd8\xff\xe0", r"is a broken JPEG: it has no frame header"),
    "i.npy": (b"\x93NUMPY\x09\x00", r"unknown version \(9, 0\) of \.npy"),
    "j.zip": (b"PK\x03\x04 and no more", r"is broken or a Zarr store of a kind that is not supported \(BadZipFile"),
}


@pytest.mark.parametrize("name", NO_IMAGES)
def test_what_is_no_image_is_refused(name: str, tmp_path: Path) -> None:
    text, message = NO_IMAGES[name]
    (tmp_path / name).write_bytes(text)
    with pytest.raises(ImageError, match=message) as error:
        open_image(tmp_path / name)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(tmp_path / name))


def test_folders_that_are_no_stores_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ImageError, match=r"is an empty or broken Zarr store: it has none of zarr\.json"):
        open_image(tmp_path / "a.zarr")
    with pytest.raises(ImageError, match="is a folder and no Zarr store"):
        open_image(tmp_path)
    with pytest.raises(ImageError, match="no such file"):
        open_image(tmp_path / "nope")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_permission_denied_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 3)))
    (tmp_path / "a.npy").chmod(0)
    with pytest.raises(ImageError, match=r"a\.npy: permission denied"):
        open_image(tmp_path / "a.npy")


def test_npy(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).normal(size=(3, 20, 30)).astype(">f4")
    np.save(tmp_path / "a.npy", pixels)
    np.save(tmp_path / "f.npy", np.asfortranarray(pixels))
    for name in ("a.npy", "f.npy"):
        source = open_image(tmp_path / name, axes="zyx")
        assert source.dtype == np.dtype("float32")
        np.testing.assert_array_equal(in_file_order(source), pixels)
        check_regions(source)
    with pytest.raises(ImageError, match=r"shape \(3, 20, 30\) and no names of its axes"):
        open_image(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(ImageError, match=r"is truncated: 7,327 bytes, shape"):
        open_image(tmp_path / "a.npy", axes="ZYX")


def test_pickled_npy_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(ImageError, match="holds pickled Python objects, which are never loaded"):
        open_image(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (20, 30, 4)])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_png(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 255, shape).astype(dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    source = open_image(tmp_path / "a.png")
    assert (source.axes, source.kind) == ("YX" if len(shape) == 2 else "YXC", "png")
    np.testing.assert_array_equal(in_file_order(source), pixels)
    check_regions(source)


def test_jpeg(tmp_path: Path) -> None:
    text = imagecodecs.jpeg_encode(np.random.default_rng(5).integers(0, 255, (20, 30, 3)).astype("u1"))
    (tmp_path / "a.jpg").write_bytes(text)
    source = open_image(tmp_path / "a.jpg")
    np.testing.assert_array_equal(in_file_order(source), imagecodecs.jpeg_decode(text))


def test_png_bomb_is_refused_when_read(tmp_path: Path) -> None:
    text = bytearray(imagecodecs.png_encode(np.zeros((8, 8), "u1")))
    text[16:24] = (1_000_000).to_bytes(4, "big") * 2
    (tmp_path / "a.png").write_bytes(text)
    source = open_image(tmp_path / "a.png")
    assert source.shape == (1_000_000, 1_000_000)
    with pytest.raises(ImageError, match=r"would decode to 1,000\.0 GB at once; allowed is 1 GiB"):
        source.read(0, (0, 0), (8, 8))


@pytest.mark.parametrize("option", [{"series": 1}, {"level": 1}, {"array": "0"}])
def test_options_that_do_not_apply_are_refused(option: dict[str, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 3)))
    with pytest.raises(ImageError, match=rf"--{next(iter(option))} . does not apply to npy"):
        open_image(tmp_path / "a.npy", **option)


def test_chunk_cache_keeps_its_budget() -> None:
    cache, chunk = ChunkCache(budget=1000), np.zeros(300, "u1")
    decoded = []
    for key in (1, 2, 1, 3, 4, 1, 2):
        cache.get(("file", key), lambda k=key: decoded.append(k) or chunk)  # type: ignore[misc, func-returns-value]
    assert decoded == [1, 2, 3, 4, 2]
    assert cache.held == 900
    cache.drop("file")
    assert cache.held == 0


def test_importing_the_package_loads_no_reader() -> None:
    code = "import json, sys, patchplan.images; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tifffile", "zarr", "imagecodecs", "yaozarrs", "pydantic"} & set(json.loads(done.stdout))


def test_libraries_say_nothing_on_the_terminal(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((2, 8, 8), "u1"), photometric="minisblack")
    text = (tmp_path / "a.ome.tif").read_bytes()
    (tmp_path / "a.ome.tif").write_bytes(text.replace(b'SizeC="', b'SizeQ="', 1))
    code = "import sys; from patchplan.images import open_all; open_all([sys.argv[1]])"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert "tifffile" not in done.stderr.split("Traceback")[0]


def test_image_recorded_in_a_header_is_opened_again(tmp_path: Path) -> None:
    pixels = np.random.default_rng(6).integers(0, 255, (3, 20, 30)).astype("u1")
    np.save(tmp_path / "a.npy", pixels)
    write_image(tmp_path / "a.zarr")
    recorded = open_image(tmp_path / "a.npy", axes="ZYX").info
    for source in (open_image(tmp_path / "a.npy", axes="ZYX"), open_image(tmp_path / "a.zarr", level=1)):
        moved = tmp_path / "moved" / Path(source.uri).name
        moved.parent.mkdir(exist_ok=True)
        Path(source.uri).rename(moved)
        again = reopen(source.info, moved, ndim=source.ndim)
        assert (again.axes, again.shape, again.info.fingerprint) == (source.axes, source.shape, source.info.fingerprint)
        assert again.info.level == source.info.level
    np.save(tmp_path / "moved" / "a.npy", pixels[:, :10])
    with pytest.raises(ImageError, match=r"is ZYX \(3, 10, 30\) uint8, recorded was ZYX \(3, 20, 30\) uint8"):
        reopen(recorded, tmp_path / "moved" / "a.npy")


def test_stacks_of_patches_in_folders_are_left_out_and_said(folder: Path) -> None:
    group = zarr.create_group(folder / "b" / "patches.zarr", attributes={"patchplan": {"version": 1}})
    for name in ("tiles", "index"):
        group.create_array(name, data=np.zeros((2, 1, 4, 4), "u1"))
    found = open_all([folder])
    assert len(found.sources) == 5
    assert [str(error) for error in found.skipped] == [f"{folder}/b/patches.zarr: is a stack of patches, not an image"]
    alone = folder / "only"
    alone.mkdir()
    (folder / "b" / "patches.zarr").rename(alone / "patches.zarr")
    with pytest.raises(ImageError, match=r"only: no images in this folder; patches\.zarr is a stack of patches"):
        open_all([alone])
    with pytest.raises(
        ImageError, match=r"is a stack of patches, not an image; its arrays, for --array, are index, tiles"
    ):
        open_all([alone / "patches.zarr", folder], skip_broken=False)
    assert open_image(alone / "patches.zarr", array="tiles", axes="TCYX").shape == (2, 1, 4, 4)

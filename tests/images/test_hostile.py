"""Inputs that once hung, filled memory, or failed in a way that could not be skipped: named after the symptom."""

import os
import shutil
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from patchplan.errors import ImageError
from patchplan.images import open_all, open_image, open_images, reopen
from tests.images.test_zarr import write_image
from tests.images.whole import in_file_order

PIXELS = np.random.default_rng(7).integers(0, 255, (70, 90, 3)).astype("u1")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (_pipe, "a named pipe"),
    "socket": (_socket, "a socket"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_file_does_not_hang(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    make, what = SPECIAL[kind]
    make(Path("ff.tif"))
    tifffile.imwrite("good.tif", PIXELS)
    with pytest.raises(ImageError, match=rf"ff\.tif: is {what}; allowed are files and folders"):
        open_image("ff.tif")
    found = open_all(["."], skip_broken=True)
    assert [source.uri for source in found.sources] == ["good.tif"]
    assert [str(error).split(":")[0] for error in found.skipped] == ["ff.tif"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_pipe_as_zarr_document_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    _pipe(tmp_path / "a.zarr" / "zarr.json")
    with pytest.raises(ImageError, match=r"a\.zarr: is a named pipe"):
        open_image(tmp_path / "a.zarr")


def _stores(folder: Path) -> Iterator[Path]:
    """An image in each kind of store."""
    write_image(folder / "a.zarr")
    yield folder / "a.zarr"
    yield Path(shutil.make_archive(str(folder / "flat"), "zip", folder / "a.zarr"))
    yield Path(shutil.make_archive(str(folder / "prefixed"), "zip", folder, "a.zarr"))
    group = zarr.open_group(folder / "g.zarr", mode="w", zarr_format=3)
    group.create_array("raw/plane", data=np.zeros((4, 5), "u1"))
    yield folder / "g.zarr" / "raw" / "plane"
    yield Path(shutil.make_archive(str(folder / "array"), "zip", folder / "g.zarr" / "raw", "plane"))


def test_recorded_array_opens_again_in_every_kind_of_store(tmp_path: Path) -> None:
    for path in _stores(tmp_path):
        source = open_image(path)
        again = reopen(source.info)
        assert again.identity == source.identity
        if source.info.array is not None:
            assert source.info.array == "0"
            assert open_image(source.uri, array=source.info.array).identity == source.identity
        np.testing.assert_array_equal(in_file_order(again), in_file_order(source))


def test_recorded_member_of_a_prefixed_zip_opens_again(tmp_path: Path) -> None:
    _plate(tmp_path / "p.zarr", ["A/1", "A/2"])
    path = shutil.make_archive(str(tmp_path / "p"), "zip", tmp_path, "p.zarr")
    sources = open_images(path)
    assert [source.info.array for source in sources] == ["A/1/0/0", "A/2/0/0"]
    assert [reopen(source.info).identity for source in sources] == [source.identity for source in sources]


def test_link_in_a_circle_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "l.tif").symlink_to("l.tif")
    tifffile.imwrite(tmp_path / "m.tif", PIXELS)
    with pytest.raises(ImageError, match=r"l\.tif: cannot be opened: Too many levels of symbolic links"):
        open_all([tmp_path])
    found = open_all([tmp_path], skip_broken=True)
    assert (len(found.sources), len(found.skipped)) == (1, 1)


def test_folder_that_cannot_be_entered_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    tifffile.imwrite(tmp_path / "m.tif", PIXELS)
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # root may enter every folder
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ImageError, match="shut: permission denied"):
        open_all([tmp_path])
    assert len(open_all([tmp_path], skip_broken=True).sources) == 1


@pytest.mark.parametrize("target", ["/", ".."])
def test_links_in_a_group_are_not_followed_for_its_list_of_arrays(target: str, tmp_path: Path) -> None:
    write_image(tmp_path / "other.zarr")
    group = zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=3)
    group.create_array("mine", data=np.zeros((4, 5), "u1"))
    (tmp_path / "g.zarr" / "link").symlink_to(target)
    with pytest.raises(ImageError, match=r"its arrays, for --array, are mine$"):
        open_image(tmp_path / "g.zarr")


def test_truncated_jpeg_and_png_are_refused(tmp_path: Path) -> None:
    for name, text in (("a.jpg", imagecodecs.jpeg_encode(PIXELS)), ("a.png", imagecodecs.png_encode(PIXELS))):
        path = tmp_path / name
        for cut in (len(text) // 2, len(text) - 1 if name == "a.jpg" else len(text) - 12):
            path.write_bytes(text[:cut])
            with pytest.raises(ImageError, match=rf"{name}: is truncated: the end of the image"):
                open_image(path)
        path.write_bytes(text + bytes(100_000))  # some programs append data of their own
        assert open_image(path).read(0, (0, 0), (70, 90)).shape == (3, 70, 90)


def test_end_of_a_thumbnail_is_not_the_end_of_a_jpeg(tmp_path: Path) -> None:
    text, thumbnail = imagecodecs.jpeg_encode(PIXELS), imagecodecs.jpeg_encode(PIXELS[:8, :8])
    exif = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    path = tmp_path / "a.jpg"
    path.write_bytes(text[:2] + exif + text[2:])
    assert open_image(path).shape == PIXELS.shape
    path.write_bytes(text[:2] + exif + text[2:-2])
    with pytest.raises(ImageError, match="is truncated"):
        open_image(path)


def _plate(path: Path, there: list[str]) -> None:
    """Write a plate with wells A/1 to A/3, of which some are there."""
    wells = [{"path": f"A/{k}"} for k in range(1, 4)][: max(2, len(there))]
    plate: Any = {"version": "0.5", "plate": {"wells": wells}}
    zarr.open_group(path, mode="w", zarr_format=3).attrs["ome"] = plate
    for well in there:
        fields: Any = {"version": "0.5", "well": {"images": [{"path": "0"}]}}
        zarr.open_group(path / well, mode="w", zarr_format=3).attrs["ome"] = fields
        write_image(path / well / "0", levels=1)


def test_missing_well_costs_no_other_field(tmp_path: Path) -> None:
    plate = tmp_path / "p.zarr"
    _plate(plate, ["A/1", "A/2", "A/3"])
    shutil.rmtree(plate / "A" / "2")
    shutil.rmtree(plate / "A" / "3" / "0" / "0")
    with pytest.raises(ImageError, match=r"A/2: the well 'A/2' is not there"):
        open_images(plate)
    with pytest.raises(ImageError, match=r"2 of 3 images cannot be opened: .*A/2: the well.*; .*A/3/0: level 0"):
        open_all([plate])
    found = open_all([plate], skip_broken=True)
    assert [source.uri for source in found.sources] == [str(plate / "A" / "1" / "0")]
    assert len(found.skipped) == 2
    with pytest.raises(ImageError, match=r"is a collection of 3 images; open one of .*A/1/0$"):
        open_image(plate)


def _short_offset(path: Path) -> None:
    path.write_bytes(b"II*\0\x08\0")


def _negative(path: Path) -> None:
    np.save(path, np.zeros((5, 5)))
    path.write_bytes(path.read_bytes().replace(b"(5, 5), }  ", b"(-5, -5), }"))


def _broken_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", "{}")
    path.write_bytes(path.read_bytes()[:-8])


PLAIN_WORDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a.tif": (_short_offset, r"a\.tif: is broken or not a TIFF file \(struct\.error: unpack requires"),
    "a.npy": (_negative, r"a\.npy: is broken: shape \(-5, -5\) has a negative size"),
    "a.zip": (_broken_zip, r"a\.zip: is broken or a Zarr store of a kind that is not supported \(BadZipFile"),
}


@pytest.mark.parametrize("name", PLAIN_WORDS)
def test_words_of_libraries_come_behind_ours(name: str, tmp_path: Path) -> None:
    make, message = PLAIN_WORDS[name]
    make(tmp_path / name)
    with pytest.raises(ImageError, match=message):
        open_image(tmp_path / name)

"""Folders: names, files of several formats, axes of TIFF."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from patchplan.errors import AuditError
from patchplan.tiles.folder import Names
from patchplan.tiles.opening import open_tiles
from patchplan.tiles.protocol import TileForm
from tests.tiles.making import opened, pixels, read_all, write_folder


def test_index_is_the_last_run_of_digits_of_the_stem(tmp_path: Path) -> None:
    names = ["2024-01-07_0.npy", "a1b2c.npy", "x3.ome.tif", "0004", "5.TIF", "p00000000000000000000001.NPY"]
    for number, name in enumerate(names):
        data = np.full((1, 4, 5), number + 1, "u1")
        with (tmp_path / name).open("wb") as file:
            (np.save if name.lower().endswith(".npy") else _save_tif)(file, data)
    tiles = opened(tmp_path, range(7))
    assert tiles.present.tolist() == [True, False, True, True, False, True, False]
    assert tiles.unplanned == 1
    assert [tile[0, 0, 0] for tile in read_all(tiles)] == [1, 2, 3, 5]


def _save_tif(file: Any, data: Any) -> None:
    tifffile.imwrite(file, data, photometric="minisblack", metadata=None)


def test_index_written_twice_with_other_zeros_or_suffix(tmp_path: Path) -> None:
    write_folder(tmp_path, pixels(3), [1, 2, 3], width=1)
    write_folder(tmp_path, pixels(1), [1], width=4)
    write_folder(tmp_path, pixels(1), [3], ".tif", width=1)
    assert opened(tmp_path, range(4)).duplicates.tolist() == [1, 3]


def test_other_files_are_left_alone_with_a_note(tmp_path: Path) -> None:
    write_folder(tmp_path, pixels(2), range(2))
    for name in ("readme.txt", "notes_1.csv", "tile.npy", ".DS_Store", "._000.npy"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    write_folder(tmp_path / "deeper", pixels(1), [1])
    (tmp_path / "1.npy").mkdir()
    tiles = opened(tmp_path, range(2))
    assert tiles.notes == (f"{tmp_path}: 3 files left alone: tiles are .npy or .tif, named by their index",)
    assert (tiles.duplicates.tolist(), tiles.unplanned) == ([], 0)
    assert len(read_all(tiles)) == 2


def test_empty_folder_has_no_tiles(tmp_path: Path) -> None:
    tiles = opened(tmp_path, range(3))
    assert not tiles.present.any()
    assert tiles.forms == ()
    assert tiles.read_bytes() > 0


@given(st.dictionaries(st.integers(0, 999), st.tuples(st.text("ab_", max_size=3), st.integers(1, 5)), max_size=40))
def test_names_come_back(found: dict[int, tuple[str, int]]) -> None:
    names = Names(1000)
    given_names = {k: f"{before}{k:0{width}}x.npy" for k, (before, width) in found.items()}
    for k, name in given_names.items():
        names.put(k, k, name)
    assert {k: names.at(k, k) for k in given_names} == given_names


def test_names_that_follow_no_pattern_come_back(tmp_path: Path) -> None:
    names = Names(1000)
    given_names = [f"{'x' * k}_{k}.npy" for k in range(1000)]
    for k, name in enumerate(given_names):
        names.put(k, k, name)
    assert [names.at(k, k) for k in range(1000)] == given_names


def test_channels_may_be_left_out(tmp_path: Path) -> None:
    data = pixels(1, (8, 6))[0]
    np.save(tmp_path / "0.npy", data)
    tifffile.imwrite(tmp_path / "1.tif", data)
    tiles = opened(tmp_path, range(2))
    assert [str(form) for form in tiles.forms] == ["1 x 8 x 6 uint16"]
    np.testing.assert_array_equal(read_all(tiles), [data[None], data[None]])


def test_forms_and_bad_headers_are_known_before_anything_is_read(tmp_path: Path) -> None:
    write_folder(tmp_path, [*pixels(2), *pixels(1, (1, 8, 6), "f4")], [0, 1, 2])
    np.save(tmp_path / "003.npy", np.zeros(5))
    (tmp_path / "004.tif").write_bytes(b"no TIFF")
    np.save(tmp_path / "005.npy", np.array([{}]), allow_pickle=True)
    tiles = opened(tmp_path, range(6))
    assert tiles.present.all()
    assert len(tiles.forms) == 2
    assert tiles.form_of[0] == tiles.form_of[1] != tiles.form_of[2]
    bad = dict(tiles.bad)
    assert bad.keys() == {3, 4, 5}
    assert bad[3].endswith("003.npy: has shape (5,); allowed are the axes C Y X, or these without C")
    assert "004.tif: cannot be read (TiffFileError: not a TIFF file" in bad[4]
    assert "pickled Python objects" in bad[5]


def test_tile_that_fails_to_decode_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    for k in range(3):
        tifffile.imwrite(folder / f"{k}.tif", pixels(1, (16, 16))[0], compression="zlib")
    with tifffile.TiffFile(folder / "1.tif") as tif:
        start = tif.pages.first.dataoffsets[0]
    text = bytearray((folder / "1.tif").read_bytes())
    text[start : start + 20] = b"\xff" * 20
    (folder / "1.tif").write_bytes(text)
    tiles = opened(folder, range(3))
    assert tiles.bad == []
    reading = tiles.read(np.arange(3))
    next(reading)
    with pytest.raises(AuditError, match=r"tile 1: .*t/1\.tif: cannot be read") as error:
        next(reading)
    assert [index for index, _ in error.value.bad] == [1]
    assert "\n" not in str(error.value)


def test_file_that_changes_or_goes_after_the_audit_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, pixels(3), range(3))
    tiles = opened(tmp_path, range(3))
    np.save(tmp_path / "001.npy", np.zeros((1, 3, 3)))
    with pytest.raises(AuditError, match=r"has changed since it was opened: 1 x 3 x 3 float64, was 2 x 8 x 6 uint16"):
        list(tiles.read(np.array([0, 1])))
    (tmp_path / "002.npy").unlink()
    with pytest.raises(AuditError, match=r"tile 2: .*002\.npy: no such file"):
        list(tiles.read(np.array([2])))


AXES: dict[str, tuple[tuple[int, ...], str | None, int, tuple[int, ...]]] = {
    # shape in the file, axes it names, spatial axes of the plan, axes of the file that are C (Z) Y X (9: none)
    "pages are channels": ((3, 8, 6), None, 2, (0, 1, 2)),
    "pages are Z": ((3, 8, 6), None, 3, (9, 0, 1, 2)),
    "pages named Z are channels of a 2-D tile": ((3, 8, 6), "ZYX", 2, (0, 1, 2)),
    "pages named C": ((3, 8, 6), "CYX", 2, (0, 1, 2)),
    "channels last, named": ((8, 6, 3), "YXC", 2, (2, 0, 1)),
    "pages named C of a 3-D tile": ((3, 8, 6), "CYX", 3, (0, 9, 1, 2)),
    "Z before C": ((4, 3, 8, 6), "ZCYX", 3, (1, 0, 2, 3)),
    "C before Z": ((4, 3, 8, 6), "CZYX", 3, (0, 1, 2, 3)),
    "no names, 3-D": ((4, 3, 8, 6), None, 3, (0, 1, 2, 3)),
    "no names, 3-D, one Z": ((4, 1, 8, 6), None, 3, (0, 1, 2, 3)),
    "time is Z of a 3-D tile": ((4, 8, 6), "TYX", 3, (9, 0, 1, 2)),
    "time and channels": ((4, 3, 8, 6), "TCYX", 3, (1, 0, 2, 3)),
    "axes of size 1": ((1, 3, 1, 8, 6), "TCZYX", 2, (1, 3, 4)),
    "a single plane in 3-D": ((8, 6), None, 3, (9, 9, 0, 1)),
}


@pytest.mark.parametrize("name", AXES)
def test_axes_of_a_tif(name: str, tmp_path: Path) -> None:
    shape, axes, ndim, order = AXES[name]
    data = pixels(1, shape)[0]
    metadata: Any = {"axes": axes} if axes else {}
    tifffile.imwrite(tmp_path / "0.tif", data, photometric="minisblack", metadata=metadata)
    tiles = opened(tmp_path, range(1), ndim)
    assert tiles.bad == []
    sizes = tuple(1 if axis == 9 else shape[axis] for axis in order)
    assert tiles.forms[0].shape == sizes
    kept = [axis for axis in order if axis != 9]
    rest = [axis for axis in range(len(shape)) if axis not in kept]
    np.testing.assert_array_equal(read_all(tiles)[0], data.transpose(rest + kept).reshape(sizes))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_of_a_tif_are_channels(planar: Any, tmp_path: Path) -> None:
    data = pixels(1, (8, 6, 3), "u1")[0]
    stored = data if planar == "contig" else data.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "0.tif", stored, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(read_all(opened(tmp_path, range(1)))[0], data.transpose(2, 0, 1))


def test_tif_with_axes_that_fit_nothing_is_bad(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "0.tif", pixels(1, (4, 3, 8, 6))[0], photometric="minisblack", metadata={"axes": "TCYX"}
    )
    tifffile.imwrite(tmp_path / "1.tif", pixels(1, (8, 6))[0])
    tifffile.imwrite(tmp_path / "1.tif", pixels(1, (9, 6))[0], append=True)
    (_, first), (_, second) = opened(tmp_path, range(2)).bad
    assert "has axes TCYX of shape (4, 3, 8, 6); allowed are C Y X, or these without C" in first
    assert "holds 2 images [(8, 6), (9, 6)]; allowed is one tile C Y X" in second


def test_files_whose_form_is_known_are_not_looked_at_before_they_are_read(tmp_path: Path, monkeypatch: Any) -> None:
    data = pixels(3, (1, 4, 5), "f4")
    write_folder(tmp_path, data[:2], range(2))
    write_folder(tmp_path, pixels(1, (1, 4, 6), "f4"), [2])

    def never(*_: Any) -> None:
        raise AssertionError("a header is read")

    monkeypatch.setattr("patchplan.tiles.npy.tile_form", never)
    tiles = open_tiles([tmp_path], range(4), ndim=2, digest="", form=TileForm((1, 4, 5), np.dtype("f4")))
    assert tiles.present.tolist() == [True, True, True, False]
    first, second, third = tiles.try_read(np.arange(3))
    np.testing.assert_array_equal([first, second], data[:2])
    assert "2.npy: has changed since it was opened: 1 x 4 x 6 float32, was 1 x 4 x 5 float32" in str(third)
    tiles.close()

"""Reading all tiles: each bad one is found, by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patchplan.errors import AuditError
from patchplan.tiles.check import check_tiles
from patchplan.tiles.memory import ArrayTiles
from tests.tiles.making import opened, pixels, write_array, write_folder, write_stack

LAYOUTS: dict[str, dict[str, Any]] = {
    "a chunk each": {},
    "two tiles per chunk": {"chunks": (2, 2, 8, 6)},
    "sharded": {"shards": (4, 2, 8, 6)},
    "v2": {"version": 2},
}


def _break(path: Path, *chunks: int) -> None:
    """Cut the files of some first numbers of chunks or shards short."""
    for chunk in chunks:
        for file in (path / "tiles").rglob("*"):
            number = file.relative_to(path / "tiles").as_posix().removeprefix("c/").replace(".", "/").split("/")[0]
            if file.is_file() and number == str(chunk):
                file.write_bytes(file.read_bytes()[:-7])


@pytest.mark.parametrize("name", LAYOUTS)
def test_broken_chunk_makes_its_own_tiles_bad(name: str, tmp_path: Path) -> None:
    how = dict(LAYOUTS[name])
    data = pixels(12)
    write_stack(tmp_path / "a.zarr", data, range(12), how.pop("version", 3), **how)
    _break(tmp_path / "a.zarr", 1)
    expected = {"two tiles per chunk": [2, 3], "sharded": [4, 5, 6, 7]}.get(name, [1])
    tiles = opened(tmp_path / "a.zarr", range(12), threads=2)
    done: list[tuple[int, int]] = []
    bad = check_tiles(tiles, np.arange(12), nan=False, progress=lambda *at: done.append(at))
    assert [index for index, _ in bad] == expected
    assert done == [(12, 12)]
    for index, why in bad:
        assert f"a.zarr/tiles, row {index}: cannot be read" in why
        assert why.count(str(tmp_path)) == 1
        assert "\n" not in why
    reading = tiles.read(np.arange(12))
    for k in range(expected[0]):
        np.testing.assert_array_equal(next(reading), data[k])
    with pytest.raises(AuditError, match=rf"tile {expected[0]}: .*, row {expected[0]}: cannot be read") as error:
        next(reading)
    assert [index for index, _ in error.value.bad] == expected[:1]


def test_broken_bare_array(tmp_path: Path) -> None:
    write_array(tmp_path / "a.zarr", pixels(5))
    (tmp_path / "a.zarr" / "c" / "3" / "0" / "0" / "0").write_bytes(b"no")
    bad = check_tiles(opened(tmp_path / "a.zarr", range(5)), np.arange(5), nan=True)
    assert [index for index, _ in bad] == [3]


@pytest.mark.parametrize("dtype", ["f2", "f4", "c8", "u2"])
def test_nan_is_found_where_asked_for(dtype: str, tmp_path: Path) -> None:
    data = pixels(5).astype(dtype)
    if dtype != "u2":
        data[3, 1, 2, 2] = np.nan
    expected = [] if dtype == "u2" else [(30, "holds NaN")]
    index = np.arange(5) * 10
    write_folder(tmp_path / "a", data, index)
    for tiles in (ArrayTiles(data, index, ndim=2), opened(tmp_path / "a", index)):
        assert check_tiles(tiles, np.arange(5), nan=True) == expected
        assert check_tiles(tiles, np.arange(5), nan=False) == []


def test_truncated_files_of_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path, pixels(6), range(6))
    for k in (2, 5):
        (tmp_path / f"{k:03}.npy").write_bytes((tmp_path / f"{k:03}.npy").read_bytes()[:-1])
    bad = check_tiles(opened(tmp_path, range(6)), np.arange(6), nan=False)
    assert [index for index, _ in bad] == [2, 5]
    assert "is truncated" in bad[0][1]

"""Tiles in memory, and those of an object."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import zarr

from patchplan.errors import AuditError, TilesError
from patchplan.tiles.memory import ArrayTiles, ObjectTiles
from tests.tiles.making import pixels, read_all


@pytest.mark.parametrize("dtype", ["u2", ">f4", "?"])
def test_array_and_list_come_back(dtype: str) -> None:
    data = pixels(5).astype(dtype)
    for given in (data, list(data), tuple(data), data.tolist(), np.asfortranarray(data)):
        tiles = ArrayTiles(given, range(5), ndim=2)
        assert tiles.present.all()
        np.testing.assert_array_equal(read_all(tiles), data)
        assert all(tile.dtype.isnative for tile in tiles.read(np.arange(5)))


def test_array_in_memory_is_not_copied() -> None:
    data = pixels(5)
    assert np.shares_memory(next(ArrayTiles(data, range(5), ndim=2).read(np.array([3]))), data)


def test_array_of_another_library_is_read_by_row(tmp_path: Any) -> None:
    data = pixels(5)
    array = zarr.create_array(tmp_path / "a.zarr", data=data)
    np.testing.assert_array_equal(read_all(ArrayTiles(array, range(5), ndim=2)), data)


def test_list_of_different_forms() -> None:
    tiles = ArrayTiles([np.zeros((1, 4, 5)), np.zeros((1, 4, 6)), np.zeros((1, 4, 5))], range(3), ndim=2)
    assert [form.shape for form in tiles.forms] == [(1, 4, 5), (1, 4, 6)]
    assert tiles.form_of.tolist() == [0, 1, 0]


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TilesError, match=r"has shape \(5, 8, 6\); allowed are 4 axes, N C Y X"):
        ArrayTiles(pixels(5, (8, 6)), range(5), ndim=2)
    with pytest.raises(TilesError, match=r"tile number 1 has shape \(8, 6\); allowed are 3 axes, C Y X"):
        ArrayTiles([np.zeros((1, 8, 6)), np.zeros((8, 6))], range(2), ndim=2)
    with pytest.raises(TilesError, match=r"the array given has 5 tiles; the plan has 4"):
        ArrayTiles(pixels(5), range(4), ndim=2)
    with pytest.raises(TilesError, match=r"has dtype <U1; allowed are bool, integers, floats and complex"):
        ArrayTiles(np.full((4, 1, 2, 2), "x"), range(4), ndim=2)


class Made:
    """Tiles made on demand."""

    def __init__(self, odd: Any = None) -> None:
        self.odd = odd

    def tile(self, index: int) -> Any:
        """Return a tile full of its index."""
        return self.odd if self.odd is not None and index == 20 else np.full((1, 3, 4), index, ">f4")


def test_object_is_asked_by_index() -> None:
    tiles = ObjectTiles(Made(), np.array([10, 20, 30]), ndim=2)
    assert [tile[0, 0, 0] for tile in read_all(tiles)] == [10, 20, 30]
    assert str(tiles.forms[0]) == "1 x 3 x 4 float32"
    assert tiles.uris == ("Made.tile",)


def test_object_with_a_tile_of_another_form() -> None:
    tiles = ObjectTiles(Made(odd=np.zeros((1, 3, 3))), np.array([10, 20, 30]), ndim=2)
    with pytest.raises(AuditError, match=r"tile 20: Made\.tile\(20\) is 1 x 3 x 3 float64; allowed: 1 x 3 x 4"):
        read_all(tiles)


def test_object_of_a_plan_without_tiles() -> None:
    assert read_all(ObjectTiles(Made(), range(0), ndim=2)) == []


def test_object_is_asked_for_one_tile_at_a_time() -> None:
    """A model that is called by two threads at once breaks."""

    class Alone(Made):
        busy = False

        def tile(self, index: int) -> Any:
            assert not self.busy, "called while it was at work"
            self.busy = True
            time.sleep(0.001)
            made = super().tile(index)
            self.busy = False
            return made

    tiles = ObjectTiles(Alone(), range(20), ndim=2)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: read_all(tiles), range(4)):
            assert [int(tile[0, 0, 0]) for tile in found] == list(range(20))

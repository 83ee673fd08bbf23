"""What is there is told from listings and headers: missing, twice, not planned."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import AuditError
from patchplan.tiles.folder import FolderTiles
from tests.tiles.making import opened, pixels, read_all, write_array, write_folder, write_stack

SUBSET = [40, 10, 30, 20]


def test_rows_not_written_are_missing_and_absent_chunks_of_written_ones_are_zeros(tmp_path: Path) -> None:
    path, data = tmp_path / "a.zarr", pixels(4)
    data[2] = 0
    write_stack(path, data, [0, -1, 2, 3])
    tiles = opened(path, range(4))
    assert tiles.present.tolist() == [True, False, True, True]
    assert not (path / "tiles" / "c" / "2").exists()
    np.testing.assert_array_equal(read_all(tiles), data[[0, 2, 3]])
    with pytest.raises(AuditError, match=r"tile 1: is not there") as error:
        next(tiles.read(np.array([0, 1])))
    assert error.value.missing == [1]


def test_stack_in_another_order_with_rows_twice_and_unplanned(tmp_path: Path) -> None:
    data = pixels(6)
    write_stack(tmp_path / "a.zarr", data, [20, 40, 7, 20, -1, 10])
    tiles = opened(tmp_path / "a.zarr", SUBSET)
    assert tiles.present.tolist() == [True, True, False, True]
    assert tiles.duplicates.tolist() == [20]
    assert tiles.unplanned == 1
    np.testing.assert_array_equal(read_all(tiles), data[[1, 5, 3]])


def test_stack_of_a_subset_in_the_order_of_the_plan(tmp_path: Path) -> None:
    data = pixels(4)
    write_stack(tmp_path / "a.zarr", data, SUBSET)
    np.testing.assert_array_equal(read_all(opened(tmp_path / "a.zarr", SUBSET)), data)


@pytest.mark.parametrize("version", [2, 3])
def test_absent_chunks_of_an_array_without_index_are_missing(version: Any, tmp_path: Path) -> None:
    path, data = tmp_path / "a.zarr", pixels(6)
    data[1] = data[4, :, :, 3:] = 0
    write_array(path, data, version, chunks=(1, 2, 8, 3))
    tiles = opened(path, range(6))
    assert tiles.present.tolist() == [True, False, True, True, False, True]
    assert "chunks of 2 of 6 tiles are not there, so these tiles are missing" in tiles.notes[0]
    assert tiles.notes[0].endswith("say so with --absent-chunks zeros")
    accepted = opened(path, range(6), absent_chunks="zeros")
    assert accepted.notes == ()
    np.testing.assert_array_equal(read_all(accepted), data)


@pytest.mark.parametrize("write", [write_stack, write_folder])
def test_tiles_that_are_not_of_the_plan_are_said(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "a", pixels(4), [0, 1, 7, 8])
    write(tmp_path / "b", pixels(2), [2, 9])
    write(tmp_path / "c", pixels(1), [3])
    tiles = opened([tmp_path / name for name in "abc"], range(4))
    assert tiles.unplanned == 3
    assert tiles.notes == (
        f"{tmp_path / 'a'}: 2 tiles are not of this plan; they are not used",
        f"{tmp_path / 'b'}: 1 tile is not of this plan; it is not used",
    )


def test_places_are_closed_where_they_do_not_go_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **how: Any) -> None:
        raise MemoryError("too many")

    def note(tiles: FolderTiles) -> None:
        closed.append(tiles)

    closed: list[object] = []
    monkeypatch.setattr("patchplan.tiles.opening.SeveralTiles", fail)
    monkeypatch.setattr(FolderTiles, "close", note)
    for name in "ab":
        write_folder(tmp_path / name, pixels(2), range(2))
    with pytest.raises(MemoryError, match="too many"):
        opened([tmp_path / "a", tmp_path / "b"], range(2))
    assert len(closed) == 2


def test_array_of_which_nothing_is_written(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(5, 1, 4, 4), chunks=(2, 1, 4, 4), dtype="f4")
    assert not opened(tmp_path / "a.zarr", range(5)).present.any()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_presence_in_shards_is_that_of_their_chunks(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n, rows, per_shard = (data.draw(st.integers(1, top)) for top in (20, 3, 4))
    written = pixels(n, (1, 5, 7))
    gone = data.draw(st.sets(st.integers(0, n - 1)))
    corner = data.draw(st.sets(st.integers(0, n - 1)))
    written[sorted(gone)] = 0
    written[sorted(corner), :, 4:, 4:] = 0
    path = tmp_path_factory.mktemp("shards") / "a.zarr"
    chunks = (rows, 1, 4, 4)
    write_array(path, written, chunks=chunks, shards=(rows * per_shard, 1, 8, 8))
    if data.draw(st.booleans()):
        _index_first(path, written, chunks)
    tiles = opened(path, range(n))
    empty = np.array([not written[k // rows * rows : (k // rows + 1) * rows].any() for k in range(n)])
    cornered = np.array([not written[k // rows * rows : (k // rows + 1) * rows, :, 4:, 4:].any() for k in range(n)])
    np.testing.assert_array_equal(tiles.present, ~(empty | cornered))
    np.testing.assert_array_equal(read_all(opened(path, range(n), absent_chunks="zeros")), written)


def _index_first(path: Path, data: Any, chunks: Any) -> None:
    """Write an array anew with the index of shards at their start."""
    document = json.loads((path / "zarr.json").read_text())
    document["codecs"][0]["configuration"]["index_location"] = "start"
    (path / "zarr.json").write_text(json.dumps(document))
    for shard in (path / "c").rglob("*"):
        if shard.is_file():
            shard.unlink()
    zarr.open_array(path, mode="r+")[...] = data


def test_shards_with_other_codecs_count_as_a_whole(tmp_path: Path) -> None:
    from zarr.codecs import BytesCodec, ShardingCodec

    data = pixels(6)
    data[1] = 0
    serializer = ShardingCodec(chunk_shape=(1, 2, 8, 6), index_codecs=[BytesCodec(endian="little")])
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=data.shape, chunks=(3, 2, 8, 6), dtype="u2", serializer=serializer, compressors=None
    )
    array[:3] = data[:3]
    assert opened(tmp_path / "a.zarr", range(6)).present.tolist() == [True] * 3 + [False] * 3


def test_shard_shorter_than_its_index_is_there_and_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_array(path, pixels(4), shards=(2, 2, 8, 6))
    shard = path / "c" / "1" / "0" / "0" / "0"
    shard.write_bytes(b"short")
    tiles = opened(path, range(4))
    assert tiles.present.all()
    with pytest.raises(AuditError, match=r"tile 2: .*a\.zarr, row 2: cannot be read") as error:
        list(tiles.read(np.arange(4)))
    assert [index for index, _ in error.value.bad] == [2]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_several_places_together_hold_what_each_holds(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    index = np.array(data.draw(st.permutations(range(3, 15)))[:6])
    folder = tmp_path_factory.mktemp("several")
    held: list[dict[int, int]] = []
    for number in range(data.draw(st.integers(1, 3))):
        mine: list[int] = data.draw(st.lists(st.integers(0, 18), unique=True, max_size=8))
        tiles = pixels(len(mine), seed=number)
        held.append({k: int(tile[0, 0, 0]) for k, tile in zip(mine, tiles, strict=True)})
        if mine and mine[0] % 2:
            write_stack(folder / str(number), tiles, mine)
        else:
            write_folder(folder / str(number), tiles, mine)
    later_wins = data.draw(st.booleans())
    tiles_ = opened([folder / str(number) for number in range(len(held))], index, later_wins=later_wins)
    merged = {key: value for one in held for key, value in one.items()}
    assert tiles_.present.tolist() == [k in merged for k in index]
    assert tiles_.unplanned == sum(k not in index for one in held for k in one)
    twice = [k for k in sorted(index.tolist()) if sum(k in one for one in held) > 1]
    assert tiles_.duplicates.tolist() == ([] if later_wins else twice)
    found = [int(tile[0, 0, 0]) for tile in read_all(tiles_)]
    assert found == [merged[k] for k in index if k in merged]
    tiles_.close()


def test_several_places_of_different_forms(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.zarr", pixels(2), [0, 1])
    write_folder(tmp_path / "b", [*pixels(1, (1, 5, 5), "f4"), *pixels(1)], [2, 3])
    np.save(tmp_path / "b" / "004.npy", np.zeros(3))
    tiles = opened([tmp_path / "a.zarr", tmp_path / "b"], range(5))
    forms = [str(tiles.forms[number]) for number in tiles.form_of[:4]]
    assert forms == ["2 x 8 x 6 uint16", "2 x 8 x 6 uint16", "1 x 5 x 5 float32", "2 x 8 x 6 uint16"]
    assert [index for index, _ in tiles.bad] == [4]
    assert tiles.uris == (str(tmp_path / "a.zarr"), str(tmp_path / "b"))
    assert tiles.read_bytes() > 0


def test_later_place_does_not_mend_tiles_twice_in_itself(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.zarr", pixels(3), [0, 0, 1])
    write_stack(tmp_path / "b.zarr", pixels(3), [1, 1, 0])
    tiles = opened([tmp_path / "a.zarr", tmp_path / "b.zarr"], range(2), later_wins=True)
    assert tiles.duplicates.tolist() == [1]
    assert opened([tmp_path / "a.zarr", tmp_path / "b.zarr"], range(2)).duplicates.tolist() == [0, 1]


def test_bad_header_in_an_earlier_place_does_not_matter_where_the_later_wins(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", pixels(2), [0, 1])
    (tmp_path / "a" / "001.npy").write_bytes(b"")
    write_folder(tmp_path / "b", pixels(1), [1])
    assert len(opened(tmp_path / "a", range(2)).bad) == 1
    assert opened([tmp_path / "a", tmp_path / "b"], range(2), later_wins=True).bad == []

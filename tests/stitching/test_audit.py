"""What is missing, there twice, of another form or broken is found before a byte is written, and named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import patchplan
from patchplan.errors import AuditError, PatchplanError, TilesError
from patchplan.plans.plan import Plan
from tests.plans.making import files_of
from tests.stitching.making import (
    Array,
    Tiles,
    cut,
    grid,
    pixels_of,
    plan_of,
    plan_pixels,
    same,
    without,
    write_folder,
    write_image,
    write_stack,
)


def refused(plan: Plan, tiles: Any, **options: Any) -> AuditError:
    """Stitch, require that the audit fails and that nothing stands beside the inputs; return the error."""
    folder = Path(str(plan.path.parent))
    before = files_of(folder)
    with pytest.raises(AuditError, match=r"\w") as error:
        patchplan.stitch(plan, tiles, folder / "out.zarr", **options)
    assert files_of(folder) == before
    checked = patchplan.stitch(plan, tiles, folder / "out.zarr", check=True, **options)
    assert files_of(folder) == before
    found = ([*error.value.missing], [*error.value.duplicate], [index for index, _ in error.value.bad])
    assert ([*checked.missing], [*checked.duplicate], [one.index for one in checked.bad]) == found
    assert checked.outputs == () or all(output.uri is None for output in checked.outputs)
    return error.value


@pytest.mark.parametrize(("write", "name"), [(write_stack, "tiles.zarr"), (write_folder, "tiles")])
def test_missing_tiles_are_listed(plan, tmp_path, write, name):
    tiles = write(tmp_path / name, without(cut(plan), 3, 7, 11))
    error = refused(plan, tiles)
    assert (list(error.missing), list(error.duplicate), list(error.bad)) == ([3, 7, 11], [], [])
    assert "3" in str(error)
    assert "missing" in str(error)


def test_an_absent_chunk_of_a_bare_array_is_missing_unless_it_may_be_zeros(plan, tmp_path, pixels):
    tiles = cut(plan)
    tiles[5][:] = 0
    array: Any = zarr.create_array(
        tmp_path / "bare.zarr",
        shape=(12, 1, 13, 13),
        chunks=(1, 1, 13, 13),
        dtype="u2",
        config={"write_empty_chunks": False},
    )
    array[...] = np.stack(tiles)
    error = refused(plan, tmp_path / "bare.zarr")
    assert list(error.missing) == [5]
    result = patchplan.stitch(plan, tmp_path / "bare.zarr", check=True)
    assert any("--absent-chunks zeros" in note for note in result.notes) or "--absent-chunks zeros" in str(error)
    found = patchplan.stitch(plan, tmp_path / "bare.zarr", absent_chunks="zeros").arrays[0]
    same(found, patchplan.stitch(plan, np.stack(tiles)).arrays[0])


def test_an_absent_chunk_of_a_written_row_is_zeros(plan, tmp_path):
    tiles = cut(plan)
    tiles[5][:] = 0
    with zarr.config.set({"array.write_empty_chunks": False}):
        stack = write_stack(tmp_path / "stack.zarr", tiles)
    same(patchplan.stitch(plan, stack).arrays[0], patchplan.stitch(plan, np.stack(tiles)).arrays[0])


def test_a_tile_in_two_files_is_there_twice(plan, tmp_path):
    folder = write_folder(tmp_path / "tiles", cut(plan))
    np.save(folder / "tile_0004.npy", cut(plan)[0])
    error = refused(plan, folder)
    assert (list(error.missing), list(error.duplicate)) == ([], [4])


def test_a_tile_in_two_rows_of_a_stack_is_there_twice(plan, tmp_path):
    stack = write_stack(tmp_path / "tiles.zarr", cut(plan), index=[*range(11), 10])
    error = refused(plan, stack)
    assert (list(error.missing), list(error.duplicate)) == ([11], [10])


def test_a_tile_in_two_places_is_there_twice_unless_the_later_wins(plan, tmp_path, pixels):
    right = cut(plan)
    wrong = [tile if k != 6 else tile + np.uint16(1) for k, tile in enumerate(right)]
    first = write_stack(tmp_path / "first.zarr", without(wrong, 2))
    second = write_folder(tmp_path / "second", [tile if k in (2, 6) else None for k, tile in enumerate(right)])
    assert list(refused(plan, [first, second]).duplicate) == [6]
    same(patchplan.stitch(plan, [first, second], later_wins=True).arrays[0], pixels)
    reverse = patchplan.stitch(plan, [second, first], later_wins=True).arrays[0]
    assert (reverse != pixels).any()


def test_tiles_of_another_shape_or_dtype_are_named(plan, tmp_path):
    tiles = cut(plan)
    tiles[3] = tiles[3][:, :-1]
    tiles[8] = tiles[8].astype("f4")
    tiles[9] = np.repeat(tiles[9], 2, 0)
    error = refused(plan, write_folder(tmp_path / "tiles", tiles))
    why = dict(error.bad)
    assert list(why) == [3, 8, 9]
    assert "12, 13" in why[3]
    assert "float32" in why[8]
    assert "uint16" in why[8]
    assert "2" in why[9]


def test_images_may_differ_in_channels_and_dtype_but_not_within(tmp_path):
    images = [write_image(tmp_path / f"{k}.npy", pixels_of((9, 9), "u1", k), "YX") for k in range(2)]
    plan = plan_of(images, grid(6, 3))
    tiles = [*(pixels_of((2, 6, 6), "f4", k) for k in range(4)), *(pixels_of((1, 6, 6), "u1", k) for k in range(4))]
    result = patchplan.stitch(plan, write_folder(tmp_path / "tiles", tiles))
    assert [one.dtype for one in result.outputs] == ["float32", "uint8"]
    assert [array.shape for array in result.arrays] == [(2, 9, 9), (9, 9)]


def test_a_file_that_is_no_array_is_named(plan, tmp_path):
    folder = write_folder(tmp_path / "tiles", cut(plan))
    (folder / "04.npy").write_bytes(b"\x93NUMPY nothing")
    (folder / "07.npy").write_bytes(b"")
    error = refused(plan, folder)
    assert [index for index, _ in error.bad] == [4, 7]


def test_a_tile_that_cannot_be_decoded_stops_the_run_and_check_lists_all(plan, tmp_path):
    """Headers are fine, contents are not: the audit cannot know, reading does."""
    folder = write_folder(tmp_path / "tiles", cut(plan))
    for k in (5, 9):
        path = folder / f"{k:02}.npy"
        path.write_bytes(path.read_bytes()[:-10])
    before = files_of(tmp_path)
    with pytest.raises(AuditError, match=r"\b0?[59]\b") as error:
        patchplan.stitch(plan, folder, tmp_path / "out.zarr")
    assert {index for index, _ in error.value.bad} & {5, 9}
    assert files_of(tmp_path) == before
    checked = patchplan.stitch(plan, folder, check=True)
    assert [one.index for one in checked.bad] == [5, 9]


def test_a_corrupt_chunk_stops_the_run_with_its_index(plan, tmp_path):
    stack = write_stack(tmp_path / "tiles.zarr", cut(plan))
    chunk = stack / "tiles" / "c" / "7" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    for output in ("out.zarr", "out.ome.tif", "out.npy"):
        before = files_of(tmp_path)
        with pytest.raises(AuditError, match=r"\b7\b") as error:
            patchplan.stitch(plan, stack, tmp_path / output)
        assert [index for index, _ in error.value.bad] == [7]
        assert files_of(tmp_path) == before
    assert [one.index for one in patchplan.stitch(plan, stack, check=True).bad] == [7]


def test_nan_is_found_when_asked_for(plan, tmp_path):
    tiles = [tile.astype("f4") for tile in cut(plan)]
    tiles[2][0, 1, 1] = np.nan
    stack = write_stack(tmp_path / "tiles.zarr", tiles)
    assert np.isnan(patchplan.stitch(plan, stack).arrays[0]).sum() == 1
    checked = patchplan.stitch(plan, stack, tmp_path / "out.npy", check_nan=True)
    assert [(one.index, "NaN" in one.why) for one in checked.bad] == [(2, True)]
    assert not (tmp_path / "out.npy").exists()
    assert patchplan.stitch(plan, stack, check=True).bad == ()


def test_infinite_values_are_no_nan(plan, tmp_path):
    tiles = np.full((12, 1, 13, 13), np.inf, "f4")
    assert patchplan.stitch(plan, tiles, check_nan=True).bad == ()


def test_all_that_is_wrong_is_said_at_once(plan, tmp_path):
    tiles = cut(plan)
    tiles[4] = tiles[4][:, :2]
    folder = write_folder(tmp_path / "tiles", without(tiles, 0))
    np.save(folder / "7.npy", tiles[7])
    error = refused(plan, folder)
    assert (list(error.missing), list(error.duplicate), [i for i, _ in error.bad]) == ([0], [7], [4])


def test_kept_parts_that_overlap_are_refused_for_crop(tmp_path):
    """A table made by hand in which a pixel is kept by two tiles: which one wins, nobody said."""
    write_image(tmp_path / "image.npy", pixels_of((8, 12)), "YX")
    names = "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,crop_coords_y,crop_coords_x"
    header = names + ",crop_size_y,crop_size_x,stitch_coords_y,stitch_coords_x,total_tiles"
    rows = ["0,0,0,0,8,8,0,0,8,7,0,0,2", "0,0,0,4,8,8,0,2,8,6,0,6,2"]
    (tmp_path / "table.csv").write_text("\n".join([header, *rows]) + "\n")
    plan = plan_of(tmp_path / "image.npy", {"name": "fixed", "table": str(tmp_path / "table.csv")})
    with pytest.raises(PatchplanError, match="kept parts overlap"):
        patchplan.stitch(plan, np.stack(cut(plan)), blend="crop")
    same(patchplan.stitch(plan, np.stack(cut(plan)), blend="max").arrays[0], pixels_of((8, 12)))


def test_an_array_with_another_number_of_rows_is_refused_naming_both(plan, tmp_path):
    tiles = np.stack(cut(plan))
    np.save(tmp_path / "tiles.npy", tiles[:-1])
    with pytest.raises(TilesError, match=r"(?s)11.*12"):
        patchplan.stitch(plan, tiles[:-1])
    with pytest.raises(TilesError, match=r"(?s)tiles\.npy.*11.*12"):
        patchplan.stitch(plan, tmp_path / "tiles.npy")
    with pytest.raises(TilesError, match=r"dim|axes|N C"):
        patchplan.stitch(plan, tiles[:, 0])


def test_an_object_whose_tile_raises_goes_through(plan):
    class Broken:
        def tile(self, index: int) -> Array:
            raise KeyError(f"no tile {index}")

    with pytest.raises(KeyError, match="no tile"):
        patchplan.stitch(plan, Broken())


@pytest.mark.parametrize(
    "tiles", [None, 5, [], object(), [np.zeros(3)]], ids=["none", "number", "empty", "object", "one axis"]
)
def test_what_is_no_tiles_is_refused(plan, tiles):
    with pytest.raises((TilesError, TypeError), match=r"tile|array"):
        patchplan.stitch(plan, tiles)


def test_tiles_by_object_are_asked_for_by_index(tmp_path, pixels):
    plan = plan_pixels(tmp_path, pixels, "YX", grid(13, 3))
    same(patchplan.stitch(plan, Tiles(cut(plan))).arrays[0], pixels)


def test_no_tile_is_changed_in_place(plan):
    tiles = np.stack(cut(plan)).astype("f4")
    before = tiles.copy()
    for blend in ("crop", "gaussian", "max"):
        patchplan.stitch(plan, tiles, blend=blend, reduce="sigmoid")
    np.testing.assert_array_equal(tiles, before)

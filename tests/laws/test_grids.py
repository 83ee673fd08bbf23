"""Laws of tiled and sequential patching, by axis and in all."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from patchplan.core.grid import GridAxis, grid_blocks
from patchplan.errors import ShapeError
from patchplan.patching import SequentialPatching, TiledPatching

sizes = st.integers(1, 60)


@st.composite
def axes(draw, overhangs=(False, True)):
    """An axis: any size, patch and overlap, odd overlaps and sizes of 1 included."""
    patch = draw(st.integers(1, 20))
    return GridAxis(draw(sizes), patch, draw(st.integers(0, patch - 1)), draw(st.sampled_from(overhangs)))


@st.composite
def grids(draw, max_size=24):
    """Data shapes of some 2-D or 3-D images, with patch size and overlaps."""
    ndim = draw(st.integers(2, 3))
    spatial = st.tuples(*[st.integers(1, max_size if ndim == 2 else 9)] * ndim)
    shapes = [
        (draw(st.integers(1, 3)), draw(st.integers(1, 2)), *draw(spatial)) for _ in range(draw(st.integers(1, 3)))
    ]
    patch = draw(st.tuples(*[st.integers(1, 10)] * ndim))
    return shapes, patch, tuple(draw(st.integers(0, size - 1)) for size in patch)


@given(axes())
@example(GridAxis(size=10, patch=4, overlap=3))
@example(GridAxis(size=1, patch=1))
@example(GridAxis(size=5, patch=8, overlap=7))
def test_kept_parts_partition_the_axis_and_lie_in_their_tile(axis):
    index = np.arange(axis.n)
    cuts, starts = axis.cuts(np.arange(axis.n + 1)), axis.starts(index)
    assert cuts[0] == 0
    assert cuts[-1] == axis.size
    assert (np.diff(cuts) > 0).all()
    assert (starts <= cuts[:-1]).all()
    assert (cuts[1:] <= starts + axis.patch).all()


@given(axes([False]))
def test_patches_lie_in_an_axis_at_least_as_large(axis):
    starts = axis.starts(np.arange(axis.n))
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    if axis.size >= axis.patch:
        assert starts[-1] + axis.patch == axis.size
    else:
        assert axis.n == 1


@given(axes([True]))
def test_overhanging_patches_start_on_the_grid_and_are_as_many(axis):
    starts = axis.starts(np.arange(axis.n))
    assert (starts == np.arange(axis.n) * axis.stride).all()
    assert starts[-1] < axis.size
    assert axis.n == GridAxis(axis.size, axis.patch, axis.overlap).n


@given(axes())
def test_neighbours_lose_overlap_half_before_and_the_rest_after(axis):
    starts, cuts = axis.starts(np.arange(axis.n)), axis.cuts(np.arange(axis.n + 1))
    before, after = axis.overlap // 2, axis.overlap - axis.overlap // 2
    assert (cuts[1:-2] - starts[1:-1] == before).all()
    assert (starts[:-1] + axis.patch - cuts[1:-1] == after).all()


@given(st.integers(0, 80), st.integers(0, 80), st.integers(1, 9))
def test_grid_blocks_are_the_rows_in_order(start, extra, width):
    rows = [
        outer * width + inner
        for block in grid_blocks(start, start + extra, width)
        for outer in block.outer
        for inner in block.inner
    ]
    assert rows == list(range(start, start + extra))
    firsts = [block.first for block in grid_blocks(start, start + extra, width)]
    assert firsts == sorted(set(firsts))
    assert len(firsts) <= 3


@given(grids())
def test_tiles_partition_every_image(grid):
    """Each pixel of each sample is kept by exactly one tile, which has read it."""
    shapes, patch, overlaps = grid
    tiling = TiledPatching(shapes, patch, overlaps)
    writes: list[Any] = [np.zeros((shape[0], *shape[2:]), int) for shape in shapes]
    for tile in map(tiling.get_patch_spec, range(tiling.n_patches)):
        assert tile["total_tiles"] == len(tiling.get_patch_indices(tile["data_idx"]))
        kept = []
        for axis, (crop, size, stitch) in enumerate(
            zip(tile["crop_coords"], tile["crop_size"], tile["stitch_coords"], strict=True)
        ):
            assert stitch == tile["coords"][axis] + crop
            assert 0 <= crop < crop + size <= tile["patch_size"][axis]
            kept.append(slice(stitch, stitch + size))
        writes[tile["data_idx"]][(tile["sample_idx"], *kept)] += 1
    assert all((image == 1).all() for image in writes)


@given(grids())
def test_sequential_covers_every_image(grid):
    shapes, patch, overlaps = grid
    patching = SequentialPatching(shapes, patch, overlaps)
    visits: list[Any] = [np.zeros((shape[0], *shape[2:]), int) for shape in shapes]
    for spec in map(patching.get_patch_spec, range(patching.n_patches)):
        box = tuple(slice(c, c + s) for c, s in zip(spec["coords"], spec["patch_size"], strict=True))
        visits[spec["data_idx"]][(spec["sample_idx"], *box)] += 1
    assert all((image > 0).all() for image in visits)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), st.integers(1, 70), st.integers(1, 70))
def test_multiple_of_keeps_starts_on_multiples_and_still_partitions(multiple, n_strides, n_halos, height, width):
    halo, stride = n_halos * multiple, n_strides * multiple
    patch, overlap = stride + 2 * halo, 2 * halo
    tiling = TiledPatching([(1, 1, height, width)], patch, overlap, multiple_of=multiple)
    table = tiling.get_patch_specs()
    assert list(table) == [tiling.get_patch_spec(i) for i in range(tiling.n_patches)]
    assert (table.coords % multiple == 0).all()
    assert table.stitch_coords is not None
    assert (table.stitch_coords % multiple == 0).all()
    kept = np.zeros((height, width), int)
    assert table.crop_size is not None
    for (y, x), (h, w) in zip(table.stitch_coords, table.crop_size, strict=True):
        kept[y : y + h, x : x + w] += 1
    assert (kept == 1).all()


@pytest.mark.parametrize("patching", [TiledPatching, SequentialPatching])
class TestRefused:
    """What makes no sense is refused at construction, naming axis, found and allowed."""

    def test_overlap_as_large_as_the_patch(self, patching):
        with pytest.raises(ShapeError, match=r"overlaps: X is 8; allowed are 0 to 7 \(patch_size 8 minus 1\)"):
            patching([(1, 1, 9, 9)], (8, 8), (0, 8))

    def test_negative_overlap(self, patching):
        with pytest.raises(ShapeError, match="overlaps: Y is -1; allowed are 0 to"):
            patching([(1, 1, 9, 9)], (8, 8), (-1, 0))

    def test_patch_size_of_another_number_of_axes(self, patching):
        with pytest.raises(ShapeError, match=r"patch_size \[8, 8, 8\] has 3 entries, but the images are 2-D"):
            patching([(1, 1, 9, 9)], (8, 8, 8), 0)

    def test_stride_that_is_no_multiple(self, patching):
        with pytest.raises(ShapeError, match=r"stride of Y is 12 .* no multiple of 8; nearest: 8 or 16"):
            patching([(1, 1, 99, 99)], 16, 4, multiple_of=8)

    def test_halo_that_is_no_multiple(self, patching):
        with pytest.raises(ShapeError, match=r"overlap // 2 of Y is 4 .* no multiple of 8; nearest: 8"):
            patching([(1, 1, 99, 99)], 16, 8, multiple_of=(8, 8))

    def test_zero_size(self, patching):
        with pytest.raises(ShapeError, match="image 1: X has size 0; allowed are 1 to"):
            patching([(1, 1, 9, 9), (1, 1, 9, 0)], 4, 0)

    def test_sizes_past_int64(self, patching):
        with pytest.raises(ShapeError, match="image 0: Y has size 4611686018427387905; allowed are 1 to"):
            patching([(1, 1, 2**62 + 1, 9)], 4, 0)
        with pytest.raises(ShapeError, match="patch_size: Y is 4611686018427387905; allowed are 1 to"):
            patching([(1, 1, 9, 9)], 2**62 + 1, 0)

    def test_more_patches_than_can_be_numbered(self, patching):
        with pytest.raises(ShapeError, match="are more than can be numbered"):
            patching([(1, 1, 2**32, 2**32)], 1, 0)

    def test_mixed_dimensions(self, patching):
        with pytest.raises(ShapeError, match="image 1: 3-D, but image 0 is 2-D"):
            patching([(1, 1, 9, 9), (1, 1, 9, 9, 9)], 4, 0)


@given(grids(), st.data())
def test_any_piece_of_a_table_is_the_slice(grid, data):
    """get_patch_specs(start, stop) is the slice of all, across samples and images of equal or other shape."""
    shapes, patch, overlaps = grid
    assume(len(shapes) > 0)
    tiling = TiledPatching([shapes[0], *shapes], patch, overlaps)
    start = data.draw(st.integers(0, tiling.n_patches))
    stop = data.draw(st.integers(start, tiling.n_patches))
    piece = tiling.get_patch_specs(start, stop)
    assert list(piece) == [tiling.get_patch_spec(i) for i in range(start, stop)]


def test_ten_to_the_ten_tiles_cost_nothing():
    tiling = TiledPatching([(1, 1, 22_400_000, 22_400_000)], 256, 32)
    assert tiling.n_patches == 10**10
    last = tiling.get_patch_spec(10**10 - 1)
    assert last["coords"] == (22_400_000 - 256,) * 2
    assert list(tiling.get_patch_specs(10**10 - 1)) == [last]
    assert tiling.get_patch_indices(0) == range(10**10)


def test_one_row_of_ten_to_the_ten_tiles_is_never_written_out():
    tiling = TiledPatching([(1, 1, 1, 10**10)], (1, 1), 0)
    assert tiling.get_patch_specs(5 * 10**9, 5 * 10**9 + 2).coords.tolist() == [
        [0, 5 * 10**9],
        [0, 5 * 10**9 + 1],
    ]

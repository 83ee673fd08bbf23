"""Parts of a pass: rows in order, columns beside them, and streams that do not depend on what is taken."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import patchplan
from patchplan.errors import PlanError
from patchplan.patching import RandomPatching, TiledPatching
from patchplan.plans.parts import Part, Parts, split_column
from tests.plans.making import SUFFIXES, make_image

SHAPES = [(2, 1, 40, 50), (1, 1, 30, 64)]
TABLE = """index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split,fold
0,0,0,0,0,8,8,train,0
1,0,0,8,8,8,8,validation,0
0,0,0,0,0,8,8,validation,1
1,0,0,8,8,8,8,train,1
"""


@st.composite
def chosen_rows(draw):
    n = RandomPatching(SHAPES, 8, seed=3).n_patches
    return np.flatnonzero(draw(st.lists(st.booleans(), min_size=n, max_size=n)))


@given(chosen_rows(), st.data())
def test_a_part_takes_the_same_draws_as_a_whole_pass_has_whatever_the_pieces(positions, data):
    whole = RandomPatching(SHAPES, 8, seed=3).get_patch_specs()
    part = Part(RandomPatching(SHAPES, 8, seed=3), positions)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(positions)), max_size=4)))
    edges = [0, *cuts, len(positions)]
    pieces = [part.specs(a, b) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate([piece.coords for piece in pieces]), whole.coords[positions])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.data())
def test_parts_give_the_rows_of_their_parts_one_after_the_other(sizes, data):
    tiling = TiledPatching(SHAPES, 8, 0)
    parts = Parts([Part(tiling, np.arange(n), {"fold": i}, first_index=10 * i) for i, n in enumerate(sizes)])
    index = [10 * i + k for i, n in enumerate(sizes) for k in range(n)]
    start = data.draw(st.integers(0, len(index)))
    stop = data.draw(st.integers(start, len(index)))
    columns = parts.columns(start, stop)
    assert parts.n_patches == len(index)
    assert len(parts.get_patch_specs(start, stop)) == stop - start
    assert columns["index"].to_pylist() == index[start:stop]
    assert columns["fold"].to_pylist() == [number // 10 for number in index[start:stop]]


def test_tiles_of_which_some_are_left_out_count_those_that_are_there():
    part = Part(TiledPatching(SHAPES, 16, 4), np.array([0, 5]), total_tiles=np.array([2, 0]))
    assert part.specs(0, 2).total_tiles is not None
    assert part.specs(0, 2)[1] | {"total_tiles": 2} == part.specs(0, 2)[1]


def test_numbers_of_splits_become_names():
    part = Part(TiledPatching(SHAPES, 16, 4), np.arange(3), {"split": split_column(np.array([0, 2, 1], np.int8))})
    assert part.columns(1, 3)["split"].to_pylist() == ["test", "validation"]


@pytest.fixture(params=SUFFIXES)
def with_folds(request, tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    fixed = {"name": "fixed", "table": str(tmp_path / "t.csv")}
    path = tmp_path / f"p{request.param}"
    patchplan.plan(make_image(tmp_path / "a.npy"), path, patching=fixed)
    return patchplan.open_plan(path)


def test_rows_of_a_split_and_a_fold(with_folds):
    rows = with_folds.epoch(split="validation", fold=1)
    assert (rows.n, list(rows.index), rows.specs().coords.tolist()) == (1, [0], [[0, 0]])
    assert with_folds.epoch(split="train").n == 2
    assert [list(piece[1]) for piece in with_folds.epoch(fold=0).pieces()] == [[0, 1]]


def test_a_patch_of_several_folds_needs_one_to_be_chosen(with_folds):
    with pytest.raises(PlanError, match=r"index 0 occurs more than once .*choose one with --fold"):
        _ = with_folds.epoch().index


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"split": "trian"}, "--split: found 'trian'.* has train, validation"),
        ({"fold": 2}, "--fold: found 2.* has 0, 1"),
    ],
    ids=["split", "fold"],
)
def test_a_split_or_fold_that_is_not_there_is_refused(with_folds, wanted, message):
    with pytest.raises(PlanError, match=message):
        with_folds.epoch(**wanted)


def test_a_split_of_a_plan_without_splits_is_refused(tmp_path):
    path = tmp_path / "p.parquet"
    patchplan.plan(make_image(tmp_path / "a.npy"), path, patching={"name": "tiled", "patch_size": 16})
    with pytest.raises(PlanError, match="has no column split"):
        patchplan.open_plan(path).epoch(split="train")


def test_extract_takes_a_split_of_a_fold(with_folds, tmp_path):
    result = patchplan.extract(with_folds.path, tmp_path / "out", split="train", fold=1)
    assert result.n_patches == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.npy"]
    batches = list(patchplan.read_patches(with_folds.path, fold=0))
    assert [index.tolist() for index, _, _ in batches] == [[0, 1]]

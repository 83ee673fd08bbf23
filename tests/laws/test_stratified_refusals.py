"""What stratified patching accepts and what it refuses."""

import numpy as np
import pytest
from hypothesis import given

from patchplan.errors import ShapeError
from patchplan.patching.stratified import StratifiedPatching
from tests.laws.stratified_cases import samples


@given(samples())
def test_arrays_are_accepted_as_tuples_are(sample):
    """Cells as an (n, ndim) array of any integer type; p as a pair of arrays."""
    patching = StratifiedPatching([(1, 1, *sample.size)], sample.patch, seed=0)
    ndim = len(sample.size)
    patching.exclude_patches(0, 0, np.array(sample.excluded, np.uint64).reshape(-1, ndim))
    cells = np.array([cell for cell, _ in sample.probs], np.int16).reshape(-1, ndim)
    patching.set_region_probs(0, 0, (cells, np.array([p for _, p in sample.probs])))
    assert list(patching.get_patch_specs()) == list(sample.patching().get_patch_specs())


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        pytest.param([(0, 0), (3, 0)], r"cell \(3, 0\) is off the grid; allowed are \(0, 0\) to \(2, 1\)", id="above"),
        pytest.param([(0, -1)], r"cell \(0, -1\) is off the grid", id="below"),
        pytest.param([(0, 0, 0)], r"shape \(1, 3\); allowed are whole numbers of shape \(n, 2\)", id="too-many-axes"),
        pytest.param([(0, 0), (0,)], "differ in length; allowed are 2 per cell", id="ragged"),
        pytest.param([(0.0, 1.0)], "are float64 of shape", id="floats"),
        pytest.param([()], r"shape \(1, 0\); allowed", id="no-coordinates"),
        pytest.param(np.array([1, 1]), r"shape \(2,\); allowed", id="one-cell-as-vector"),
    ],
)
def test_cells_off_the_grid_are_refused(cells, problem):
    """The message names image, sample and cell, and nothing is changed."""
    patching = StratifiedPatching([(1, 1, 20, 20), (3, 1, 13, 9)], 4)
    before = patching.n_patches
    with pytest.raises(ShapeError, match=rf"^image 1: sample 2: .*{problem}"):
        patching.exclude_patches(1, 2, cells)
    with pytest.raises(ShapeError, match=rf"^image 1: sample 2: .*{problem}"):
        patching.set_region_probs(1, 2, (cells, np.ones(len(cells))))
    assert patching.n_patches == before


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf")])
def test_probabilities_outside_0_to_1_are_refused(p):
    """The message names image, sample, cell and value, and nothing is changed."""
    patching = StratifiedPatching([(1, 1, 13, 9)], 4)
    with pytest.raises(ShapeError, match=rf"^image 0: sample 0: cell \(2, 1\) has probability {p}; allowed are 0 to 1"):
        patching.set_region_probs(0, 0, {(0, 0): 0.0, (2, 1): p})
    assert patching.n_patches == StratifiedPatching([(1, 1, 13, 9)], 4).n_patches


def test_pairs_of_cells_and_probabilities_must_match():
    """As many p as cells, and no cell twice: its p would be ambiguous."""
    patching = StratifiedPatching([(1, 1, 13, 9)], 4)
    with pytest.raises(ShapeError, match=r"found 2 cells and probabilities of shape \(1,\); allowed is one"):
        patching.set_region_probs(0, 0, ([(0, 0), (0, 1)], [0.5]))
    with pytest.raises(ShapeError, match=r"cell \(0, 1\) is given twice; allowed is once"):
        patching.set_region_probs(0, 0, ([(0, 1), (0, 0), (0, 1)], [0.5, 0.5, 0.25]))


@pytest.mark.parametrize(("data_idx", "sample_idx"), [(2, 0), (-1, 0), (0, 1), (1, -1)])
def test_images_and_samples_that_do_not_exist_are_refused(data_idx, sample_idx):
    """No counting from the end."""
    patching = StratifiedPatching([(1, 1, 13, 9), (3, 1, 13, 9)], 4)
    message = r"data_idx -?\d is out of range: there are 2|sample_idx -?1 is out of range: image \d has \d samples"
    with pytest.raises(IndexError, match=message):
        patching.exclude_patches(data_idx, sample_idx, [(0, 0)])
    with pytest.raises(IndexError, match=message):
        patching.set_region_probs(data_idx, sample_idx, {(0, 0): 0.5})


def test_images_smaller_than_the_patch_are_refused():
    """Naming image, axis, both sizes and the way out."""
    with pytest.raises(ShapeError, match=r"^image 1: Y is 7, smaller than patch_size 8; .*--skip-small"):
        StratifiedPatching([(1, 1, 8, 8), (1, 1, 7, 9)], 8)
    with pytest.raises(ShapeError, match=r"^image 0: Z is 1, smaller than patch_size 2"):
        StratifiedPatching([(1, 1, 1, 8, 8)], (2, 8, 8))

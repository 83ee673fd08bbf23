"""A validation set taken out of stratified patching means what it means in CAREamics."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ShapeError
from patchplan.patching import StratifiedPatching, create_val_split
from tests.laws.stratified_cases import patching_of, samples, scenes


def cells_of(patching, specs):
    return {(s["data_idx"], s["sample_idx"], *(np.array(s["coords"]) // patching.patch_size)) for s in specs}


@settings(deadline=None)
@given(scenes(), st.integers(0, 2**32), st.data())
def test_training_never_touches_a_validation_patch(scene, seed, data):
    """Exactly as many as asked, each once, whole cells that were included; the given strategy is changed in place."""
    patching = patching_of(scene)
    before = patching.get_included_grid_coords()
    n_cells = [np.count_nonzero(cells) for i in range(len(scene[0])) for cells in patching.get_cells(i)[1]]
    most = int(np.minimum(n_cells, patching.get_n_patches_per_sample()).sum()) - 1
    assume(most >= 0)
    n = data.draw(st.integers(0, most))
    training, validation = create_val_split(patching, n, np.random.default_rng(seed))
    assert training is patching
    assert training.n_patches > 0
    chosen = cells_of(patching, validation.get_patch_specs())
    assert validation.n_patches == len(chosen) == n
    included = {(*key, *cell) for key, cells in before.items() for cell in cells}
    assert chosen <= included
    assert {
        (*key, *c) for key, cells in training.get_included_grid_coords().items() for c in cells
    } == included - chosen
    for spec in validation.get_patch_specs():
        size = patching.data_shapes[spec["data_idx"]][2:]
        ends = zip(spec["coords"], spec["patch_size"], size, strict=True)
        assert all(start % patch == 0 and start + patch <= end for start, patch, end in ends)
    again = patching_of(scene)
    assert list(create_val_split(again, n, np.random.default_rng(seed))[1].get_patch_specs()) == list(
        validation.get_patch_specs()
    )


@given(samples())
def test_cells_are_those_that_a_patch_may_be_drawn_on_exactly(sample):
    """In the image, not excluded, of p > 0; and as many patches per sample as there are in all."""
    grid, cells = sample.patching().get_cells(0)
    weights = sample.weights()
    drawn = [weights.get(tuple(c * p for c, p in zip(cell, sample.patch, strict=True)), 0) > 0 for cell in grid.cells()]
    assert cells.shape == (1, *sample.grid)
    assert cells.ravel().tolist() == drawn
    assert sample.patching().get_n_patches_per_sample().tolist() == [sample.patching().n_patches]


@pytest.mark.parametrize("n", [-1, 16, 10**9])
def test_training_keeps_a_patch(n):
    """As many as there are cells, or more, are refused, and nothing is changed."""
    patching = StratifiedPatching([(1, 1, 8, 12), (2, 1, 4, 20)], 4, seed=0)
    with pytest.raises(ShapeError, match=f"n_val_patches: found {n}; allowed are 0 to 15, for training to keep a pat"):
        create_val_split(patching, n, np.random.default_rng(0))
    assert patching.n_patches == 16
    training, validation = create_val_split(patching, 15, np.random.default_rng(0))
    assert (training.n_patches, validation.n_patches) == (1, 15)


def test_nothing_left_allows_nothing():
    patching = StratifiedPatching([(1, 1, 4, 4)], 4, seed=0)
    patching.exclude_patches(0, 0, [(0, 0)])
    assert create_val_split(patching, 0, np.random.default_rng(0))[1].n_patches == 0
    with pytest.raises(ShapeError, match="found 1; allowed are 0 to 0"):
        create_val_split(patching, 1, np.random.default_rng(0))


def test_improbable_samples_give_fewer():
    """A sample gives in proportion to its patches; one of p = 0 gives none."""
    patching = StratifiedPatching([(3, 1, 400, 400)], 10, seed=0)
    cells = [(y, x) for y in range(40) for x in range(40)]
    patching.set_region_probs(0, 1, dict.fromkeys(cells, 0.25))
    patching.set_region_probs(0, 2, dict.fromkeys(cells, 0.0))
    _, validation = create_val_split(patching, 1000, np.random.default_rng(1))
    counts = np.bincount(validation.specs.sample_idx, minlength=3).tolist()
    assert counts[2] == 0
    assert abs(counts[0] - 800) < 5 * np.sqrt(1000 * 0.8 * 0.2)


def test_it_is_part_of_the_public_names():
    assert patchplan.create_val_split is create_val_split

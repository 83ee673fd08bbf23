"""Patches that are listed have the mean weight of their pixels."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, ImageError
from patchplan.patching import TiledPatching, WholeSamplePatching
from patchplan.sampling.weights import blocks as blocks_module
from patchplan.sampling.weights import listed, patch_weights
from tests.sampling.weighing import Case, cases, config_of


@st.composite
def with_patches(draw, of):
    """Images, and patches of any size that begin in them."""
    case = draw(of)
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    n = draw(st.integers(1, 40))
    sizes = np.array(case.sizes)
    data_idx = rng.integers(0, len(sizes), n)
    start = rng.integers(0, sizes[data_idx])
    patch = rng.integers(1, 20, (n, sizes.shape[1] - 1))
    return case, SpecTable(data_idx, start[:, 0], start[:, 1:], patch)


def patches_of(specs: SpecTable, full):
    """The pixels of each patch, as far as they are in the image."""
    for row in specs:
        box = (slice(start, start + side) for start, side in zip(row["coords"], row["patch_size"], strict=True))
        yield full[row["data_idx"]][(row["sample_idx"], *box)]


def found_by(case: Case, specs: SpecTable, config, *, block: int = 1 << 20, pairs: int = 1 << 22, workers: int = 1):
    """The weights, with small blocks."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK_PIXELS", block)
        patch.setattr(listed, "MOST_PAIRS", pairs)
        sources = case.write(Path(folder))
        return patch_weights(sources, specs, config, base=Path(folder), workers=workers)


@settings(max_examples=80, deadline=None)
@given(
    case=with_patches(cases(st.sampled_from([0, 0, 1, 2, 7, 100]), ["u1", "i8", "f2", "f4", "f8", "?"])),
    block=st.sampled_from([1, 5, 30, 1 << 20]),
    pairs=st.sampled_from([1, 7, 1 << 22]),
)
def test_the_weight_of_a_patch_is_the_mean_of_the_map(case, block, pairs):
    case, specs = case
    full = [case.full(i).astype(float) for i in range(len(case.sizes))]
    expected = np.array([patch.mean() for patch in patches_of(specs, full)])
    if not expected.any():
        with pytest.raises(ConfigError, match=r"weights: map: all \d+ patches have weight 0"):
            found_by(case, specs, config_of("map"), block=block)
        return
    found = found_by(case, specs, config_of("map"), block=block, pairs=pairs)
    assert found == pytest.approx(expected)
    assert np.array_equal(found == 0, expected == 0)
    assert np.array_equal(found, found_by(case, specs, config_of("map"), block=block, pairs=pairs, workers=4))


@settings(max_examples=100, deadline=None)
@given(case=with_patches(cases(st.integers(-2, 3), ["?", "i1", "i4", "i8"])), block=st.sampled_from([1, 30, 1 << 20]))
def test_the_weight_of_a_patch_compares_its_classes_to_a_uniform_draw(case, block):
    case, specs = case
    full = [case.full(i) for i in range(len(case.sizes))]
    values, counts = np.unique(np.concatenate([one.ravel() for one in full]), return_counts=True)
    n_of = {int(value): int(count) for value, count in zip(values, counts, strict=True) if value}
    if not n_of:
        with pytest.raises(ConfigError, match="a class other than 0 is not there; found class 0"):
            found_by(case, specs, config_of("labels"))
        return
    weight = {value: sum(counts) / len(n_of) / n for value, n in n_of.items()} | {0: 0}
    weighted = [np.vectorize(lambda value: float(weight[int(value)]))(one) for one in full]
    assert np.concatenate([one.ravel() for one in weighted]).mean() == pytest.approx(1)
    expected = np.array([patch.mean() for patch in patches_of(specs, weighted)])
    if expected.any():
        assert found_by(case, specs, config_of("labels"), block=block) == pytest.approx(expected)


def test_tiles_and_whole_samples_in_any_order(tmp_path):
    rng = np.random.default_rng(2)
    case = Case([(2, 70, 50), (1, 40, 90)], [rng.random((2, 35, 25)), rng.random((1, 40, 90))], (1, 1))
    full = [case.full(0), case.full(1)]
    shapes = [(2, 1, 70, 50), (1, 1, 40, 90)]
    for patching in (TiledPatching(shapes, (16, 32), (4, 8)), WholeSamplePatching(shapes)):
        specs = patching.get_patch_specs()
        order = rng.permutation(len(specs))
        mixed = SpecTable(*(column[order] for column in list(specs.columns().values())[:4]))
        expected = [patch.mean() for patch in patches_of(mixed, full)]
        assert found_by(case, mixed, config_of("map"), block=128) == pytest.approx(expected)


def test_progress_counts_patches(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, "BLOCK_PIXELS", 64)
    case = Case([(1, 30, 30), (2, 20, 20)], [np.ones((1, 30, 30)), np.ones((2, 20, 20))], (1, 1))
    specs = TiledPatching([(1, 1, 30, 30), (2, 1, 20, 20)], 8, 2).get_patch_specs()
    told: list[tuple[int, int]] = []
    sources = case.write(tmp_path)
    patch_weights(sources, specs, config_of("map"), base=tmp_path, progress=lambda *one: told.append(one))
    assert told == sorted(told)
    assert told[-1] == (len(specs), len(specs))
    assert len(told) > 10


def test_no_patches_have_no_weights(tmp_path):
    case = Case([(1, 4, 4)], [np.ones((1, 4, 4))], (1, 1))
    assert found_by(case, SpecTable(**SpecTable.empty(0, 2)), config_of("map")).shape == (0,)


def test_what_is_wrong_is_told():
    case = Case([(1, 4, 4)], [np.full((1, 4, 4), -1.0)], (1, 1))
    specs = WholeSamplePatching([(1, 1, 4, 4)]).get_patch_specs()
    with pytest.raises(ConfigError, match=r"weights: per: image: these patches are listed; allowed: epoch"):
        found_by(case, specs, config_of("map", per="image"))
    with pytest.raises(ImageError, match=r"i0_c.npy: found -1.0 at Y X \[0, 0\] of sample 0; allowed: numbers from 0"):
        found_by(case, specs, config_of("map"))
    with pytest.raises(ImageError, match=r"i0_c.npy are float64; allowed: an integer type"):
        found_by(case, specs, config_of("labels"))

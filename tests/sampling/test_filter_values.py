"""Filters equal the obvious computation, patch by patch, with scipy and scikit-image as the reference uses them."""

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import skimage.measure
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchplan.core.specs import SpecTable
from patchplan.images import open_image
from patchplan.plans.settings.filters import (
    AnyFilterConfig,
    MaskFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
    ShannonFilterConfig,
)
from patchplan.sampling.filters.values import filter_values, kept_at

DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")


def is_background(patch: NDArray[Any], config: AnyFilterConfig) -> bool:
    """The reference's meaning, with its own libraries; floats as float64, as SciPy has no float16."""
    patch = patch.astype(np.float64) if patch.dtype.kind == "f" else patch
    if isinstance(config, MaxFilterConfig):
        if patch.max() < config.threshold:
            return True
        window = [side // 2 if side > 1 else 1 for side in patch.shape]
        filtered = scipy.ndimage.maximum_filter(patch, window, mode="constant")
        return bool(np.mean(filtered > config.threshold) < config.coverage)
    if isinstance(config, MeanStdFilterConfig):
        low_std = config.std_threshold is not None and np.std(patch) < config.std_threshold
        return bool(np.mean(patch) < config.mean_threshold or low_std)
    if isinstance(config, ShannonFilterConfig):
        return bool(skimage.measure.shannon_entropy(patch) < config.threshold)
    return bool(np.count_nonzero(patch) / patch.size < config.coverage)


def cut(image: NDArray[Any], spec) -> NDArray[Any]:
    """A patch with zeros outside of the image."""
    size = spec["patch_size"]
    padded = np.pad(image, [(0, side) for side in size])
    return padded[tuple(slice(a, a + n) for a, n in zip(spec["coords"], size, strict=True))]


@st.composite
def images(draw):
    """An image of few values, and patches that begin in it."""
    ndim = draw(st.integers(2, 3))
    shape = draw(st.tuples(*[st.integers(1, 24 if ndim == 2 else 9)] * ndim))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    low = 0 if dtype.kind in "ub" else -4
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    image = rng.integers(low, draw(st.integers(1, 40)), shape).astype(dtype)
    n = draw(st.integers(1, 12))
    start = [[draw(st.integers(0, side - 1)) for side in shape] for _ in range(n)]
    sizes = draw(st.lists(st.tuples(*[st.integers(1, 12)] * ndim), min_size=1, max_size=2))
    size = [sizes[draw(st.integers(0, len(sizes) - 1))] for _ in range(n)]
    none = np.zeros(n, np.int64)
    return image, SpecTable(none, none, np.array(start), np.array(size))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("filters")


def opened(folder, image: NDArray[Any]):
    path = folder / "image.npy"
    path.unlink(missing_ok=True)
    np.save(path, image)
    return [open_image(path, axes="ZYX"[-image.ndim :], ndim=image.ndim)]


THRESHOLDS = st.integers(-10, 84).map(lambda n: n / 2)
SHARES = st.sampled_from([0, 0.01, 0.125, 0.25, 1 / 3, 0.5, 0.9, 1])
CONFIGS = st.one_of(
    st.builds(MaxFilterConfig, threshold=THRESHOLDS, coverage=SHARES),
    st.builds(MeanStdFilterConfig, mean_threshold=THRESHOLDS, std_threshold=st.sampled_from([None, 0, 0.3, 2.5, 7])),
    st.builds(ShannonFilterConfig, threshold=st.sampled_from([0, 0.37, 1, 1.23, 3.3])),
)


@settings(max_examples=150, deadline=None)
@given(case=images(), config=CONFIGS)
def test_background_is_what_the_reference_leaves_out(folder, case, config):
    image, specs = case
    found = filter_values(opened(folder, image), specs, config)
    assert found.background.tolist() == [is_background(cut(image, spec), config) for spec in specs]


@settings(max_examples=60, deadline=None)
@given(case=images(), coverage=SHARES)
def test_the_value_of_max_is_the_limit_of_thresholds_that_keep_a_patch(folder, case, coverage):
    image, specs = case
    config = MaxFilterConfig(threshold=0, coverage=coverage)
    found = filter_values(opened(folder, image), specs, config)
    for threshold in np.unique([*np.unique(image).astype(float), 0, -0.5, 0.5]).tolist():
        other = MaxFilterConfig(threshold=threshold, coverage=coverage)
        kept = [not is_background(cut(image, spec), other) for spec in specs]
        assert (found.values[:, 0] > threshold).tolist() == kept
        assert kept_at(found, config, [threshold]) == [sum(kept)]


@settings(max_examples=60, deadline=None)
@given(case=images())
def test_mean_std_and_entropy_are_those_of_numpy_and_scikit_image(folder, case):
    image, specs = case
    moments = filter_values(opened(folder, image), specs, MeanStdFilterConfig(mean_threshold=0)).values
    bits = filter_values(opened(folder, image), specs, ShannonFilterConfig(threshold=0)).values
    patches = [cut(image, spec).astype(np.float64) for spec in specs]
    assert np.allclose(moments, [(patch.mean(), patch.std()) for patch in patches], rtol=1e-12, atol=1e-12)
    assert np.allclose(bits[:, 0], [skimage.measure.shannon_entropy(patch) for patch in patches], atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    case=images(),
    factor=st.integers(1, 5),
    seed=st.integers(0, 99),
    config=st.builds(MaskFilterConfig, masks=st.just("m"), coverage=SHARES),
)
def test_a_mask_at_a_lower_resolution_counts_as_if_enlarged(folder, case, factor, seed, config):
    image, specs = case
    small = tuple(max(1, -(-n // factor)) for n in image.shape)
    mask = np.random.default_rng(seed).integers(0, 3, small) * 7
    places = [np.arange(n) * m // n for n, m in zip(image.shape, small, strict=True)]
    large = mask[np.ix_(*places)]
    sources = opened(folder, image)
    found = filter_values(sources, specs, config, masks=opened(folder, mask))
    assert found.background.tolist() == [is_background(cut(large, spec), config) for spec in specs]
    shares = [np.count_nonzero(cut(large, spec)) / cut(large, spec).size for spec in specs]
    assert found.values[:, 0].tolist() == shares


def test_one_mask_serves_all_samples_or_each_has_its_own(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 8)))
    own = np.zeros((3, 8, 8), bool)
    own[1, :4] = True
    np.save(tmp_path / "own.npy", own)
    np.save(tmp_path / "one.npy", own[1])
    source = open_image(tmp_path / "a.npy", axes="TYX")
    samples = np.arange(3)
    specs = SpecTable(np.zeros(3, np.int64), samples, np.zeros((3, 2), np.int64), np.full((3, 2), 8))
    config = MaskFilterConfig(masks="m")
    for name, shares in {"own": [0, 0.5, 0], "one": [0.5] * 3}.items():
        mask = open_image(tmp_path / f"{name}.npy", axes="TYX" if name == "own" else "YX")
        assert filter_values([source], specs, config, masks=[mask]).values[:, 0].tolist() == shares

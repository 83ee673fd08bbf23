"""Filters at the edges: pixels that are no numbers or very large, patches of one kind, nothing left, wrong images."""

import numpy as np
import pytest

from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, ImageError
from patchplan.images import open_image
from patchplan.plans.settings.filters import (
    AnyFilterConfig,
    MaskFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
    ShannonFilterConfig,
)
from patchplan.sampling.filters.values import check_some_kept, filter_values, kept_table
from tests.sampling.test_filter_values import opened


def whole(shape) -> SpecTable:
    """One patch that is all of an image."""
    none = np.zeros(1, np.int64)
    return SpecTable(none, none, np.zeros((1, len(shape)), np.int64), np.array([shape]))


def test_nan_is_0_like_what_lies_outside(tmp_path):
    image = np.full((4, 4), np.nan)
    image[0, :2] = 3
    filled = np.nan_to_num(image)
    configs: list[AnyFilterConfig] = [
        MaxFilterConfig(threshold=1),
        MeanStdFilterConfig(mean_threshold=1),
        ShannonFilterConfig(threshold=1),
    ]
    for config in configs:
        values = [
            filter_values(opened(tmp_path, one), whole((4, 4)), config).values.tolist() for one in (image, filled)
        ]
        assert values[0] == values[1]
    mask = MaskFilterConfig(masks="m")
    sources = opened(tmp_path, image)
    assert filter_values(sources, whole((4, 4)), mask, masks=sources).values.tolist() == [[2 / 16]]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_pixels_warn_of_nothing_and_are_kept_where_that_makes_sense(tmp_path, value):
    image = np.ones((4, 4))
    image[0] = value
    configs: list[AnyFilterConfig] = [
        MaxFilterConfig(threshold=2),
        MeanStdFilterConfig(mean_threshold=2),
        ShannonFilterConfig(threshold=0.5),
    ]
    found = [filter_values(opened(tmp_path, image), whole((4, 4)), config).background[0] for config in configs]
    assert found == [value < 0, value < 0, False]
    spread = MeanStdFilterConfig(mean_threshold=-1, std_threshold=0)
    assert filter_values(opened(tmp_path, image), whole((4, 4)), spread).background[0]


def test_large_integers_are_those_of_float64(tmp_path):
    image = np.full((8, 8), 2**63 + 12345, np.uint64)
    image[:, 4:] = 2**64 - 1
    patch = image.astype(float)
    moments = filter_values(opened(tmp_path, image), whole((8, 8)), MeanStdFilterConfig(mean_threshold=0)).values
    assert moments[0].tolist() == pytest.approx([patch.mean(), patch.std()], rel=1e-14)
    limit = filter_values(opened(tmp_path, image), whole((8, 8)), MaxFilterConfig(threshold=0, coverage=1)).values
    assert limit[0, 0] == float(image[0, 0])


def test_the_mean_of_a_large_patch_is_the_same_piece_by_piece(tmp_path, monkeypatch):
    image = np.random.default_rng(0).normal(1000, 3, (100, 90)).astype("f4")
    config = MeanStdFilterConfig(mean_threshold=0)
    at_once = filter_values(opened(tmp_path, image), whole((100, 90)), config).values
    monkeypatch.setattr("patchplan.sampling.filters.measures.PIECE", 700)
    pieces = filter_values(opened(tmp_path, image), whole((100, 90)), config).values
    assert np.allclose(at_once, pieces, rtol=1e-14)
    assert at_once[0].tolist() == pytest.approx([image.mean(dtype="f8"), image.std(dtype="f8")], rel=1e-14)


def test_entropies_of_whole_bits_are_exact(tmp_path):
    bits = ShannonFilterConfig(threshold=2)
    image = np.repeat(np.arange(4), 25).reshape(10, 10)
    assert filter_values(opened(tmp_path, image), whole((10, 10)), bits).values.tolist() == [[2.0]]
    flat = filter_values(opened(tmp_path, image * 0), whole((10, 10)), bits).values
    assert str(flat[0, 0]) == "0.0"


def test_thresholds_to_choose_from_are_quantiles_and_the_one_that_is_set(tmp_path):
    image = np.repeat(np.arange(100.0), 4).reshape(100, 4)
    starts = np.stack([np.arange(100), np.zeros(100, np.int64)], axis=1)
    none = np.zeros(100, np.int64)
    specs = SpecTable(none, none, starts, np.tile([1, 4], (100, 1)))
    config = MeanStdFilterConfig(mean_threshold=12.5)
    found = filter_values(opened(tmp_path, image), specs, config)
    table = kept_table(found, config, 4)
    assert table == [(0.0, 100), (12.5, 87), (24.0, 76), (49.0, 51), (74.0, 26), (99.0, 1)]
    assert table[1][1] == np.count_nonzero(~found.background)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            MaxFilterConfig(threshold=9),
            r"max takes all 1 patches .* threshold is 9, the largest value 5; use a lower one",
        ),
        (
            MeanStdFilterConfig(mean_threshold=1, std_threshold=3),
            r"mean_threshold is 1, the largest value 5; std_threshold is 3, the largest value 0; use a lower one",
        ),
        (ShannonFilterConfig(threshold=2), "shannon takes all"),
        (MaskFilterConfig(masks="m", coverage=1), r"coverage is 1, the largest value 0\.5"),
    ],
)
def test_a_filter_that_leaves_nothing_is_refused(tmp_path, config, message):
    image = np.full((8, 8), 5)
    mask = np.arange(64).reshape(8, 8) % 2
    sources = opened(tmp_path, image)
    masks = None if config.name != "mask" else opened(tmp_path, mask)
    if masks:
        sources = masks
    with pytest.raises(ConfigError, match=message):
        check_some_kept(filter_values(sources, whole((8, 8)), config, masks=masks), config)


def test_no_patches_are_no_reason_to_refuse(tmp_path):
    config = MaxFilterConfig(threshold=0)
    specs = SpecTable(**SpecTable.empty(0, 2))
    found = filter_values(opened(tmp_path, np.zeros((8, 8))), specs, config)
    check_some_kept(found, config)
    assert found.values.shape == (0, 1)
    assert kept_table(found, config) == [(0.0, 0)]


def test_images_that_do_not_fit_are_named_before_any_is_read(tmp_path, monkeypatch):
    np.save(tmp_path / "two.npy", np.zeros((2, 8, 8)))
    np.save(tmp_path / "complex.npy", np.zeros((8, 8), complex))
    monkeypatch.setattr("patchplan.images.ImageSource.read", lambda *_: pytest.fail("read"))
    config = MaxFilterConfig(threshold=0, ref_channel=2)
    with pytest.raises(ImageError, match=r"two\.npy: filter: ref_channel is 2; allowed are 0 to 1"):
        filter_values([open_image(tmp_path / "two.npy", axes="CYX")], whole((8, 8)), config)
    with pytest.raises(ImageError, match=r"complex\.npy: filter: pixels are complex128; allowed: bool, integers"):
        filter_values([open_image(tmp_path / "complex.npy")], whole((8, 8)), MaxFilterConfig(threshold=0))

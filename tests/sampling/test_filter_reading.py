"""Each chunk is read about once, by any number of threads; real images; regions of stratified patching."""

import threading
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import ImageError, PatchplanError
from patchplan.images import open_image
from patchplan.patching import FixedRandomPatching, SequentialPatching, StratifiedPatching
from patchplan.plans.settings.filters import (
    MaskFilterConfig,
    MaxFilterConfig,
    MeanStdFilterConfig,
    ShannonFilterConfig,
)
from patchplan.sampling.filters import blocks
from patchplan.sampling.filters.stratified import apply_to_stratified, region_specs
from patchplan.sampling.filters.values import filter_values
from tests.sampling.test_filter_values import cut, is_background

IMAGES = Path(__file__).parents[3] / "shared" / "images"
CONFIGS = (
    MaxFilterConfig(threshold=100),
    MeanStdFilterConfig(mean_threshold=90, std_threshold=5),
    ShannonFilterConfig(threshold=4),
)


def make_large(path: Path, side: int) -> Path:
    """Write pixels that do not compress, in chunks of 256."""
    data = np.random.default_rng(0).integers(0, 2**16, (side, side), np.uint16)
    zarr.create_array(path, data=data, chunks=(256, 256), compressors=None)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An image of some blocks, if these are small."""
    return make_large(tmp_path_factory.mktemp("large") / "a.zarr", 2048)


def bytes_read() -> int:
    """What this process has asked the system for."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(lines[0].removeprefix("rchar: "))


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what is read")
@pytest.mark.parametrize("patch", [48, 256])
@pytest.mark.parametrize("workers", [1, 4])
def test_each_chunk_is_read_about_once(tmp_path, monkeypatch, patch, workers):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4 << 20)
    with open_image(make_large(tmp_path / "a.zarr", 4096)) as source:
        specs = region_specs(StratifiedPatching([source.data_shape], patch))
        shuffled = np.random.default_rng(1).permutation(len(specs))
        specs = type(specs)(**{name: column[shuffled] for name, column in specs.columns().items()})
        before = bytes_read()
        filter_values([source], specs, CONFIGS[1], workers=workers)
        assert 1 <= (bytes_read() - before) / (2 * 4096**2) < 1.15


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_values_are_the_same_for_any_number_of_workers_and_size_of_blocks(large, monkeypatch, config):
    source = open_image(large)
    regions = region_specs(StratifiedPatching([source.data_shape], 300))
    for specs in (regions, FixedRandomPatching([source.data_shape], 100, 1).get_patch_specs()):
        found = []
        for workers, block in ((1, 4 << 20), (4, 4 << 20), (3, 1 << 20)):
            monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
            found.append(filter_values([source], specs, config, workers=workers).values.tobytes())
        assert found[0] == found[1] == found[2]


def test_progress_counts_patches(large):
    source = open_image(large)
    told: list[tuple[int, int]] = []
    specs = SequentialPatching([source.data_shape], 128).get_patch_specs()
    filter_values([source], specs, CONFIGS[1], workers=3, progress=lambda *done: told.append(done))
    assert told[-1] == (256, 256)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_file_that_breaks_ends_all_threads_with_its_name(large, tmp_path):
    data = np.zeros((1024, 1024), np.uint16)
    zarr.create_array(tmp_path / "b.zarr", data=data + 1, chunks=(256, 256))
    (tmp_path / "b.zarr" / "c" / "2" / "1").write_bytes(b"broken")
    sources = [open_image(large), open_image(tmp_path / "b.zarr")]
    specs = SequentialPatching([source.data_shape for source in sources], 64).get_patch_specs()
    with pytest.raises(ImageError, match=r"b\.zarr: cannot be read"):
        filter_values(sources, specs, CONFIGS[0], workers=4)
    assert not [one for one in threading.enumerate() if one.name.startswith("patchplan-filter")]


def real_images() -> list[Path]:
    """Test images of all kinds, or none where they are not there."""
    return sorted(path for path in IMAGES.rglob("*.tif*") if path.stat().st_size < 4_000_000)[::4]


@pytest.mark.skipif(not IMAGES.exists(), reason="the test images are not there")
@pytest.mark.parametrize("path", real_images(), ids=lambda path: path.name)
def test_real_images_are_filtered_as_the_reference_does(path):
    try:
        source = open_image(path)
        pixels = source.read(0, [0] * source.ndim, source.data_shape[2:])[0]
    except PatchplanError:
        pytest.skip("not an image that can be read")
    if min(source.data_shape[-2:]) < 16 or pixels.dtype.kind == "c":
        pytest.skip("too small, or complex")
    patch = (min(4, source.data_shape[2]), 16, 16)[-source.ndim :]
    specs = region_specs(StratifiedPatching([(1, *source.data_shape[1:])], patch))
    some = np.linspace(0, len(specs) - 1, 40).astype(int)
    specs = type(specs)(**{name: column[some] for name, column in specs.columns().items()})
    pixels = np.nan_to_num(pixels, posinf=np.inf, neginf=-np.inf) if pixels.dtype.kind == "f" else pixels
    middle = float(np.median(pixels))
    for config in (
        MaxFilterConfig(threshold=middle),
        MeanStdFilterConfig(mean_threshold=middle * 1.1 + 0.123, std_threshold=abs(middle) / 7),
        ShannonFilterConfig(threshold=3.21),
    ):
        found = filter_values([source], specs, config, workers=2).background
        assert found.tolist() == [is_background(cut(pixels, spec), config) for spec in specs]


@settings(max_examples=60, deadline=None)
@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 3), st.just(1), st.integers(4, 20), st.integers(4, 20)), min_size=1, max_size=3
    ),
    prob=st.sampled_from([0, 0.1, 1]),
    seed=st.integers(0, 99),
)
def test_background_regions_get_their_probability_as_in_the_reference(shapes, prob, seed):
    patching, expected = (StratifiedPatching(shapes, 4, seed=0) for _ in range(2))
    background = np.random.default_rng(seed).random(len(region_specs(patching))) < 0.4
    apply_to_stratified(patching, background, prob)
    row = 0
    for (data_idx, sample_idx), cells in expected.get_all_grid_coords().items():
        probs: dict[tuple[int, ...], float] = {}
        for cell in cells:
            spec = region_specs(expected)[row]
            assert (spec["data_idx"], spec["sample_idx"]) == (data_idx, sample_idx)
            assert spec["coords"] == tuple(4 * place for place in cell)
            assert spec["patch_size"] == (8, 8)
            if background[row]:
                probs[cell] = prob
            row += 1
        expected.set_region_probs(data_idx, sample_idx, probs)
    assert patching.n_patches == expected.n_patches
    found, wanted = (one.get_patch_specs().coords.tolist() for one in (patching, expected))
    assert found == wanted


def test_a_region_that_nothing_is_drawn_from_stays_so():
    patching = StratifiedPatching([(1, 1, 16, 16)], 4, seed=0)
    patching.set_region_probs(0, 0, {(0, 0): 0.0, (1, 1): 0.5})
    apply_to_stratified(patching, np.ones(16, bool), 0.1)
    expected = StratifiedPatching([(1, 1, 16, 16)], 4, seed=0)
    probs: dict[tuple[int, ...], float] = {(y, x): 0.1 for y in range(4) for x in range(4)}
    expected.set_region_probs(0, 0, probs | {(0, 0): 0.0})
    assert patching.n_patches == expected.n_patches
    coords = np.concatenate([patching.get_patch_specs().coords for _ in range(200)])
    assert not (coords < 4).all(axis=1).any()


def test_a_mask_of_a_large_image_is_read_in_its_own_pixels(large, tmp_path):
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    zarr.create_array(tmp_path / "m.zarr", data=mask, chunks=(16, 16))
    source, small = open_image(large), open_image(tmp_path / "m.zarr")
    specs = SequentialPatching([source.data_shape], 100).get_patch_specs()
    shares = filter_values([source], specs, MaskFilterConfig(masks="m"), masks=[small], workers=2).values[:, 0]
    left = (1024 - specs.coords[:, 1]).clip(0, 100)
    assert shares.tolist() == (left / 100).tolist()

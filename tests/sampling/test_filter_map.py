"""Filter maps: a pixel per patch, with its place in the image, and a picture in which background is grey."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, MissingExtraError, OutputError
from patchplan.images import open_image
from patchplan.patching import FixedRandomPatching, SequentialPatching, StratifiedPatching, TiledPatching
from patchplan.pictures import filter_map
from patchplan.pictures.filter_map import map_files, write_filter_map
from patchplan.plans.settings.filters import MaxFilterConfig, MeanStdFilterConfig
from patchplan.sampling.filters import maps
from patchplan.sampling.filters.maps import filter_maps
from patchplan.sampling.filters.stratified import region_specs
from patchplan.sampling.filters.values import FilterValues, filter_values

MEAN = MeanStdFilterConfig(mean_threshold=100)


def make_source(path, shape=(100, 130), axes="YX", **how):
    """An image of noise with a pixel size."""
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    metadata = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25}
    tifffile.imwrite(path, pixels, metadata=metadata | {"PhysicalSizeYUnit": "µm"}, ome=True)
    return open_image(path, **how)


def ome_xml(path) -> str:
    """What a file says about itself."""
    with tifffile.TiffFile(path) as file:
        return file.ome_metadata or ""


def drawn(path):
    """The colours of a picture."""
    return {tuple(one) for one in imagecodecs.png_decode(path.read_bytes())[..., :3].reshape(-1, 3).tolist()}


def test_regions_have_a_pixel_per_cell_that_lies_in_their_middle(tmp_path):
    source = make_source(tmp_path / "a.tif")
    specs = region_specs(StratifiedPatching([source.data_shape], (16, 20)))
    found = filter_values([source], specs, MEAN)
    files = write_filter_map(tmp_path / "map.tif", specs, found, MEAN, [source], (16, 20), what="regions")
    assert files == [tmp_path / "map.tif", tmp_path / "map.png"]
    written = open_image(tmp_path / "map.tif")
    assert written.data_shape == (1, 2, 6, 6)
    assert written.dtype == np.float32
    assert written.pixel_size == (16 * 0.25, 20 * 0.5)
    assert written.info.pixel_unit == "micrometer"
    pixels = written.read(0, (0, 0), (6, 6))
    assert np.array_equal(pixels.reshape(2, -1).T, found.values.astype(np.float32))
    xml = ome_xml(tmp_path / "map.tif")
    assert 'PositionX="5.0" PositionXUnit="µm" PositionY="2.0"' in xml
    assert 'Name="mean"' in xml


@pytest.mark.parametrize("size", [96, 100, 30, 20])
@pytest.mark.parametrize("overlap", [0, 1, 8, 20])
@pytest.mark.parametrize("strategy", [SequentialPatching, TiledPatching])
def test_every_patch_of_a_grid_has_a_pixel_of_its_own(size, overlap, strategy):
    specs = strategy([(2, 1, size, 64)], 32, overlap).get_patch_specs()
    found = FilterValues(np.arange(float(len(specs)))[:, np.newaxis], np.arange(len(specs)) % 2 == 0)
    one = next(filter_maps(specs, found, [(2, 1, size, 64)], (32 - overlap,) * 2))
    assert sorted(one.values.ravel().tolist()) == list(range(len(specs)))
    assert one.offset == (overlap / 2, overlap / 2)
    assert np.array_equal(one.kept, one.values[:, 0] % 2 == 1)


def test_patches_anywhere_fall_into_cells_that_have_the_largest_value():
    specs = FixedRandomPatching([(1, 1, 200, 300)], 10, seed=0).get_patch_specs()
    values = np.random.default_rng(0).random((len(specs), 1))
    one = next(filter_maps(specs, FilterValues(values, values[:, 0] < 0.5), [(1, 1, 200, 300)], (10, 10)))
    assert one.values.shape == (1, 1, 20, 30)
    expected = np.full((20, 30), np.nan, np.float32)
    for spec, (value,) in zip(specs, values.tolist(), strict=True):
        y, x = ((at + 5) // 10 for at in spec["coords"])
        expected[y, x] = np.fmax(expected[y, x], np.float32(value))
    assert np.array_equal(one.values[0, 0], expected, equal_nan=True)
    assert np.array_equal(one.kept[0], expected >= 0.5)
    assert np.isnan(expected).any()


def test_a_map_that_would_be_very_large_is_refused(monkeypatch):
    none = np.zeros(1, np.int64)
    specs = SpecTable(none, none, np.array([[9_000, 9_000]]), np.ones((1, 2), np.int64))
    monkeypatch.setattr(maps, "MAX_PIXELS", 10**6)
    found = FilterValues(np.zeros((1, 1)), np.zeros(1, bool))
    with pytest.raises(
        ConfigError, match=r"image 0 would have a map of 1 x 9,001 x 9,001 pixels; allowed are 1,000,000"
    ):
        next(filter_maps(specs, found, [(1, 1, 10_000, 10_000)], (1, 1)))


def test_volumes_and_samples_are_z_and_t(tmp_path):
    source = make_source(tmp_path / "a.tif", (2, 12, 40, 50), "TZYX")
    specs = region_specs(StratifiedPatching([source.data_shape], (4, 10, 10)))
    config = MaxFilterConfig(threshold=240, coverage=1)
    found = filter_values([source], specs, config)
    write_filter_map(tmp_path / "map.tif", specs, found, config, [source], (4, 10, 10))
    written = open_image(tmp_path / "map.tif")
    assert written.data_shape == (2, 1, 3, 4, 5)
    assert written.read(1, (0, 0, 0), (3, 4, 5)).ravel().tolist() == found.values[60:, 0].tolist()


def test_without_a_pixel_size_an_image_pixel_is_1(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((64, 64)))
    source = open_image(tmp_path / "a.npy")
    specs = SequentialPatching([source.data_shape], 16).get_patch_specs()
    write_filter_map(tmp_path / "map.tif", specs, filter_values([source], specs, MEAN), MEAN, [source], (16, 16))
    xml = ome_xml(tmp_path / "map.tif")
    assert 'PhysicalSizeX="16.0" PhysicalSizeXUnit="pixel"' in xml


def test_several_images_have_files_in_a_folder_that_do_not_change(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    sources = [make_source(tmp_path / name / "a.ome.tif") for name in ("x", "y")]
    specs = SequentialPatching([source.data_shape for source in sources], 16).get_patch_specs()
    found = filter_values(sources, specs, MEAN)
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        files = write_filter_map(folder, specs, found, MEAN, sources, (16, 16))
        names = [str(file.relative_to(folder)) for file in files]
        assert names == ["x/a.tif", "x/a.png", "y/a.tif", "y/a.png"]
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]


def test_what_is_kept_is_in_colour_and_background_grey(tmp_path):
    image = np.zeros((64, 64))
    image[:32] = 50
    image[32:] = 150
    np.save(tmp_path / "a.npy", image)
    source = open_image(tmp_path / "a.npy")
    specs = SequentialPatching([source.data_shape], 16).get_patch_specs()
    write_filter_map(tmp_path / "map.tif", specs, filter_values([source], specs, MEAN), MEAN, [source], (16, 16))
    picture = imagecodecs.png_decode((tmp_path / "map.png").read_bytes())[..., :3].astype(int)
    above, below = picture[200, picture.shape[1] // 3], picture[500, picture.shape[1] // 3]
    assert np.ptp(above) == 0
    assert np.ptp(below) > 100


def test_outputs_are_checked_beforehand(tmp_path, monkeypatch):
    source = make_source(tmp_path / "a.tif")
    with pytest.raises(
        ConfigError, match=r"--filter-map: found .*m\.tif for 2 images; allowed: a folder, or one image"
    ):
        map_files(tmp_path / "m.tif", [source, source], overwrite=False)
    with pytest.raises(OutputError, match=r"a\.tif: exists already; use --overwrite"):
        map_files(tmp_path / "a.tif", [source], overwrite=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file; --filter-map takes a folder, or a name"):
        map_files(tmp_path / "file", [source], overwrite=False)
    with pytest.raises(OutputError, match="does not exist"):
        map_files(tmp_path / "no" / "m.tif", [source], overwrite=False)
    with pytest.raises(OutputError, match="does not exist"):
        map_files(tmp_path / "no" / "maps", [source], overwrite=False)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "a.png").write_text("")
    with pytest.raises(OutputError, match=r"a\.png: exists already"):
        map_files(tmp_path / "maps", [source], overwrite=False)
    assert map_files(tmp_path / "maps", [source], overwrite=True)
    monkeypatch.setattr(filter_map, "find_spec", lambda _: None)
    with pytest.raises(
        MissingExtraError, match=r"--filter-map needs matplotlib; run: pip install 'patchplan\[report\]'"
    ):
        map_files(tmp_path / "m.tif", [source], overwrite=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_values_without_a_range_are_drawn(tmp_path, value):
    source = make_source(tmp_path / "a.tif")
    specs = SequentialPatching([source.data_shape], 16).get_patch_specs()
    found = FilterValues(np.full((len(specs), 2), value), np.ones(len(specs), bool))
    write_filter_map(tmp_path / "map.tif", specs, found, MeanStdFilterConfig(mean_threshold=0), [source], (16, 16))
    assert len(drawn(tmp_path / "map.png")) > 2

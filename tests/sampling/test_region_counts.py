"""Pixels of polygons, masks and boxes, counted in patches."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, ImageError, ShapeError
from patchplan.images import open_image
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.sampling.regions import RegionTest, open_regions, scanlines
from patchplan.sampling.regions import region as region_module
from patchplan.sampling.regions.scanlines import Edges, count_inside
from tests.sampling.outlining import boxes_in, filled, in_boxes

SQUARE = [[[2, 2], [2, 10], [10, 10], [10, 2]]]


@st.composite
def drawings(draw):
    """The size of an image, and polygons with holes and self-intersections, in quarters of a pixel."""
    size = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    point = st.tuples(st.integers(-20, 110), st.integers(-20, 110))
    ring = st.lists(point, min_size=3, max_size=7)
    return size, draw(st.lists(st.lists(ring, min_size=1, max_size=3), max_size=5))


def edges_of(polygons, size):
    return Edges.of([[np.array(ring) / 4 for ring in rings] for rings in polygons], size[0])


@given(drawings(), st.integers(0, 2**32))
@example(((24, 24), [[[(2, 2), (2, 94), (94, 94), (94, 2)], [(30, 30), (30, 60), (60, 60), (60, 30)]]]), 0)
@example(((8, 8), [[[(2, 2), (2, 30), (30, 30)]], [[(2, 2), (30, 30), (30, 2)]]]), 0)
def test_counts_are_those_of_pixels_whose_centre_is_inside(case, seed):
    size, polygons = case
    starts, stops = boxes_in(size, np.random.default_rng(seed))
    found = count_inside(edges_of(polygons, size), size[1], starts, stops)
    assert found.tolist() == in_boxes(filled(polygons, size), starts, stops)


@given(drawings(), st.integers(0, 2**32))
def test_bands_and_parts_give_the_same_counts(case, seed):
    size, polygons = case
    starts, stops = boxes_in(size, np.random.default_rng(seed))
    whole = count_inside(edges_of(polygons, size), size[1], starts, stops)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scanlines, "MAX_CROSSINGS", 8)
        patched.setattr(scanlines, "MAX_BOXES", 7)
        assert np.array_equal(count_inside(edges_of(polygons, size), size[1], starts, stops), whole)


@given(st.lists(st.tuples(st.integers(-4, 100), st.integers(-4, 100)), min_size=4, max_size=4, unique=True))
def test_neighbours_share_no_pixel_and_leave_none_out(corners):
    a, b, c, d = corners
    size = (24, 24)
    box = np.array([[0, 0]]), np.array([size])
    halves = [count_inside(edges_of([[ring]], size), 24, *box)[0] for ring in ([a, b, c], [a, c, d])]
    both = count_inside(edges_of([[[a, b, c]], [[a, c, d]]], size), 24, *box)[0]
    if _convex(corners):
        assert sum(halves) == both


def _convex(corners):
    """Whether four corners go around a convex shape, so that its halves do not overlap."""
    points = np.array(corners)
    ahead, on = np.roll(points, -1, 0) - points, np.roll(points, -2, 0) - np.roll(points, -1, 0)
    turns = np.sign(ahead[:, 0] * on[:, 1] - ahead[:, 1] * on[:, 0])
    return abs(turns.sum()) == 4


@pytest.fixture
def image(tmp_path):
    """Open an image of 60 x 80 pixels, or of another shape."""

    def make(shape=(60, 80), name="a.tif", **metadata):
        tifffile.imwrite(tmp_path / name, np.zeros(shape, np.uint8), photometric="minisblack", metadata=metadata)
        return open_image(tmp_path / name, ndim=None if "axes" in metadata else 2)

    return make


def opened(sources, base, **section) -> RegionTest:
    return open_regions(sources, RegionsConfig(**section), base=Path(base))


def specs_of(coords, patch, data_idx=0, sample_idx=0):
    coords = np.array(coords)
    n = len(coords)
    return SpecTable(np.full(n, data_idx), np.full(n, sample_idx), coords, np.broadcast_to(patch, coords.shape))


@pytest.mark.parametrize(("keep", "kept"), [("inside", 1), ("covered", 3), ("touching", 4)])
def test_patches_inside_covered_and_touching(image, tmp_path, keep, kept):
    test = opened([image()], tmp_path, boxes=[[10, 10, 20, 20]], keep=keep)
    # in it, just half of it in it, a row more than half, one pixel of it, none
    specs = specs_of([[10, 10], [10, 15], [16, 10], [19, 19], [10, 20]], (10, 10))
    if keep == "covered":
        specs = specs_of([[10, 10], [10, 15], [14, 10], [16, 10], [10, 20]], (10, 10))
    assert test.keeps(specs).sum() == kept
    assert test.touches(specs).sum() == 4


@pytest.mark.parametrize("size", [30, 50, 90])
def test_the_share_is_the_number_as_written(image, tmp_path, size):
    test = opened([image((100, 100))], tmp_path, boxes=[[0, 0, 1, size // 10]], coverage=0.1)
    assert test.keeps(specs_of([[0, 0]], (1, size))).all()


def test_of_a_patch_that_hangs_over_only_pixels_in_the_image_count(image, tmp_path):
    test = opened([image()], tmp_path, boxes=[[50, 70, 60, 80]], keep="inside")
    assert test.keeps(specs_of([[50, 70]], (64, 64))).all()
    assert test.fraction(0, 0) == 100 / 4800


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans())
def test_masks_of_any_resolution_are_counted_exactly(tmp_path_factory, seed, factor, volume):
    folder = tmp_path_factory.mktemp("masks")
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(4, 40, 3 if volume else 2).tolist())
    axes = "ZYX"[-len(size) :]
    small = tuple(-(-n // factor) for n in size)
    mask = rng.integers(0, 3, small).astype(np.uint8)
    for name, pixels in (("a.tif", np.zeros(size, np.uint8)), ("m.tif", mask)):
        tifffile.imwrite(folder / name, pixels, photometric="minisblack", metadata={"axes": axes})
    source = open_image(folder / "a.tif", ndim=len(size))
    where = np.ix_(*[np.arange(n) * m // n for n, m in zip(size, small, strict=True)])
    starts, stops = boxes_in(size, rng)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(region_module, "MAX_PIXELS", 1 << 5)
        counts = opened([source], folder, mask="m.tif").regions[0].counts(0, starts, stops)
    assert counts.tolist() == in_boxes(mask[where] > 0, starts, stops)


def test_any_channel_of_a_mask_will_do_and_nan_is_out(image, tmp_path):
    source = image((4, 4))
    mask = np.zeros((2, 4, 4), np.float32)
    mask[1, 0], mask[0, 1] = 1, np.nan
    tifffile.imwrite(tmp_path / "m.tif", mask, photometric="minisblack", metadata={"axes": "CYX"})
    test = opened([source], tmp_path, mask="m.tif", keep="touching")
    assert test.keeps(specs_of([[row, 0] for row in range(4)], (1, 1))).tolist() == [True, False, False, False]


def test_a_mask_of_one_sample_is_for_all_and_of_several_each_for_its_own(image, tmp_path):
    source = image((2, 8, 8), axes="TYX")
    masks = np.zeros((2, 8, 8), np.uint8)
    masks[1] = 1
    for name, pixels, axes in (("one.tif", masks[1], "YX"), ("two.tif", masks, "TYX")):
        tifffile.imwrite(tmp_path / name, pixels, photometric="minisblack", metadata={"axes": axes})
    specs = [specs_of([[0, 0]], (8, 8), sample_idx=sample) for sample in (0, 1)]
    found = [
        [bool(opened([source], tmp_path, mask=f"{name}.tif").keeps(spec)[0]) for spec in specs]
        for name in ("one", "two")
    ]
    assert found == [[True, True], [False, True]]


def geojson(path, *geometries):
    features = [{"type": "Feature", "geometry": geometry, "properties": {}} for geometry in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def polygon(plane=None):
    return {"type": "Polygon", "coordinates": SQUARE} | ({} if plane is None else {"plane": plane})


def test_a_plane_of_qupath_holds_for_its_slice_only(image, tmp_path):
    volume = image((3, 12, 12), axes="ZYX")
    flat = image((3, 12, 12), "b.tif", axes="TYX")
    specs = [[z, 2, 2] for z in range(3)]
    geojson(tmp_path / "z.geojson", polygon({"c": -1, "z": 1, "t": 0}))
    geojson(tmp_path / "t.geojson", polygon({"c": -1, "z": 0, "t": 1}))
    geojson(tmp_path / "all.geojson", polygon())
    by_slice = opened([volume], tmp_path, geojson="z.geojson").keeps(specs_of(specs, (1, 8, 8)))
    of_all = opened([volume], tmp_path, geojson="all.geojson").keeps(specs_of(specs, (1, 8, 8)))
    in_time = opened([flat], tmp_path, geojson="t.geojson")
    by_time = [bool(in_time.keeps(specs_of([[2, 2]], (8, 8), sample_idx=t))[0]) for t in range(3)]
    assert by_slice.tolist() == by_time == [False, True, False]
    assert of_all.all()
    assert opened([volume], tmp_path, geojson="z.geojson").fraction(0, 0) == pytest.approx(64 / 3 / 144)


def test_z_as_samples_has_its_slices_by_plane(tmp_path, image):
    image((3, 12, 12), axes="ZYX")
    source = open_image(tmp_path / "a.tif", z_as_samples=True)
    geojson(tmp_path / "z.geojson", polygon({"z": 2}))
    test = opened([source], tmp_path, geojson="z.geojson")
    assert [test.fraction(0, z) > 0 for z in range(3)] == [False, False, True]


def test_boxes_of_volumes_have_six_numbers(image, tmp_path):
    test = opened([image((4, 12, 12), axes="ZYX")], tmp_path, boxes=[[1, 0, 0, 3, 6, 6]], keep="inside")
    specs = specs_of([[0, 0, 0], [1, 0, 0], [2, 0, 0]], (2, 6, 6))
    assert test.keeps(specs).tolist() == [False, True, False]


def test_boxes_that_do_not_fit_are_refused(image, tmp_path):
    source = image()
    with pytest.raises(ConfigError, match=r"has 6 numbers, but image .*a.tif is 2-D; allowed: 4, Y X"):
        opened([source], tmp_path, boxes=[[0, 0, 0, 1, 1, 1]])
    with pytest.raises(ImageError, match=r"boxes: all regions lie outside .* Y 90 to 99, X 0 to 9, the image 60 x 80"):
        opened([source], tmp_path, boxes=[[90, 0, 99, 9]])
    with pytest.raises(ConfigError, match=r"boxes: there is no image 'x.tif'; allowed: a.tif"):
        opened([source], tmp_path, boxes={"x.tif": [[0, 0, 1, 1]]})
    with pytest.raises(ConfigError, match=r"boxes: image 'b.tif' has none"):
        opened([source, image(name="b.tif")], tmp_path, boxes={"a.tif": [[0, 0, 1, 1]]})


def test_a_mask_of_another_shape_is_refused_with_both_shapes(image, tmp_path):
    image((30, 30), "m.tif")
    with pytest.raises(
        ImageError, match=r"m.tif does not fit image .*a.tif: Y X is 30 x 30, that of the image 60 x 80"
    ):
        opened([image()], tmp_path, mask="m.tif")


def test_an_image_with_too_many_pixels_is_refused():
    with pytest.raises(ShapeError, match="image 0: has more than 2\\*\\*62 pixels"):
        RegionTest([], [(1, 1, 2**40, 2**40)])

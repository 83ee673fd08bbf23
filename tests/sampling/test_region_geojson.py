"""Polygons from GeoJSON files, good and bad."""

import json

import numpy as np
import pytest
import tifffile

from patchplan.errors import ImageError
from patchplan.images import open_image
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.sampling.regions import geojson as geojson_module
from patchplan.sampling.regions import open_regions
from patchplan.sampling.regions.geojson import read_geojson

RING = [[1, 2], [9, 2], [9, 8], [1, 8], [1, 2]]
HOLE = [[3, 4], [5, 4], [5, 6], [3, 6], [3, 4]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}
FEATURE = {"type": "Feature", "geometry": POLYGON, "properties": {}}


def classified(classification):
    return FEATURE | {"properties": {"objectType": "annotation", "classification": classification}}


@pytest.fixture
def read(tmp_path):
    """Write a document, text or bytes to a file and read it."""

    def read(document, classification=None):
        path = tmp_path / "a.geojson"
        if isinstance(document, bytes):
            path.write_bytes(document)
        else:
            path.write_text(document if isinstance(document, str) else json.dumps(document))
        return read_geojson(path, classification)

    return read


@pytest.fixture
def sources(tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((20, 30), np.uint8))
    return [open_image(tmp_path / name) for name in ("a.tif", "b.tif")]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"type": "FeatureCollection", "features": [FEATURE]}, id="collection"),
        pytest.param(FEATURE, id="feature"),
        pytest.param([FEATURE], id="list"),
        pytest.param(POLYGON, id="geometry"),
        pytest.param({"type": "MultiPolygon", "coordinates": [[RING]]}, id="multi"),
        pytest.param({"type": "Polygon", "coordinates": [RING[:-1]]}, id="not closed"),
        pytest.param({"type": "Polygon", "coordinates": [[[*point, 7] for point in RING]]}, id="with altitude"),
    ],
)
def test_all_kinds_of_documents_are_read(read, document):
    outlines = read(document).outlines
    assert [ring.tolist() for outline in outlines for ring in outline.rings] == [[[2, 1], [2, 9], [8, 9], [8, 1]]]


def test_holes_are_rings_of_their_polygon_and_parts_are_polygons(read):
    assert len(read({"type": "Polygon", "coordinates": [RING, HOLE]}).outlines[0].rings) == 2
    assert len(read({"type": "MultiPolygon", "coordinates": [[RING], [HOLE]]}).outlines) == 2


@pytest.mark.parametrize(
    "classification",
    [{"name": "Tumor", "color": [200, 0, 0]}, {"names": ["Tumor"]}, "Tumor"],
    ids=["name", "names", "text"],
)
def test_features_of_a_class_are_chosen(read, classification):
    document = [classified(classification), classified({"name": "Stroma"}), FEATURE]
    found = read(document, ("Tumor",))
    assert len(found.outlines) == 1
    assert found.classes == {"Tumor": 1, "Stroma": 1, "": 1}
    assert len(read(document).outlines) == 3


def test_points_and_lines_are_left_out_and_counted(read):
    document = [FEATURE, FEATURE | {"geometry": {"type": "Point", "coordinates": [1, 2]}}, FEATURE | {"geometry": None}]
    found = read(document)
    assert (len(found.outlines), found.without_area) == (1, 1)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param("{", "is no JSON", id="torn"),
        pytest.param(b"\xff\xfe\x00", "is no JSON", id="binary"),
        pytest.param("[" * 100_000, "is nested too deeply", id="nested"),
        pytest.param("3", "found 3; allowed: GeoJSON features", id="number"),
        pytest.param({"type": "FeatureCollection"}, "found nothing; allowed: GeoJSON features", id="no features"),
        pytest.param([FEATURE, POLYGON], "feature 1: found .*; allowed: an object of type Feature", id="mixed"),
        pytest.param([FEATURE, 4], "feature 1: found 4; allowed: an object", id="no object"),
        pytest.param([FEATURE | {"geometry": {"type": "Circle"}}], "feature 0: found geometry 'Circle'", id="circle"),
        pytest.param([FEATURE | {"geometry": 5}], "feature 0: found geometry nothing", id="geometry is a number"),
        pytest.param(POLYGON | {"coordinates": 5}, "found coordinates 5; allowed: a list", id="no coordinates"),
        pytest.param(POLYGON | {"coordinates": [[]]}, "found ring", id="empty ring"),
        pytest.param(POLYGON | {"coordinates": [RING[:2]]}, "a ring of 2 points; allowed are at least 3", id="line"),
        pytest.param(POLYGON | {"coordinates": [[[1, 2]] * 2]}, "a ring of 1 points", id="point"),
        pytest.param(POLYGON | {"coordinates": [[[1, 2], [3], [4, 5]]]}, "found ring", id="ragged"),
        pytest.param(POLYGON | {"coordinates": [[["1", "2"]] * 4]}, "found ring", id="text"),
        pytest.param(POLYGON | {"coordinates": [7]}, "found ring 7; allowed: a list of points", id="ring is a number"),
        pytest.param({"type": "MultiPolygon", "coordinates": [[]]}, "found polygon", id="no rings"),
        pytest.param('{"type": "Polygon", "coordinates": [[[0, NaN]]]}', "found NaN; allowed: finite", id="NaN"),
        pytest.param(POLYGON | {"coordinates": [[[0, 10**17], *RING]]}, "beyond 2\\*\\*53", id="too large"),
        pytest.param('{"type": "Polygon", "coordinates": [[[0, 1e999], [0, 1], [1, 1]]]}', "infinite", id="infinite"),
        pytest.param(POLYGON | {"plane": {"z": 1.5}}, "found plane .*; allowed: whole numbers", id="half a slice"),
    ],
)
def test_what_is_broken_is_refused_by_file_and_feature(read, document, problem):
    with pytest.raises(ImageError, match=rf"a\.geojson: .*{problem}"):
        read(document)


def test_a_file_that_is_too_large_is_refused_unread(read, monkeypatch):
    monkeypatch.setattr(geojson_module, "MAX_BYTES", 10)
    with pytest.raises(ImageError, match=r"has [0-9]+ bytes; allowed are GeoJSON files of up to 10"):
        read(FEATURE)


def opened(sources, folder, **section):
    return open_regions(sources, RegionsConfig(geojson="{stem}.geojson", **section), base=folder)


def test_an_image_without_polygons_has_no_region_and_is_told_of(sources, tmp_path):
    (tmp_path / "a.geojson").write_text(json.dumps([FEATURE, FEATURE | {"geometry": {"type": "Point"}}]))
    (tmp_path / "b.geojson").write_text("[]")
    test = opened(sources, tmp_path)
    assert [test.n_pixels(image, 0) for image in (0, 1)] == [48, 0]
    assert [note.split(": ", 1)[1] for note in test.notes] == [
        "1 points and lines have no area and are left out",
        f"no polygons, so image {sources[1].uri} has no region",
    ]


def test_a_class_that_no_file_has_is_refused_naming_those_there(sources, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.geojson").write_text(json.dumps([classified({"name": "Tumor"})]))
    with pytest.raises(ImageError, match=r"no polygons classified as tumour for any image; classes found: Tumor \(2\)"):
        opened(sources, tmp_path, classification="tumour")
    for name in "ab":
        (tmp_path / f"{name}.geojson").write_text("[]")
    with pytest.raises(ImageError, match="there are no polygons for any image; no file has any"):
        opened(sources, tmp_path)


def test_polygons_are_cut_at_the_edge_and_refused_where_all_lie_outside(sources, tmp_path):
    cut = [[[25, 15], [40, 15], [40, 40], [25, 40]]]
    for name in "ab":
        (tmp_path / f"{name}.geojson").write_text(json.dumps(POLYGON | {"coordinates": cut}))
    assert opened(sources, tmp_path).n_pixels(0, 0) == 25
    outside = [[[500, 15], [600, 15], [600, 40], [500, 40]]]
    (tmp_path / "b.geojson").write_text(json.dumps(POLYGON | {"coordinates": outside}))
    with pytest.raises(ImageError, match=r"b.geojson: all regions lie outside .*b.tif: .* X 500 to 600, the image"):
        opened(sources, tmp_path)


def test_a_missing_file_is_named_with_what_is_there(sources, tmp_path):
    (tmp_path / "a.geojson").write_text(json.dumps(FEATURE))
    with pytest.raises(ImageError, match=r"b.tif has no regions.geojson: no file .*b.geojson; .* has a.geojson"):
        opened(sources, tmp_path)

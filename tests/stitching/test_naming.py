"""Names of outputs in one folder."""

import posixpath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patchplan.stitching.naming import output_names

PART = st.one_of(
    st.sampled_from(
        ["a", "A", "a.tif", "a.ome.tif", "a.png", "s.zarr", "s.ome.zarr", "0", "..", ".", ".hidden", "a.zip"]
    ),
    st.text(min_size=1, max_size=6),
)
URI = st.builds(
    lambda start, parts: start + "/".join(parts),
    st.sampled_from(["", "/", "../", "C:/", "//"]),
    st.lists(PART, max_size=4),
)
KIND = st.sampled_from(["ome-zarr", "ome-tiff", "npy"])


@given(st.lists(st.tuples(URI, st.none() | st.just("A/1/0")), min_size=1, max_size=6), KIND)
@example([("a.tif", None), ("a.ome.zarr.ome.zarr/b.tif", None)], "ome-zarr")
@example([("p.zip", None), ("p.zip", None), ("p-1.tif", None)], "npy")
def test_names_differ_stay_in_the_folder_and_hold_no_other(images, kind):
    names = output_names([uri for uri, _ in images], kind, [array for _, array in images])
    folded = [name.casefold() for name in names]
    assert len(set(folded)) == len(images)
    for name in names:
        assert not name.startswith("/")
        assert posixpath.normpath(name) == name
        assert ".." not in name.split("/")
        assert not any(part.startswith(".") for part in name.split("/"))
        assert not any(other.startswith(f"{name.casefold()}/") for other in folded)
        assert not set(name) & set("\\\0\n:")
        assert name.endswith({"ome-zarr": ".ome.zarr", "ome-tiff": ".ome.tif", "npy": ".npy"}[kind])


@given(st.lists(URI, min_size=1, max_size=6), KIND)
def test_names_are_the_same_for_the_same_images(uris, kind):
    assert output_names(uris, kind) == output_names(uris, kind)


@pytest.mark.parametrize(
    ("uris", "names"),
    [
        pytest.param(["d/a.ome.tiff"], ["a.ome.zarr"], id="one image"),
        pytest.param(["/d/1/a.tif", "/d/2/a.tif"], ["1/a.ome.zarr", "2/a.ome.zarr"], id="folders are kept"),
        pytest.param(["../x/a.tif", "b/c.tif"], ["x/a.ome.zarr", "b/c.ome.zarr"], id="out of the plan's folder"),
        pytest.param(["d/a.tif", "d/a.png", "d/b.tif"], ["a.tif.ome.zarr", "a.png.ome.zarr", "b.ome.zarr"], id="stems"),
        pytest.param(["x.zarr/0", "y.zarr/0"], ["x/0.ome.zarr", "y/0.ome.zarr"], id="arrays called 0 in two stores"),
        pytest.param(["d/x.zarr/0", "d/x.zarr/1"], ["x/0.ome.zarr", "x/1.ome.zarr"], id="arrays of one store"),
        pytest.param(["d/p.zarr/A/1/0", "d/p.zarr/A/2/0"], ["p/A/1/0.ome.zarr", "p/A/2/0.ome.zarr"], id="plate"),
        pytest.param(["d/scan.v1.2"], ["scan.v1.2.ome.zarr"], id="dots that are no suffix"),
        pytest.param(["d/A.tif", "d/a.tif"], ["A-0.ome.zarr", "a-1.ome.zarr"], id="case does not count"),
    ],
)
def test_names(uris, names):
    assert output_names(uris, "ome-zarr") == names


def test_images_of_one_zip_file_are_called_by_their_arrays():
    assert output_names(["p.zip", "p.zip", "q.tif"], "npy", ["A/1/0", "A/2/0", None]) == [
        "p.zip/A/1/0.npy",
        "p.zip/A/2/0.npy",
        "q.npy",
    ]

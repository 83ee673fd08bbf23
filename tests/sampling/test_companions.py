"""Which file belongs to which image, and whether it fits."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from patchplan.errors import ConfigError, ImageError
from patchplan.images import open_image
from patchplan.images.companions import companion_paths, companion_sample, open_companions


@pytest.fixture
def write(tmp_path):
    """Write an image and return its path."""

    def write(name, shape=(20, 30), **metadata):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, np.zeros(shape, np.uint8))
        else:
            tifffile.imwrite(path, np.zeros(shape, np.uint8), photometric="minisblack", metadata=metadata)
        return path

    return write


def paths_of(sources, given, base):
    found = companion_paths(sources, given, base=base, what="masks")
    return [Path(str(path)).relative_to(base).as_posix() for path in found]


@pytest.mark.parametrize(
    "given",
    [
        "m/{stem}.tif",
        "m",
        ["m/a.tif", "m/b.tif"],
        {"b.tif": "m/b.tif", "a.ome.tif": "m/a.tif"},
    ],
    ids=["pattern", "folder", "list", "by name"],
)
def test_companions_are_found_in_the_order_of_the_images(write, tmp_path, given):
    sources = [open_image(write(name)) for name in ("a.ome.tif", "b.tif")]
    write("m/a.tif")
    write("m/b.tif")
    found = companion_paths(sources, given, base=tmp_path, what="masks")
    assert [path.name for path in found] == ["a.tif", "b.tif"]
    assert all(path.exists() for path in found)


def test_the_whole_name_goes_before_the_name_without_ome(write, tmp_path):
    source = open_image(write("a.ome.tif"))
    write("m/a.tif")
    write("m/a.ome.tif")
    assert paths_of([source], "m/{stem}.tif", tmp_path) == ["m/a.ome.tif"]
    assert paths_of([source], "m/{name}", tmp_path) == ["m/a.ome.tif"]


def test_one_path_is_enough_for_one_image(write, tmp_path):
    sources = [open_image(write(name)) for name in ("a.tif", "b.tif")]
    write("roi.tif")
    assert paths_of(sources[:1], "roi.tif", tmp_path) == ["roi.tif"]
    with pytest.raises(ConfigError, match=r"masks: found one path 'roi.tif' for 2 images; allowed: .*\{stem\}"):
        paths_of(sources, "roi.tif", tmp_path)


def test_in_the_folder_of_the_images_they_are_not_their_own_companions(write, tmp_path):
    source = open_image(write("a.tif"))
    (tmp_path / "a.geojson").write_text("{}")
    assert paths_of([source], ".", tmp_path) == ["a.geojson"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param("m/{stam}.tif", r"found \{stam\} in 'm/\{stam\}.tif'; allowed: \{stem\} and \{name\}", id="field"),
        pytest.param(["m/a.tif"], "masks: found 1 paths; allowed: 2, one per image", id="too few"),
        pytest.param({"a.tif": "m/a.tif"}, r"masks: image .*b.tif has none; give one for 'b.tif'", id="one lacks"),
        pytest.param({"c.tif": "m/a.tif"}, r"masks: there is no image 'c.tif'; allowed: a.tif, b.tif", id="unknown"),
    ],
)
def test_what_does_not_name_one_per_image_is_refused(write, tmp_path, given, problem):
    sources = [open_image(write(name)) for name in ("a.tif", "b.tif")]
    write("m/a.tif")
    with pytest.raises(ConfigError, match=problem):
        paths_of(sources, given, tmp_path)


def test_a_missing_companion_is_named_with_what_is_there(write, tmp_path):
    source = open_image(write("a.tif"))
    write("m/b.tif")
    with pytest.raises(ImageError, match=r"image .*a.tif has no masks: no file .*m/a.png; .*m has b.tif"):
        paths_of([source], "m/{stem}.png", tmp_path)
    with pytest.raises(ImageError, match=r"image .*a.tif has no masks: no file a\.\*; .*m has b.tif"):
        paths_of([source], "m", tmp_path)
    with pytest.raises(ImageError, match=r"there is no folder .*n"):
        paths_of([source], "n/{stem}.png", tmp_path)


def test_several_files_of_one_stem_are_refused(write, tmp_path):
    source = open_image(write("a.tif"))
    write("m/a.tif")
    write("m/a.npy")
    with pytest.raises(ImageError, match=r"has several masks: a.npy, a.tif; give a path with \{stem\} and a suffix"):
        paths_of([source], "m", tmp_path)


def test_images_of_one_name_do_not_share_a_companion_unless_a_list_says_so(write, tmp_path):
    sources = [open_image(write(f"{day}/a.tif")) for day in ("day1", "day2")]
    write("m/a.tif")
    with pytest.raises(ConfigError, match=r"day1/a.tif and .*day2/a.tif would both have .*m/a.tif; give a list"):
        paths_of(sources, "m/{stem}.tif", tmp_path)
    assert paths_of(sources, ["m/a.tif", "m/a.tif"], tmp_path) == ["m/a.tif"] * 2


@pytest.mark.parametrize(
    ("image", "mask", "shape"),
    [
        pytest.param(("YX", (20, 30)), ("YX", (10, 15)), (1, 1, 10, 15), id="half"),
        pytest.param(("YXS", (20, 30, 3)), ("YX", (20, 30)), (1, 1, 20, 30), id="of a colour image"),
        pytest.param(("TYX", (4, 20, 30)), ("YX", (20, 30)), (1, 1, 20, 30), id="one for all samples"),
        pytest.param(("TYX", (4, 20, 30)), ("TYX", (4, 20, 30)), (4, 1, 20, 30), id="one per sample"),
        pytest.param(("ZYX", (4, 20, 30)), ("ZYX", (4, 10, 15)), (1, 1, 4, 10, 15), id="volume"),
        pytest.param(("ZYX", (4, 20, 30)), (None, (4, 20, 30)), (1, 1, 4, 20, 30), id="axes not named"),
        pytest.param(("ZCYX", (4, 2, 20, 30)), (None, (4, 20, 30)), (1, 1, 4, 20, 30), id="not named, no channels"),
    ],
)
def test_companions_get_the_axes_of_their_image(write, tmp_path, image, mask, shape):
    (axes, size), (mask_axes, mask_size) = image, mask
    source = open_image(write("a.tif", size, axes=axes))
    write("m.tif" if mask_axes else "m.npy", mask_size, **({"axes": mask_axes} if mask_axes else {}))
    found = open_companions([source], "m.tif" if mask_axes else "m.npy", base=tmp_path, what="masks")[0]
    assert found.data_shape == shape
    n_samples = source.data_shape[0]
    assert [companion_sample(found, sample) for sample in range(n_samples)] == [*range(shape[0])] + [0] * (
        n_samples - shape[0]
    )


def test_slices_as_samples_have_slices_of_their_companion(write, tmp_path):
    write("a.tif", (4, 20, 30), axes="ZYX")
    write("m.tif", (4, 10, 15), axes="ZYX")
    source = open_image(tmp_path / "a.tif", z_as_samples=True)
    assert open_companions([source], "m.tif", base=tmp_path, what="masks")[0].data_shape == (4, 1, 10, 15)


def test_a_companion_that_does_not_fit_is_refused_with_both_shapes(write, tmp_path):
    source = open_image(write("a.tif", (4, 20, 30), axes="TYX"))
    write("m.tif", (3, 20, 30), axes="TYX")
    write("n.tif", (40, 60))
    with pytest.raises(ImageError, match=r"masks .*m.tif does not fit image .*a.tif: it has 3 samples, the image 4"):
        open_companions([source], "m.tif", base=tmp_path, what="masks")
    with pytest.raises(ImageError, match=r"n.tif does not fit image .*: Y X is 40 x 60, that of the image 20 x 30"):
        open_companions([source], "n.tif", base=tmp_path, what="masks")


def test_a_companion_that_is_no_image_is_refused(write, tmp_path):
    source = open_image(write("a.tif"))
    (tmp_path / "m.tif").write_bytes(b"no image at all")
    with pytest.raises(ImageError, match=r"m.tif: "):
        open_companions([source], "m.tif", base=tmp_path, what="masks")

"""An image at a URL is the image that it is on a disk, and a read fetches little else."""

import time
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.errors import ConfigError, ImageError
from patchplan.images import open_all
from patchplan.objects import ObjectPath, location
from tests.remote.making import IMAGES, SHAPE, put
from tests.remote_out.faulty import proxy


def without_place(source: patchplan.ImageSource) -> dict[str, object]:
    """What is known of an image but where it is, and what only a listing tells."""
    return {name: value for name, value in vars(source.info).items() if name not in ("uri", "notes")}


@pytest.mark.parametrize("store", ["s3", "http"])
@pytest.mark.parametrize("name", IMAGES)
def test_an_image_at_a_url_has_the_same_description_and_pixels(images, there, web, name, store):
    url = f"{there}/{name}" if store == "s3" else f"{web}/{name}"
    with patchplan.open_image(images / name) as here, patchplan.open_image(url) as source:
        assert without_place(source) == without_place(here)
        assert source.uri == url
        for coords, size in [((0, 0), SHAPE), ((70, 33), (64, 64)), ((-5, 180), (30, 30)), ((149, 189), (1, 1))]:
            np.testing.assert_array_equal(source.read(0, coords, size), here.read(0, coords, size))
        source.check_unchanged()


@settings(max_examples=8)
@given(data=st.data())
def test_any_region_of_any_kind_is_the_same(images, there, data):
    name = data.draw(st.sampled_from(IMAGES))
    start = tuple(data.draw(st.integers(0, n - 1)) for n in SHAPE)
    size = tuple(data.draw(st.integers(1, 80)) for _ in SHAPE)
    with patchplan.open_image(images / name) as here, patchplan.open_image(str(there / name)) as source:
        np.testing.assert_array_equal(source.read(0, start, size), here.read(0, start, size))


@pytest.mark.parametrize(
    ("name", "opening", "reading"),
    [
        ("image.npy", 1, 2),
        ("plain.zarr", 6, 5),
        ("sharded.zarr", 6, 7),
        ("image.ome.zarr", 9, 10),
        ("tiled.tif", 1, 3),
        ("raw.tif", 1, 2),
    ],
)
def test_a_region_costs_few_requests(there, endpoint, monkeypatch, name, opening, reading):
    """Opening reads documents and headers; a region of 40 x 40 touches up to 4 chunks, and its headers once more."""
    with proxy(endpoint, 0) as (url, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with patchplan.open_image(str(there / name)) as source:
            assert sum(seen.counts.values()) <= opening, seen.requests
            seen.counts.clear()
            source.read(0, (50, 50), (40, 40))
            assert sum(seen.counts.values()) <= reading, seen.requests
            seen.counts.clear()
            source.read(0, (50, 50), (20, 20))
            assert sum(seen.counts.values()) <= 1, seen.requests


def test_a_prefix_is_a_folder_and_a_pattern_chooses(images, there):
    found = patchplan.inspect_images([str(there)], skip_broken=True).images
    here = patchplan.inspect_images([images], skip_broken=True).images
    assert [image.uri.removeprefix(f"{there}/") for image in found] == [
        image.uri.removeprefix(f"{images}/") for image in here
    ]
    tifs = patchplan.inspect_images([f"{there}/*.tif"]).images
    assert [location(image.uri).name for image in tifs] == ["raw.tif", "strips.tif", "tiled.tif"]


def test_names_that_look_like_patterns_are_names_where_they_are_there(images, bucket):
    for name in ("a[1].npy", "a1.npy", "b[2]/c?.npy"):
        (bucket / name).upload(images / "image.npy")
    put(images / "image.ome.zarr", bucket / "d[3]" / "image.ome.zarr")
    for asked, wanted in {
        "a[1].npy": ["a[1].npy"],
        "a[1]*": ["a1.npy"],
        "b[2]": ["b[2]/c?.npy"],
        "d[3]/image.ome.zarr": ["d[3]/image.ome.zarr"],
    }.items():
        found = patchplan.inspect_images([f"{bucket}/{asked}"]).images
        assert [one.uri for one in found] == [f"{bucket}/{name}" for name in wanted]


def test_a_stack_of_patches_below_a_prefix_is_no_image(images, tiles, bucket):
    put(tiles / "stack.zarr", bucket / "stack.zarr")
    (bucket / "image.npy").upload(images / "image.npy")
    found = patchplan.inspect_images([str(bucket)])
    assert [image.uri for image in found.images] == [f"{bucket}/image.npy"]
    assert found.skipped == (f"{bucket}/stack.zarr: is a stack of patches, not an image",)


def test_what_cannot_be_read_is_said_in_a_line(there, bucket, web, images):
    missing = [f"{bucket}/none.tif", f"{bucket}/none.zarr", f"{bucket}/none", "s3://no-such-bucket/a.npy"]
    for url in [*missing, f"{web}/none.tif", f"{web}/none.zarr"]:
        with pytest.raises(ImageError, match=f"^{url}: (cannot be opened: )?no such (object|file)"):
            patchplan.open_image(url)
    (bucket / "broken.tif").write_bytes(b"II*\0\x08\0\0\0\xff")
    with pytest.raises(ImageError, match=r"broken\.tif: is broken or not a TIFF file"):
        patchplan.open_image(f"{bucket}/broken.tif")
    with pytest.raises(ImageError, match="nobody can list what is on the web"):
        patchplan.inspect_images([f"{web}/"])
    with pytest.raises(ConfigError, match="found a URL of ftp://; allowed: s3://, gs://, https://"):
        patchplan.inspect_images(["ftp://host/a.tif"])


def test_a_file_that_changed_is_noticed(images, bucket):
    for name in ("image.npy", "tiled.tif"):
        (bucket / name).upload(images / name)
        with patchplan.open_image(f"{bucket}/{name}") as source:
            (bucket / name).write_bytes((images / name).read_bytes()[:-7])
            with pytest.raises(ImageError, match="has changed since it was opened"):
                source.check_unchanged()


def test_fields_of_a_plate_are_opened_at_once(tmp_path, bucket, monkeypatch):
    """A plate has thousands, and each is some requests that are waited for."""
    make_plate(tmp_path / "plate.zarr", wells=3, fields=4)
    put(tmp_path / "plate.zarr", bucket / "plate.zarr")
    (bucket / "plate.zarr" / "A/2/1/0/zarr.json").delete()
    (tmp_path / "plate.zarr" / "A/2/1/0/zarr.json").unlink()
    read, at_once, most = ObjectPath.read_bytes, Inside(), []

    def slow(path: ObjectPath, **options: Any) -> bytes:
        with at_once as now:
            most.append(now)
            time.sleep(0.02)
            return read(path, **options)

    monkeypatch.setattr(ObjectPath, "read_bytes", slow)
    here, there = (open_all([place], skip_broken=True) for place in (tmp_path / "plate.zarr", bucket / "plate.zarr"))
    assert max(most) >= 8
    assert [without_place(one) for one in there.sources] == [without_place(one) for one in here.sources]
    names = [str(error).replace(str(bucket), str(tmp_path)) for error in there.skipped]
    assert names == [str(error) for error in here.skipped]
    assert (len(here.sources), len(names)) == (11, 1)


def make_plate(path: Path, *, wells: int, fields: int) -> None:
    """Write a plate of small images."""
    plate: Any = zarr.open_group(path, mode="w", zarr_format=3)
    names = [f"A/{k}" for k in range(1, wells + 1)]
    plate.attrs["ome"] = {"version": "0.5", "plate": {"version": "0.5", "wells": [{"path": name} for name in names]}}
    scale = {"type": "scale", "scale": [1.0, 1.0]}
    levels = [{"path": "0", "coordinateTransformations": [scale]}]
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    for name in names:
        images = [{"path": str(k)} for k in range(fields)]
        plate.create_group(name).attrs["ome"] = {"version": "0.5", "well": {"images": images}}
        for k in range(fields):
            field = plate.create_group(f"{name}/{k}")
            field.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
            field.create_array("0", shape=(8, 9), chunks=(8, 9), dtype="u1")


class Inside:
    """How many threads are inside."""

    def __init__(self) -> None:
        self._lock, self._n = Lock(), 0

    def __enter__(self) -> int:
        with self._lock:
            self._n += 1
            return self._n

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n -= 1


def test_an_array_in_fortran_order_is_refused_before_it_is_planned(tmp_path, bucket):
    np.save(tmp_path / "f.npy", np.asfortranarray(np.zeros((5, 6), "u1")))
    (bucket / "f.npy").upload(tmp_path / "f.npy")
    with pytest.raises(ImageError, match=r"f\.npy: is in Fortran order, which is not read from object stores"):
        patchplan.open_image(str(bucket / "f.npy"))

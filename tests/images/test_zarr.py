"""Zarr and OME-Zarr stores, written here."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from patchplan.errors import ImageError
from patchplan.images import open_all, open_image, open_images
from tests.images.whole import check_regions, in_file_order


def _pixels(shape: tuple[int, ...] = (2, 3, 40, 50)) -> np.ndarray[Any, Any]:
    return np.random.default_rng(2).integers(1, 200, shape).astype("u2")


def write_image(path: Path, version: str = "0.5", *, levels: int = 2, **how: Any) -> np.ndarray[Any, Any]:
    """Write an OME-Zarr image with axes tcyx and return level 0."""
    pixels = _pixels()
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    zarr_format: Any = 3 if version == "0.5" else 2
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    datasets = []
    for level in range(levels):
        step = 2**level
        small = pixels[:, :, ::step, ::step]
        chunks = how.get("chunks", (1, 1, 16, 16))
        group.create_array(str(level), data=small, chunks=chunks, shards=how.get("shards"))
        scale = [{"type": "scale", "scale": [1, 1, 0.5 * step, 0.25 * step]}]
        datasets.append({"path": str(level), "coordinateTransformations": scale})
    images: dict[str, Any] = {"multiscales": [{"axes": axes, "datasets": datasets, "name": "a"}]}
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", **images}
    else:
        images["multiscales"][0]["version"] = version
        group.attrs.update(images)
    return pixels


def edit(path: Path, change: dict[str, Any]) -> None:
    """Change the attribute `ome` of a v3 group."""
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"].update(change)
    (path / "zarr.json").write_text(json.dumps(document))


STORES: dict[str, dict[str, Any]] = {
    "0.4": {"version": "0.4"},
    "0.5": {},
    "0.5, sharded": {"shards": (1, 1, 32, 32)},
    "chunk larger than the image": {"chunks": (2, 3, 64, 64)},
}


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_image_comes_back_by_region(name: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    pixels = write_image(path, **STORES[name])
    if zipped:
        path = Path(shutil.make_archive(str(path), "zip", path))
    source = open_image(path)
    assert (source.kind, source.axes, source.shape) == ("ome-zarr", "TCYX", (2, 3, 40, 50))
    assert source.pixel_size == (0.5, 0.25)
    assert source.info.pixel_unit == "micrometer"
    assert (source.info.array, source.info.level) == ("0", 0)
    assert source.info.levels == ((2, 3, 40, 50), (2, 3, 20, 25))
    assert source.chunks == STORES[name].get("chunks", (1, 1, 16, 16))
    assert source.shards == STORES[name].get("shards")
    assert source.info.notes == ()
    np.testing.assert_array_equal(in_file_order(source), pixels)
    check_regions(source)
    small = open_image(path, level=1)
    assert small.pixel_size == (1.0, 0.5)
    np.testing.assert_array_equal(in_file_order(small), pixels[:, :, ::2, ::2])
    np.testing.assert_array_equal(in_file_order(open_image(path, array="1")), pixels[:, :, ::2, ::2])
    with pytest.raises(ImageError, match="has no level 2; allowed are 0 to 1"):
        open_image(path, level=2)


def test_zip_of_a_folder_that_holds_the_store(tmp_path: Path) -> None:
    pixels = write_image(tmp_path / "a.zarr")
    path = Path(shutil.make_archive(str(tmp_path / "a.zarr"), "zip", tmp_path, "a.zarr"))
    np.testing.assert_array_equal(in_file_order(open_image(path)), pixels)


def test_zip_that_is_no_store(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "no")
    with pytest.raises(ImageError, match=r"is a zip file, but no Zarr store"):
        open_image(tmp_path / "a.zip")


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    path = tmp_path / "plate.zarr"
    wells = [{"path": "A/1"}, {"path": "A/2"}]
    plate: Any = {"version": "0.5", "plate": {"version": "0.5", "wells": wells}}
    zarr.open_group(path, mode="w", zarr_format=3).attrs["ome"] = plate
    for well in ("A/1", "A/2"):
        images: Any = {"version": "0.5", "well": {"images": [{"path": "0"}, {"path": "1"}]}}
        zarr.open_group(path / well, mode="w", zarr_format=3).attrs["ome"] = images
        for field in "01":
            write_image(path / well / field)
    return path


def test_plate_is_a_collection_of_its_fields(plate: Path) -> None:
    fields = ["A/1/0", "A/1/1", "A/2/0", "A/2/1"]
    assert [source.uri for source in open_images(plate)] == [str(plate / field) for field in fields]
    assert [source.uri for source in open_images(plate / "A/2")] == [str(plate / field) for field in fields[2:]]
    with pytest.raises(ImageError, match=r"is a collection of 4 images; open one of .*A/1/0, .*A/2/1"):
        open_image(plate)
    assert open_image(plate, array="A/2/1/0").info.array == "A/2/1/0"
    found = open_all([plate / "A/1/1", plate])
    assert [source.uri for source in found.sources] == [str(plate / f) for f in (fields[1], *fields[:1], *fields[2:])]


def test_plate_in_a_zip(plate: Path) -> None:
    path = Path(shutil.make_archive(str(plate), "zip", plate))
    sources = open_images(path)
    assert {source.uri for source in sources} == {str(path)}
    assert [source.info.array for source in sources] == ["A/1/0/0", "A/1/1/0", "A/2/0/0", "A/2/1/0"]
    again = open_image(path, array="A/2/0/0")
    assert again.pixel_size == (0.5, 0.25)
    np.testing.assert_array_equal(in_file_order(again), _pixels())


def test_bioformats2raw_collection_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "b.zarr"
    layout: Any = {"version": "0.5", "bioformats2raw.layout": 3}
    zarr.open_group(path, mode="w", zarr_format=3).attrs["ome"] = layout
    for number in "01":
        write_image(path / number)
    assert [Path(source.uri).name for source in open_images(path)] == ["0", "1"]
    zarr.open_group(path / "OME", mode="w", zarr_format=3).attrs["ome"] = {"series": ["1", "0"]}
    assert [Path(source.uri).name for source in open_images(path)] == ["1", "0"]
    labels = path / "0" / "labels"
    zarr.open_group(labels, mode="w", zarr_format=3).attrs["ome"] = {"version": "0.5", "labels": ["nuclei"]}
    write_image(labels / "nuclei")
    assert [source.uri for source in open_images(labels)] == [str(labels / "nuclei")]
    with pytest.raises(ImageError, match=r"is a collection of 1 images; open one of .*nuclei"):
        open_image(labels)
    assert open_image(labels / "nuclei").shape == (2, 3, 40, 50)


def test_plain_arrays_and_groups(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=3)
    group.create_array("raw/plane", data=_pixels((40, 50)))
    group.create_array("stack", data=_pixels((3, 40, 50)), dimension_names=["Channel", "Y", "x"])
    group.create_array("unnamed", data=_pixels((3, 40, 50)))
    with pytest.raises(ImageError, match=r"plain Zarr group .*--array, are raw/plane, stack, unnamed"):
        open_image(tmp_path / "g.zarr")
    assert open_image(tmp_path / "g.zarr", array="raw/plane").axes == "YX"
    assert open_image(tmp_path / "g.zarr", array="stack").axes == "CYX"
    assert open_image(tmp_path / "g.zarr" / "stack").info.array is None
    with pytest.raises(ImageError, match=r"shape \(3, 40, 50\) and no names of its axes; say .* --axes ZYX"):
        open_image(tmp_path / "g.zarr", array="unnamed")
    assert open_image(tmp_path / "g.zarr", array="unnamed", axes="ZYX").data_shape == (1, 1, 3, 40, 50)
    with pytest.raises(ImageError, match=r"--array nope: no array is there; its arrays"):
        open_image(tmp_path / "g.zarr", array="nope")
    with pytest.raises(ImageError, match=r"leads out of the store"):
        open_image(tmp_path / "g.zarr", array="../other")


def _multiscales(**entry: Any) -> dict[str, Any]:
    axes = [{"name": a} for a in "tcyx"]
    return {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}], **entry}]}


METADATA: dict[str, tuple[dict[str, Any], str]] = {
    "a path out of the store": (_multiscales(datasets=[{"path": "../x"}]), r"'\.\./x' in the metadata leads out"),
    "an absolute path": (_multiscales(datasets=[{"path": "/etc"}]), r"'/etc' in the metadata leads out"),
    "no path": (_multiscales(datasets=[{}]), r"is no path"),
    "no datasets": (_multiscales(datasets=[]), r"must list datasets with paths"),
    "an array not there": (_multiscales(datasets=[{"path": "9"}]), r"level 0, the array '9', is not there"),
    "an axis twice": (_multiscales(axes=[{"name": a} for a in "tyyx"]), r"axes t, y, y, x name one twice"),
    "an axis twice in two cases": (_multiscales(axes=[{"name": a} for a in "tyYx"]), r"have Y twice"),
    "too few axes": (_multiscales(axes=[{"name": a} for a in "cyx"]), r"axes CYX are 3, the array .* \(2, 3, 40, 50\)"),
    "no x": (_multiscales(axes=[{"name": a} for a in "tcyz"]), r"axes TCYZ must have X exactly once"),
    "a future version": ({"version": "0.6.dev2"}, r"version 0\.6\.dev2 is unsupported; supported are 0\.1"),
    "multiscales of another kind": ({"multiscales": {}}, r"multiscales must be a list"),
    "axes of another kind": (_multiscales(axes=7), r"axes must be a list, found 7"),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_is_refused(name: str, tmp_path: Path) -> None:
    change, message = METADATA[name]
    write_image(tmp_path / "a.zarr")
    edit(tmp_path / "a.zarr", change)
    with pytest.raises(ImageError, match=message) as error:
        open_image(tmp_path / "a.zarr")
    assert "\n" not in str(error.value)


def test_odd_names_are_read_with_a_note(tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr")
    axes = [{"name": "p", "type": "position"}, {"name": "s", "type": "channel"}, {"name": "Y"}, {"name": "X"}]
    edit(tmp_path / "a.zarr", _multiscales(axes=axes))
    info = open_image(tmp_path / "a.zarr").info
    assert info.axes == "PCYX"
    assert "axes PCYX: P is read as samples; say otherwise with --axes ZCYX" in info.notes
    assert any(note.startswith("OME-Zarr metadata does not conform to 0.5") for note in info.notes)


def test_missing_chunks_are_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr", "0.4", levels=1)
    for name in ("0.0.0.0", "1.2.2.3"):
        next(iter((tmp_path / "a.zarr" / "0").rglob(name)), tmp_path / "a.zarr" / "0" / name).unlink()
    assert "2 of 72 chunks are missing and read as the fill value 0" in open_image(tmp_path / "a.zarr").info.notes


@pytest.mark.parametrize("version", [2, 3])
def test_large_chunk_with_nothing_behind_it_is_refused(version: Any, tmp_path: Path) -> None:
    shape = (20_000, 20_000)
    array = zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=shape, dtype="u1", zarr_format=version)
    source = open_image(tmp_path / "a.zarr")
    assert not source.read(0, (0, 0), (8, 8)).any()  # absent: nothing to decode
    chunk = tmp_path / "a.zarr" / array.metadata.encode_chunk_key((0, 0))
    chunk.parent.mkdir(parents=True, exist_ok=True)
    chunk.write_bytes(b"x" * 100)
    with pytest.raises(ImageError, match=r"would decode to 400 MB from 100 bytes"):
        source.read(0, (0, 0), (8, 8))


def test_text_and_empty_arrays_are_refused(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 4), dtype="u1", zarr_format=3)
    document = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    assert array.shape == (4, 4)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"data_type": "string"}, "pixels of type 'string'"),
        ({"shape": [0, 4]}, "Y has size 0"),
    ]
    for change, message in changes:
        (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps({**document, **change}))
        with pytest.raises(ImageError, match=message):
            open_image(tmp_path / "a.zarr")


def test_fingerprint_covers_metadata_only_and_no_place(tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr")
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "deep" / "b.zarr")
    first, second = open_image(tmp_path / "a.zarr"), open_image(tmp_path / "deep" / "b.zarr")
    assert first.info.fingerprint == second.info.fingerprint
    edit(tmp_path / "deep" / "b.zarr", {"name": "other"})
    assert open_image(tmp_path / "deep" / "b.zarr").info.fingerprint != first.info.fingerprint

"""Names in plans, tiles, stores and images lead nowhere else than into the folders that they are meant to be in."""

import contextlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

import patchplan
from patchplan.errors import ImageError, PatchplanError
from patchplan.images import open_image, open_images
from tests.faults.hostile import bounded, opened_only
from tests.images.test_zarr import write_image
from tests.plans.making import edit, make_plan

SECRET = np.full((24, 20), 4711, "u2")
NAMES = ["../secret.tif", "{outside}/secret.tif", "a/../../secret.tif", "..\\secret.tif", "./../secret.tif"]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder, and beside it what nobody may read."""
    here: Path = tmp_path / "here"
    tifffile.imwrite(tmp_path / "secret.tif", SECRET)
    write_image(tmp_path / "secret.zarr")
    here.mkdir()
    return here


def named(names: str, path: Path) -> str:
    return names.format(outside=path.parent)


def ome(name: str, n: int = 1) -> str:
    data = "".join(
        f'<TiffData IFD="0" FirstT="{k}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{k}</UUID></TiffData>'
        for k in range(n)
    )
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:mine"><Image><Pixels '
        f'DimensionOrder="XYZCT" SizeX="20" SizeY="24" SizeZ="1" SizeC="1" SizeT="{n}" Type="uint16">{data}</Pixels>'
        "</Image></OME>"
    )


@pytest.mark.parametrize("name", NAMES)
def test_ome_tiff_names_no_file_outside_of_its_folder(folder, name):
    path = folder / "a.ome.tif"
    tifffile.imwrite(path, SECRET * 0, description=ome(named(name, folder)).encode(), metadata=None)
    with opened_only(folder), pytest.raises(ImageError, match=r"a\.ome\.tif: its OME-XML names the file .* outside of"):
        open_image(path)


def test_ome_tiff_of_several_files_in_one_folder_is_read(folder):
    tifffile.imwrite(folder / "b.tif", SECRET)
    tifffile.imwrite(folder / "a.ome.tif", SECRET * 0, description=ome("b.tif").encode(), metadata=None)
    assert (open_image(folder / "a.ome.tif").read(0, (0, 0), (24, 20)) == 4711).all()


def test_ome_tiff_that_opens_one_file_a_hundred_thousand_times_is_refused(folder):
    tifffile.imwrite(folder / "a.ome.tif", SECRET, description=ome("a.ome.tif", 100_000).encode(), metadata=None)
    with bounded(), pytest.raises(ImageError, match=r"a\.ome\.tif: its OME-XML gives 1 files 1,002 UUIDs"):
        open_image(folder / "a.ome.tif")


@pytest.mark.parametrize("name", NAMES)
def test_tile_that_is_an_ome_tiff_names_no_file_outside_of_its_folder(folder, name):
    plan = make_plan(folder, ".csv", {"name": "whole"})
    (folder / "tiles").mkdir()
    text = ome(named(name, folder))
    tifffile.imwrite(folder / "tiles" / "0.tif", np.zeros((100, 80), "u1"), description=text.encode(), metadata=None)
    with opened_only(folder):
        result = patchplan.stitch(plan, folder / "tiles", check=True)
    assert "outside of this folder" in result.bad[0].why


ZARR_NAMES = ["../secret.zarr", "{outside}/secret.zarr", "a/../../secret.zarr", "..", "..\\secret.zarr", ""]


@pytest.mark.parametrize("name", ZARR_NAMES)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_paths_stay_in_the_store(folder, name, version):
    path = folder / "a.zarr"
    write_image(path)
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = named(name, folder)
    (path / "zarr.json").write_text(json.dumps(document))
    with opened_only(folder), pytest.raises(ImageError, match=r"a\.zarr: path .* in the metadata "):
        open_image(path)


COLLECTIONS: dict[str, Callable[[str], dict[str, Any]]] = {
    "plate": lambda name: {"plate": {"wells": [{"path": name}]}},
    "well": lambda name: {"well": {"images": [{"path": name}]}},
    "labels": lambda name: {"labels": [name]},
}


@pytest.mark.parametrize("name", ZARR_NAMES)
@pytest.mark.parametrize("kind", COLLECTIONS)
def test_collections_stay_in_the_store(folder, name, kind):
    group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", **COLLECTIONS[kind](named(name, folder))}
    with opened_only(folder), pytest.raises(ImageError, match=r"a\.zarr: path .* in the metadata "):
        open_images(folder / "a.zarr")


@pytest.mark.parametrize("name", ZARR_NAMES[:-1])
def test_an_array_of_a_plan_stays_in_its_store(folder, name):
    write_image(folder / "a.zarr")
    patchplan.plan(folder / "a.zarr", folder / "plan.json", config={"name": "whole"})
    edit(folder / "plan.json", header=lambda header: header["images"][0].update(array=named(name, folder)))
    plan = patchplan.open_plan(folder / "plan.json")
    with opened_only(folder), pytest.raises(ImageError, match=r"a\.zarr: path .* leads out of the store"):
        plan.open_image(0)


URIS = ["../../../out", "/tmp/out", "a/../../../b", "..", ".", "", "C:\\x", "a\nb", "~/x", "x" * 300, "aux", ".hidden"]


def test_outputs_named_after_images_stay_in_their_folder(folder):
    """Where an image is may be anywhere; what is written is named after it in the folder asked for."""
    pixels = np.zeros((8, 8), "u1")
    for k in range(len(URIS)):
        np.save(folder / f"{k:02}.npy", pixels)
    patchplan.plan(folder, folder / "plan.json", config={"name": "whole"})

    def moved(header: Any) -> None:
        for image, uri in zip(header["images"], URIS, strict=True):
            image["uri"] = uri

    edit(folder / "plan.json", header=moved)
    tiles = np.zeros((len(URIS), 1, 8, 8), "u1")
    before = set(folder.parent.rglob("*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with contextlib.suppress(PatchplanError):  # of a name that is too long for the system
            patchplan.stitch(folder / "plan.json", tiles, folder / "out", format="npy")
        written = set(folder.parent.rglob("*")) - before
    assert all((folder / "out") in (path, *path.parents) for path in written), written


@pytest.mark.parametrize("name", ["../secret.npy", "/secret.npy", "a/../../secret.npy"])
def test_members_of_a_zip_file_are_not_unpacked(folder, name):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(
            "zarr.json",
            json.dumps(
                {
                    "zarr_format": 3,
                    "node_type": "array",
                    "shape": [8, 8],
                    "data_type": "uint8",
                    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 8]}},
                    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                    "fill_value": 0,
                    "codecs": [{"name": "bytes"}],
                }
            ),
        )
        archive.writestr(name, bytes(64))
    before = sorted(folder.parent.rglob("*"))
    assert not open_image(folder / "a.zip").read(0, (0, 0), (8, 8)).any()
    assert sorted(folder.parent.rglob("*")) == before


def test_names_of_tiles_lead_nowhere(folder):
    plan = make_plan(folder, ".csv", {"name": "whole"})
    tiles = folder / "tiles"
    tiles.mkdir()
    for name in ("..0.npy.d", "\\..\\0.txt", "a\n0\x1b[31m.nix", "%2e%2e%2f0.doc"):
        (tiles / name).write_text("x")
    (tiles / "link").symlink_to("/")
    (tiles / "circle").symlink_to("circle")
    np.save(tiles / "a..%2f0.npy", np.zeros((1, 100, 80), "u1"))
    with opened_only(folder):
        result = patchplan.stitch(plan, tiles, check=True)
    assert not result.missing
    assert not result.bad
    assert os.path.lexists(tiles / "circle")
    assert not re.search("secret", str(result.notes))
    shutil.rmtree(tiles)

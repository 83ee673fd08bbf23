"""An output at a URL has the bytes that it has on a disk."""

import numpy as np
import pytest

import patchplan
from patchplan.errors import ConfigError, OutputError
from tests.plans.making import files_of
from tests.remote_out.making import KINDS, local, objects_of, stitch
from tests.stitching.making import grid, pixels_of


@pytest.mark.parametrize("name", KINDS)
def test_a_stitch_to_a_url_writes_what_it_writes_to_a_disk(made, bucket, tmp_path, name):
    stitch(made, bucket / name)
    assert objects_of(bucket) == local(made, tmp_path / "here", name)


EMPTY = {"empty": True, "channels_out": 2, "dtype": "f4"}


@pytest.mark.parametrize(("name", "more"), [("out.zarr", {}), ("out.npy", {}), ("patches", {}), ("out.zarr", EMPTY)])
def test_an_extraction_to_a_url_writes_what_it_writes_to_a_disk(made, bucket, tmp_path, name, more):
    result = patchplan.extract(made / "plan.parquet", f"{bucket}/{name}", **more)
    (tmp_path / "here").mkdir()
    patchplan.extract(made / "plan.parquet", tmp_path / "here" / name, **more)
    assert objects_of(bucket) == files_of(tmp_path / "here")
    assert result.out == f"{bucket}/{name}"


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A plan of two images and its tiles."""
    folder = tmp_path_factory.mktemp("several")
    for name, shape in (("a", (70, 90)), ("b", (100, 60))):
        np.save(folder / f"{name}.npy", pixels_of(shape))
    images = [folder / "a.npy", folder / "b.npy"]
    patchplan.plan(images, folder / "plan.parquet", patching=grid(40, 8), axes="YX")
    patchplan.extract(folder / "plan.parquet", folder / "tiles.zarr")
    return folder


@pytest.mark.parametrize("kind", ["ome-zarr", "ome-tiff", "npy"])
def test_several_images_go_below_a_url(several, bucket, tmp_path, kind):
    plan, tiles = several / "plan.parquet", several / "tiles.zarr"
    patchplan.stitch(plan, tiles, f"{bucket}/out", format=kind)
    patchplan.stitch(plan, tiles, tmp_path / "out", format=kind)
    assert objects_of(bucket / "out") == files_of(tmp_path / "out")
    assert [one.name for one in bucket.iterdir()] == ["out"]


def test_an_output_that_is_there_is_not_replaced_unless_asked(made, bucket, tmp_path):
    for name in ("sharded.zarr", "out.npy", "out.ome.tif"):
        stitch(made, bucket / name, blend="average")
        before = objects_of(bucket)
        with pytest.raises(OutputError, match=f"{bucket}/{name}: exists already; use --overwrite"):
            stitch(made, bucket / name)
        assert objects_of(bucket) == before
        stitch(made, bucket / name, overwrite=True)
    here = tmp_path / "here"
    assert objects_of(bucket) == [local(made, here, name) for name in ("sharded.zarr", "out.npy", "out.ome.tif")][-1]


def test_objects_of_others_are_not_removed(made, bucket):
    stitch(made, bucket / "plain.zarr")
    (bucket / "plain.zarr" / "notes.txt").write_bytes(b"mine")
    before = objects_of(bucket)
    with pytest.raises(OutputError, match=r"notes\.txt in it is no part of such an output"):
        stitch(made, bucket / "plain.zarr", overwrite=True)
    assert objects_of(bucket) == before


def test_what_cannot_be_written_is_refused_before_anything_is(made, bucket):
    with pytest.raises(OutputError, match=r"nobody writes to https://; allowed: a path, s3:// or gs://"):
        patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", "https://example.org/plain.zarr")
    with pytest.raises(ConfigError, match=r"found a URL of ftp://; allowed: s3://"):
        patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", "ftp://example.org/plain.zarr")
    with pytest.raises(ConfigError, match=r"--checksums and verify: allowed for outputs on a disk"):
        stitch(made, bucket / "plain.zarr", checksums=True)
    with pytest.raises(ConfigError, match=r"--checksums and verify: allowed for outputs on a disk"):
        patchplan.extract(made / "plan.parquet", f"{bucket}/out.zarr", checksums=True)
    with pytest.raises(ConfigError, match=r"--share: allowed at a URL for \.zarr only"):
        stitch(made, bucket / "out.ome.tif", share="1/2")
    assert objects_of(bucket) == {}

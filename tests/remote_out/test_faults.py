"""Errors, slowness and cut connections of a store change no byte."""

from typing import Any

import pytest

import patchplan
from patchplan.objects import location
from tests.plans.making import files_of
from tests.remote_out.faulty import FAULTS, proxy
from tests.remote_out.making import KINDS, local, objects_of, stitch
from tests.remote_out.stopping import stop
from tests.stitching.making import grid


@pytest.mark.parametrize("name", ["sharded.zarr", "out.ome.tif"])
def test_a_stitch_through_a_poor_network_writes_the_same(made, bucket, tmp_path, endpoint, monkeypatch, name):
    with proxy(endpoint, 0.3, 3) as (url, faulty), monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        stitch(made, bucket / name)
    assert objects_of(bucket) == local(made, tmp_path / "here", name)
    assert sum(faulty.counts[name] for name in FAULTS) > 0


def test_an_extraction_through_a_poor_network_writes_the_same(made, bucket, tmp_path, endpoint, monkeypatch):
    with proxy(endpoint, 0.15, 1) as (url, _), monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        patchplan.extract(made / "plan.parquet", f"{bucket}/t.zarr")
    patchplan.extract(made / "plan.parquet", tmp_path / "t.zarr")
    assert objects_of(bucket / "t.zarr") == files_of(tmp_path / "t.zarr")


def test_images_plan_tiles_and_output_at_urls_stopped_and_gone_on_with(
    made, bucket, tmp_path, endpoint, monkeypatch, small_boxes
):
    name, place = "sharded.zarr", str(bucket)

    def work(folder: str, **options: Any) -> None:
        tiles = f"{folder}/tiles.zarr"
        patchplan.extract(f"{folder}/plan.parquet", tiles, **options)
        patchplan.stitch(f"{folder}/plan.parquet", tiles, f"{folder}/out.zarr", workers=1, **options, **KINDS[name])

    (tmp_path / "here").mkdir()
    for folder in (str(tmp_path / "here"), place):
        stitch(made, location(folder) / name)
        patchplan.plan(f"{folder}/{name}", f"{folder}/plan.parquet", patching=grid(64, 16))
    work(str(tmp_path / "here"))
    with proxy(endpoint, 0.15, 5) as (url, faulty), monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        stop(monkeypatch, 4, lambda: work(place))
        work(place, resume=True)
    assert sum(faulty.counts[name] for name in FAULTS) > 0
    assert objects_of(bucket) == files_of(tmp_path / "here")

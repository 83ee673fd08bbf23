"""Shares, and tiles that come one by one, at a URL."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zarr

import patchplan
from patchplan.errors import AuditError, OutputError
from tests.remote_out.making import KINDS, local, objects_of, stitch
from tests.remote_out.stopping import Writes, stop

NAME = "sharded.zarr"


def test_shares_at_once_and_what_completes_them(made, bucket, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda k: stitch(made, bucket / NAME, share=f"{k}/3", workers=1), (1, 2, 3)))
    assert min(len(one.shares_left) for one in done) == 0
    assert "zarr.json" not in objects_of(bucket / NAME)
    patchplan.finish(made / "plan.parquet", f"{bucket}/{NAME}")
    assert objects_of(bucket) == local(made, tmp_path / "here", NAME)


def test_a_share_that_was_stopped_goes_on_and_nothing_is_finished_before(
    made, bucket, tmp_path, small_boxes, monkeypatch
):
    stop(monkeypatch, 1, lambda: stitch(made, bucket / NAME, share="2/2", workers=1))
    stitch(made, bucket / NAME, share="1/2")
    with pytest.raises(AuditError, match="share 2/2 is not written"):
        patchplan.finish(made / "plan.parquet", f"{bucket}/{NAME}")
    with pytest.raises(OutputError, match="share 2/2 was begun before; use --resume"):
        stitch(made, bucket / NAME, share="2/2")
    stitch(made, bucket / NAME, share="2/2", resume=True)
    with monkeypatch.context() as patched:
        writes = Writes(patched)
        patchplan.finish(made / "plan.parquet", f"{bucket}/{NAME}")
    assert not any(folder.endswith("/0/") for folder, _ in writes.boxes)
    assert objects_of(bucket) == local(made, tmp_path / "here", NAME)
    with pytest.raises(OutputError, match="is there already, of this plan and these options; its shares are done"):
        stitch(made, bucket / NAME, share="1/2")


def test_a_share_does_not_begin_beside_an_output(made, bucket):
    stitch(made, bucket / NAME, blend="average")
    before = objects_of(bucket)
    with pytest.raises(OutputError, match="exists already"):
        stitch(made, bucket / NAME, share="1/2")
    assert objects_of(bucket) == before


def test_tiles_that_come_one_by_one(made, bucket, tmp_path):
    tiles: Any = zarr.open_group(made / "tiles.zarr", mode="r")["tiles"]

    def add(n: int, **options: Any) -> None:
        with patchplan.Stitcher(made / "plan.parquet", f"{bucket}/{NAME}", **KINDS[NAME], **options) as stitcher:
            for index in stitcher.wanted[:n]:
                stitcher.add(index, tiles[int(index)])
            if n < 9:
                raise KeyError

    with pytest.raises(KeyError):
        add(7)
    assert (bucket / f"{NAME}.partial" / "image-0.json").is_file()
    add(9, resume=True)
    assert objects_of(bucket) == local(made, tmp_path / "here", NAME)

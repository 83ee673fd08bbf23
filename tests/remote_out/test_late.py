"""What a process that was taken for gone writes late, in a store, where all runs of a name write in one place."""

import pytest

import patchplan
from patchplan.errors import OutputError
from patchplan.tiles.writing import writer
from tests.plans.making import files_of
from tests.remote_out.making import local, objects_of, stitch


def late_at(level, begin):
    """Return a progress that puts one chunk of a level in the place of another when something is counted to its end."""

    def progress(what: str, done: int, total: int) -> None:
        if what == begin and done == total:
            one, other, *_ = sorted(name for name, _ in level.listing() if name.startswith("c"))
            (level / one).write_bytes((level / other).read_bytes())

    return progress


@pytest.mark.parametrize(
    ("level", "begin"), [("0", "pixels"), ("0", "blocks of the pyramid"), ("1", "blocks of the pyramid")]
)
def test_a_block_that_is_replaced_before_the_image_is_one_is_written_again(
    made, bucket, tmp_path, small_boxes, level, begin
):
    here = local(made, tmp_path / "here", "plain.zarr", levels=2)
    place = bucket / "plain.zarr"
    with pytest.raises(OutputError, match=rf"plain\.zarr/{level}: .* is not as it was written: .*use --resume"):
        stitch(made, place, levels=2, workers=1, progress=late_at(place / level, begin))
    assert "zarr.json" not in objects_of(place)
    stitch(made, place, levels=2, resume=True)
    assert objects_of(bucket) == here


def test_so_are_the_rows_of_a_stack(made, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "MAX_ROWS", 4)
    patchplan.extract(made / "plan.parquet", tmp_path / "t.zarr")
    url, index = f"{bucket}/t.zarr", bucket / "t.zarr" / "index"
    with pytest.raises(OutputError, match=r"t\.zarr: the batch of rows 0 to 3 is not as it was written"):
        patchplan.extract(made / "plan.parquet", url, progress=late_at(index, "patches"))
    assert "zarr.json" not in objects_of(bucket / "t.zarr")
    patchplan.extract(made / "plan.parquet", url, resume=True)
    assert objects_of(bucket / "t.zarr") == files_of(tmp_path / "t.zarr")

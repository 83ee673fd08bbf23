"""Shares of a stitch, in any order and at once, stopped and gone on with: the bytes of a single run."""

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import patchplan
from patchplan.errors import AuditError, ConfigError, OutputError
from patchplan.stitching import engine
from patchplan.stitching.shares import BlockSizes, Share, owners, parse_share
from tests.grown import grown
from tests.plans.making import files_of
from tests.stitching.making import grid, pixels_of, plan_of, write_image, write_stack
from tests.stitching.test_resume import Stop, stop_after

SIDES, TILE = ((600, 500), (130, 300), (64, 64)), 96
KINDS: dict[str, dict[str, Any]] = {
    "zarr": {"format": "ome-zarr", "chunks": 32, "shards": 64, "levels": 2},
    "plain": {"format": "ome-zarr", "chunks": 64, "shards": "none", "levels": 2, "blend": "hann"},
    "tiff": {"format": "ome-tiff", "chunks": 64, "levels": 2},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A plan of three images and its tiles."""
    folder: Path = tmp_path_factory.mktemp("made")
    images = [write_image(folder / f"{i}.npy", np.zeros(side, "u1"), "YX") for i, side in enumerate(SIDES)]
    plan = plan_of(images, {**grid(64, 16)})
    write_stack(folder / "tiles.zarr", list(pixels_of((plan.n_patches, 1, 64, 64), "f4")))
    return folder


def stitch(made: Path, output: Path, kind: str, **options: Any) -> Any:
    return patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", output, workers=1, **(KINDS[kind] | options))


def single(made: Path, output: Path, kind: str, **options: Any) -> dict[str, bytes]:
    stitch(made, output, kind, **options)
    return files_of(output)


@pytest.mark.parametrize("parts", [1, 3, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_shares_in_any_order_give_the_bytes_of_a_single_run(made, tmp_path, kind, parts):
    wanted = single(made, tmp_path / "single", kind)
    order = np.random.default_rng(parts).permutation(np.arange(1, parts + 1))
    output = tmp_path / "shared"
    for number in order.tolist():
        result = stitch(made, output, kind, share=f"{number}/{parts}")
        assert not output.exists()
    assert (result.share, result.shares_left, result.outputs) == (f"{number}/{parts}", (), ())
    assert result.notes[-1].startswith(f"all shares are done ({parts}); now: patchplan stitch ")
    patchplan.finish(made / "plan.parquet", output)
    assert files_of(output) == wanted
    assert {path.name for path in tmp_path.iterdir()} == {"single", "shared"}


def test_shares_at_once_some_stopped_and_gone_on_with(made, tmp_path, monkeypatch):
    wanted = single(made, tmp_path / "single", "zarr")
    monkeypatch.setattr(engine, "choose_box", lambda work, *_: work.renderer.block)
    output = tmp_path / "shared"
    for number in (2, 4):
        with monkeypatch.context() as patched:
            stop_after(patched, number)
            with pytest.raises(Stop, match="here") as error:
                stitch(made, output, "zarr", share=f"{number}/5")
        assert error.value.__notes__ == [
            f"what is done stays in {output}.partial: use --share {number}/5 --resume to go on"
        ]
        with pytest.raises(OutputError, match=rf"share {number}/5 was begun before; use --resume"):
            stitch(made, output, "zarr", share=f"{number}/5")
    with pytest.raises(AuditError, match=r"shares 1, 2, 3, 4, 5 of 5 are not written: run --share K/5"):
        patchplan.finish(made / "plan.parquet", output)

    def run(number: int) -> None:
        stitch(made, output, "zarr", share=f"{number}/5", resume=number in (2, 4))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = patchplan.finish(made / "plan.parquet", output)
    assert files_of(output) == wanted
    assert [image.filled for image in result.outputs] == [0, 0, 0]
    assert result.n_tiles == patchplan.open_plan(made / "plan.parquet").n_patches


def test_what_does_not_belong_together_is_refused(made, tmp_path):
    output = tmp_path / "shared"
    stitch(made, output, "zarr", share="1/2")
    with pytest.raises(OutputError, match=r"number of shares 2, and now it is 3"):
        stitch(made, output, "zarr", share="2/3")
    with pytest.raises(OutputError, match=r"number of shares 2, and now it is none"):
        stitch(made, output, "zarr", resume=True)
    with pytest.raises(OutputError, match=r"is left from a run that was stopped"):
        stitch(made, output, "zarr")
    with pytest.raises(OutputError, match=r"--blend crop, and now it is hann"):
        stitch(made, output, "zarr", share="2/2", blend="hann")
    assert stitch(made, output, "zarr", share="1/2", resume=True).notes[0] == "1 of 2 shares left to write: 2"
    with pytest.raises(AuditError, match=r"share 2/2 is not written"):
        patchplan.finish(made / "plan.parquet", output)
    assert stitch(made, output, "zarr", share="1/2", resume=True).shares_left == (2,)


def test_a_share_that_is_written_stays_so_when_it_is_asked_for_again(made, tmp_path):
    output = tmp_path / "shared"
    stitch(made, output, "zarr", share="1/2")
    with pytest.raises(OutputError, match=r"share 1/2 was begun before; use --resume"):
        stitch(made, output, "zarr", share="1/2")
    assert stitch(made, output, "zarr", share="2/2").shares_left == ()
    patchplan.finish(made / "plan.parquet", output)


@pytest.mark.parametrize("share", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/2/3", ""])
def test_shares_that_are_none(made, tmp_path, share):
    with pytest.raises(ConfigError, match=r"--share: found .*; allowed: K/N"):
        stitch(made, tmp_path / "out", "zarr", share=share)


def test_outputs_without_pieces_cannot_be_shared(made, tmp_path):
    with pytest.raises(ConfigError, match=r"--share: allowed for \.zarr and \.tif; a \.npy file has no chunks"):
        patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", tmp_path / "out", format="npy", share="1/2")
    with pytest.raises(ConfigError, match="name it with -o"):
        patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", share="1/2")
    for option in ("overwrite", "checksums"):
        with pytest.raises(ConfigError, match=f"--{option}: not with --share"):
            stitch(made, tmp_path / "out", "zarr", share="1/2", **{option: True})
    assert not list(tmp_path.iterdir())


def test_chunks_that_changed_after_a_share_was_done_are_named(made, tmp_path):
    wanted = single(made, tmp_path / "single", "plain")
    output = tmp_path / "shared"
    for number in (1, 2):
        stitch(made, output, "plain", share=f"{number}/2")
    place = grown(tmp_path / "shared.partial") / "0.ome.zarr" / "0" / "c" / "0" / "0"
    place.write_bytes(place.read_bytes()[:-7])
    with pytest.raises(AuditError, match=r"blocks are not as they were written; run again with --share 1/2 --resume\n"):
        patchplan.finish(made / "plan.parquet", output)
    stitch(made, output, "plain", share="1/2", resume=True)
    patchplan.finish(made / "plan.parquet", output)
    assert files_of(output) == wanted


def test_finish_is_stopped_and_called_again(made, tmp_path):
    wanted = single(made, tmp_path / "single", "tiff")
    output = tmp_path / "shared"
    for number in (1, 2):
        stitch(made, output, "tiff", share=f"{number}/2")
    for stop_at in (1, 3, 30):
        count = 0

        def progress(*_: Any, stop_at: int = stop_at) -> None:
            nonlocal count
            count += 1
            if count == stop_at:
                raise Stop("here")

        with pytest.raises(Stop, match="here") as error:
            patchplan.finish(made / "plan.parquet", output, progress=progress)
        assert error.value.__notes__ == [f"what is done stays in {output}.partial: use --finish again to go on"]
    patchplan.finish(made / "plan.parquet", output, checksums=True)
    assert files_of(output) == wanted
    assert patchplan.verify(output).ok
    with pytest.raises(OutputError, match="is there, and no shares of it are left"):
        patchplan.finish(made / "plan.parquet", output)


def test_finish_without_shares(made, tmp_path):
    with pytest.raises(OutputError, match=r"is not there: no share of .* was run; begin with --share 1/N"):
        patchplan.finish(made / "plan.parquet", tmp_path / "out.zarr")


sizes = st.tuples(st.integers(1, 3), st.integers(1, 400), st.integers(1, 400))


@given(st.lists(sizes, min_size=1, max_size=4), st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(1, 40))
def test_each_block_is_of_one_share_and_none_has_more_than_a_block_too_much(images, block, parts):
    sizes = [BlockSizes(n, (y, x), block) for n, y, x in images]
    pixels = [np.array([plane for _, plane in one.planes()]) for one in sizes]
    total, largest = sum(int(one.sum()) for one in pixels), max(int(one.max()) for one in pixels)
    before = np.cumsum([0, *(int(one.sum()) for one in pixels)])
    counts = [np.zeros(one.shape, int) for one in pixels]
    for number in range(1, parts + 1):
        mine = [owners(one, 3, 3 * int(a), 3 * total, parts) == number for one, a in zip(sizes, before, strict=False)]
        counts = [count + part for count, part in zip(counts, mine, strict=True)]
        size = sum(int(one[part].sum()) for one, part in zip(pixels, mine, strict=True))
        assert abs(size - total / parts) <= largest
        flat = np.concatenate([part.reshape(-1) for part in mine])
        assert sum(a != b for a, b in pairwise(flat.tolist())) <= 2, "neighbours stay together"
    assert all((count == 1).all() for count in counts)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=3), st.integers(1, 3), st.integers(1, 9), st.integers(0, 99))
def test_the_pixels_of_blocks_are_those_of_boxes(spatial, n_samples, size, seed):
    sizes = BlockSizes(n_samples, tuple(spatial), (size,) * len(spatial))
    whole = np.zeros((n_samples, *spatial), np.int64)
    chosen = np.random.default_rng(seed).random(sizes.grid) < 0.3
    for sample, *place in np.argwhere(chosen):
        whole[(sample, *(slice(i * size, (i + 1) * size) for i in place))] += 1
    assert whole.max() <= 1
    assert sizes.sum(chosen) == whole.sum()


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_share_is_read_as_it_is_written(number, parts):
    if number <= parts:
        assert parse_share(f"{number}/{parts}") == Share(number, parts)

"""Where going on once went wrong: other machines, odd names, instants between two steps."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import AuditError, OutputError
from patchplan.journal import header
from patchplan.journal.identity import Identity, read_identity, write_identity
from patchplan.publish import growth as growing
from patchplan.stitching import engine
from tests.grown import grown
from tests.plans.making import files_of
from tests.stitching.making import grid, pixels_of, plan_of, plan_pixels, write_image, write_stack
from tests.stitching.test_resume import Stop, made, small_boxes, stitch, stop_after, undisturbed

__all__ = ["made", "small_boxes"]


def stopped(run: Any, *args: Any, **options: Any) -> None:
    with pytest.raises(Stop, match="here"):
        run(*args, **options)


def on_machine(monkeypatch: Any, number: int) -> None:
    """Let journals be written and read by a machine of this number."""
    for module in (header,):
        monkeypatch.setattr(module, "this_boot", lambda: number)


def test_shares_of_several_machines_are_finished_by_another(made, tmp_path, monkeypatch):
    wanted = undisturbed(made, tmp_path / "whole", "out.zarr")
    output = tmp_path / "parts" / "out.zarr"
    output.parent.mkdir()
    for number in (1, 2):
        on_machine(monkeypatch, number)
        left = stitch(made, output, share=f"{number}/2").shares_left
        assert left == ((2,) if number == 1 else ())
    on_machine(monkeypatch, 3)
    patchplan.finish(made / "plan.parquet", output)
    assert files_of(output.parent) == wanted


def test_a_machine_that_went_down_after_the_output_got_its_name(made, tmp_path, monkeypatch):
    wanted = undisturbed(made, tmp_path / "whole", "out.zarr", checksums=True)
    output = tmp_path / "parts" / "out.zarr"
    output.parent.mkdir()
    on_machine(monkeypatch, 1)
    with monkeypatch.context() as patched:
        patched.setattr(growing, "manifest_of", stop)
        patched.setattr("patchplan.publish.growth.LocalGrowth.check_free", lambda self: None)
        stopped(stitch, made, output, checksums=True)
    assert output.exists()
    assert not output.with_name("out.zarr.sha256").exists()
    on_machine(monkeypatch, 2)
    stitch(made, output, resume=True)
    assert files_of(output.parent) == wanted


def stop(*_: Any, **__: Any) -> None:
    raise Stop("here")


@pytest.mark.parametrize(
    "name", ["scratch", "journal", "run.json", "lock", "lock-1", "sha256", "image-0.json", "lock1"]
)
@pytest.mark.parametrize("kind", ["npy", "ome-zarr"])
def test_names_of_outputs_that_are_those_of_our_own_files(tmp_path, name, kind):
    images = [write_image(tmp_path / f"{i}.npy", pixels_of((60, 60)), "YX") for i in range(2)]
    plan = plan_of(images, grid(32, 8))
    tiles = pixels_of((plan.n_patches, 1, 32, 32), "f4")
    for number in range(2):
        patchplan.stitch(plan, tiles, tmp_path / name, format=kind, checksums=True, overwrite=number == 1)
        assert len(list((tmp_path / name).iterdir())) == 2
        assert patchplan.verify(tmp_path / name).ok
    assert not (tmp_path / f"{name}.partial").exists()


def test_a_name_that_begins_as_our_lock_is_begun_anew(made, tmp_path, monkeypatch, small_boxes):
    output = tmp_path / "lock1.zarr"
    with monkeypatch.context() as patched:
        stop_after(patched, 4)
        stopped(stitch_as, made, output, chunks=32)
    stitch_as(made, output, chunks=128, overwrite=True)
    stitch_as(made, tmp_path / "other.zarr", chunks=128)
    chunks = {name for name in files_of(output) if "/c/" in name}
    assert chunks == {name for name in files_of(tmp_path / "other.zarr") if "/c/" in name}


def stitch_as(made: Path, output: Path, **options: Any) -> Any:
    return patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", output, workers=1, shards="none", **options)


@pytest.mark.parametrize("where", ["open_folder", "clear"])
@pytest.mark.parametrize("resume", [True, False])
def test_what_a_stopped_run_left_outlives_errors_when_it_is_claimed(
    made, tmp_path, monkeypatch, small_boxes, where, resume
):
    output = tmp_path / "out.zarr"
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        stopped(stitch, made, output)
    before = files_of(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(growing, where, stop)
        if resume or where == "open_folder":
            stopped(stitch, made, output, resume=resume)
        else:
            with pytest.raises(OutputError, match="use --resume to go on"):
                stitch(made, output)
    assert files_of(tmp_path) == before


def test_what_absent_chunks_mean_is_the_same(made, tmp_path, monkeypatch, small_boxes):
    output, options = tmp_path / "out.zarr", {"allow_missing": True, "fill_value": 7}
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        stopped(stitch, made, output, **options)
    with pytest.raises(OutputError, match=r"--absent-chunks missing, and now it is zeros"):
        stitch(made, output, resume=True, absent_chunks="zeros", **options)


def test_a_pyramid_of_a_block_that_was_broken_is_made_again(made, tmp_path, monkeypatch):
    """Stopped twice: after pieces of it were made of a block that was lost, and when that block is there again."""
    wanted = undisturbed(made, tmp_path / "whole", "out.zarr")
    output = tmp_path / "parts" / "out.zarr"
    output.parent.mkdir()

    def block() -> Path:
        return grown(output.with_name("out.zarr.partial")) / "0" / "c" / "0" / "0"

    def lose_and_stop(what: str, done: int, total: int) -> None:
        if "pyramid" in what:
            if done == total:
                raise Stop("here")
        elif done == total:
            block().unlink()

    stopped(stitch, made, output, progress=lose_and_stop)
    assert not block().exists()

    def stop_in_pyramid(what: str, done: int, total: int) -> None:
        if "pyramid" in what:
            raise Stop("here")

    with monkeypatch.context() as patched:
        patched.setattr("patchplan.stitching.canvases.pyramid.Pyramid.build", stop)
        stopped(stitch, made, output, resume=True, progress=stop_in_pyramid)
    assert block().exists()
    stitch(made, output, resume=True)
    assert files_of(output.parent) == wanted


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif", "out.npy"])
def test_a_stitcher_closed_without_tiles_does_without_them_for_good(made, tmp_path, monkeypatch, name):
    plan = patchplan.open_plan(made / "plan.parquet")
    tiles = pixels_of((plan.n_patches, 1, 96, 96), "f4")
    lacking = [0, plan.n_patches // 2]
    some = np.setdiff1d(np.arange(plan.n_patches), lacking)
    options: dict[str, Any] = {"allow_missing": True, "fill_value": 7, "levels": 1 if name == "out.npy" else 2}
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    with patchplan.Stitcher(plan, tmp_path / "whole" / name, **options) as stitcher:
        stitcher.add(some, tiles[some])
    whole = stitcher.result
    stitcher = patchplan.Stitcher(plan, tmp_path / "parts" / name, **options).__enter__()
    stitcher.add(some, tiles[some])
    with monkeypatch.context() as patched:
        patched.setattr("patchplan.stitching.ledger.ImageLedger.note_finished", stop)
        stopped(stitcher.__exit__, None, None, None)
    with patchplan.Stitcher(plan, tmp_path / "parts" / name, resume=True, **options) as stitcher:
        assert not set(stitcher.wanted) & set(lacking)
        stitcher.add(np.arange(plan.n_patches), tiles)  # those that were lacking are left out
    assert stitcher.result.missing == whole.missing == tuple(lacking)
    assert stitcher.result.outputs[0].filled == whole.outputs[0].filled
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def test_an_array_that_is_there_is_not_taken_for_the_same(made, tmp_path):
    stitch(made, tmp_path / "out.npy")
    with pytest.raises(OutputError, match=r"out\.npy: exists already"):
        stitch(made, tmp_path / "out.npy", resume=True, blend="max", fill_value=3)


def test_checksums_that_have_their_name_stay(made, tmp_path, monkeypatch):
    output = tmp_path / "out.zarr"
    with monkeypatch.context() as patched:
        patched.setattr("patchplan.publish.growth.LocalGrowth._discard", lambda self: None)
        stitch(made, output, checksums=True)
    stitch(made, output, resume=True)
    assert patchplan.verify(output).ok
    assert {path.name for path in tmp_path.iterdir()} == {"out.zarr", "out.zarr.sha256"}


def test_checksums_of_an_output_that_is_replaced_go_with_it(made, tmp_path):
    output = tmp_path / "out.zarr"
    stitch(made, output, checksums=True)
    with pytest.raises(OutputError, match="exists already"):
        stitch(made, output)
    stitch(made, output, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]
    with pytest.raises(OutputError, match="is there already, without checksums"):
        stitch(made, output, checksums=True, resume=True)


def test_files_of_a_killed_writer_are_not_published(made, tmp_path, monkeypatch, small_boxes):
    wanted = undisturbed(made, tmp_path / "whole", "out.zarr", checksums=True)
    output = tmp_path / "parts" / "out.zarr"
    output.parent.mkdir()
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        stopped(stitch, made, output)
    place = grown(output.with_name("out.zarr.partial"))
    for name in ("zarr.json.0123abcd.new", "0/c/7.__lock", f"0/c/0/1.{'0' * 32}.partial"):
        (place / name).write_text("torn")
    stitch(made, output, resume=True, checksums=True)
    assert files_of(output.parent) == wanted


def test_finish_where_something_else_was_stopped(made, tmp_path, monkeypatch, small_boxes):
    output = tmp_path / "out.zarr"
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        stopped(stitch, made, output)
    with pytest.raises(OutputError, match="was not begun with --share; go on with --resume"):
        patchplan.finish(made / "plan.parquet", output)


def test_a_damaged_journal_of_another_share_is_a_share_that_is_left(made, tmp_path):
    output = tmp_path / "out.zarr"
    stitch(made, output, share="1/2")
    journal = tmp_path / "out.zarr.partial" / "journal-1"
    journal.write_bytes(b"x" * 200)
    assert stitch(made, output, share="2/2").shares_left == (1,)
    with pytest.raises(AuditError, match="share 1/2 is not written"):
        patchplan.finish(made / "plan.parquet", output)
    with pytest.raises(OutputError, match=r"journal-1: is no journal.* \(a share: remove it\)"):
        stitch(made, output, share="1/2", resume=True)
    journal.unlink()
    stitch(made, output, share="1/2", resume=True)
    patchplan.finish(made / "plan.parquet", output)


def test_a_share_that_comes_late_does_not_begin_again(made, tmp_path):
    output = tmp_path / "out.zarr"
    stitch(made, output, share="1/1")
    patchplan.finish(made / "plan.parquet", output)
    with pytest.raises(OutputError, match="is there already, of this plan and these options; its shares are done"):
        stitch(made, output, share="1/1")
    assert stitch(made, output, share="1/1", resume=True).notes[-1].endswith("nothing is left to do")
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_stitcher_of_an_output_that_is_there_wants_nothing(made, tmp_path):
    plan = patchplan.open_plan(made / "plan.parquet")
    tiles = pixels_of((plan.n_patches, 1, 96, 96), "f4")
    patchplan.stitch(plan, tiles, tmp_path / "out.zarr")
    before = files_of(tmp_path)
    with patchplan.Stitcher(plan, tmp_path / "out.zarr", resume=True) as stitcher:
        assert not len(stitcher.wanted)
        stitcher.add(0, tiles[0])
    assert stitcher.result.notes[-1].endswith("nothing is left to do")
    assert files_of(tmp_path) == before


def test_a_run_with_volumes_and_samples_goes_on(tmp_path, monkeypatch):
    pixels = pixels_of((2, 3, 20, 70, 60), "u2")
    plan = plan_pixels(tmp_path, pixels, "TCZYX", grid((8, 32, 32), (2, 8, 8)))
    write_stack(tmp_path / "tiles.zarr", list(pixels_of((plan.n_patches, 3, 8, 32, 32), "f4")))
    monkeypatch.setattr(engine, "choose_box", lambda work, *_: work.renderer.block)
    for name, options in (
        ("a.zarr", {"chunks": (8, 16, 16), "shards": "none"}),
        ("b.zarr", {"chunks": 8, "ngff": "0.4"}),
        ("c.ome.tif", {"chunks": 16}),
    ):
        (tmp_path / "whole").mkdir(exist_ok=True)
        (tmp_path / "parts").mkdir(exist_ok=True)
        given: dict[str, Any] = {"blend": "hann", "workers": 1, **options}
        patchplan.stitch(plan, tmp_path / "tiles.zarr", tmp_path / "whole" / name, **given)
        for n_boxes in (2, 9):
            with monkeypatch.context() as patched:
                stop_after(patched, n_boxes)
                stopped(
                    patchplan.stitch, plan, tmp_path / "tiles.zarr", tmp_path / "parts" / name, resume=True, **given
                )
        patchplan.stitch(plan, tmp_path / "tiles.zarr", tmp_path / "parts" / name, resume=True, **given)
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def test_an_output_of_other_tiles_of_the_plan_is_not_taken_for_the_same(made, tmp_path):
    """A part of a plan has the digest of the whole."""
    plan = patchplan.open_plan(made / "plan.parquet")
    tiles = pixels_of((plan.n_patches, 1, 96, 96), "f4")
    np.save(tmp_path / "some.npy", tiles[: plan.n_patches // 2])
    lacking = [None if index % 2 else tile for index, tile in enumerate(tiles)]
    folder = tmp_path / "lacking"
    folder.mkdir()
    for index, tile in enumerate(lacking):
        if tile is not None:
            np.save(folder / f"{index:04d}.npy", tile)
    with pytest.raises(AuditError, match="missing"):
        patchplan.stitch(plan, folder, tmp_path / "no.zarr", missing_output=tmp_path / "rest.parquet")
    rest = patchplan.open_plan(tmp_path / "rest.parquet")
    assert rest.digest == plan.digest
    options: dict[str, Any] = {"chunks": 64, "levels": 1}
    patchplan.stitch(plan, tiles, tmp_path / "out.zarr", **options)
    with pytest.raises(OutputError, match=r"out\.zarr: exists already"):
        patchplan.stitch(rest, tiles[1::2], tmp_path / "out.zarr", resume=True, **options)


def test_shares_with_newer_tiles_begin_again_beside_what_is_there(made, tmp_path):
    copy = tmp_path / "tiles.zarr"
    shutil.copytree(made / "tiles.zarr", copy)
    output = tmp_path / "out.zarr"
    options: dict[str, Any] = {"share": "1/1", "resume": True, "workers": 1, "chunks": 64, "shards": "none"}
    patchplan.stitch(made / "plan.parquet", copy, output, **options)
    patchplan.finish(made / "plan.parquet", output)
    next(path for path in copy.rglob("*") if path.is_file()).touch()
    result = patchplan.stitch(made / "plan.parquet", copy, output, **options)
    assert result.notes[-1] == f"{output} exists: --finish will need --overwrite to replace it"
    with pytest.raises(OutputError, match="exists already; use --overwrite"):
        patchplan.finish(made / "plan.parquet", output)
    patchplan.finish(made / "plan.parquet", output, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"tiles.zarr", "out.zarr"}


def test_records_that_cannot_be_read_are_told(made, tmp_path, monkeypatch, small_boxes):
    output = tmp_path / "out.zarr"
    with monkeypatch.context() as patched:
        stop_after(patched, 5)
        stopped(stitch, made, output)
    journal = tmp_path / "out.zarr.partial" / "journal"
    content = bytearray(journal.read_bytes())
    content[64 + 9] ^= 1
    journal.write_bytes(content)
    assert any("1 records could not be read or trusted" in note for note in stitch(made, output, resume=True).notes)


def test_what_is_written_late_does_not_make_a_complete_output_a_stopped_one(made, tmp_path):
    output = tmp_path / "out.zarr"
    stitch(made, output)
    wanted = files_of(output)
    late = tmp_path / "out.zarr.partial" / "0123abcd-out.zarr" / "0" / "c" / "0" / "0"
    late.parent.mkdir(parents=True)
    late.write_bytes(b"late")
    stitch(made, output, resume=True)
    assert files_of(output) == wanted
    stitch(made, output, overwrite=True)
    assert files_of(tmp_path) == {f"out.zarr/{name}": data for name, data in wanted.items()}


def test_a_run_whose_place_is_no_name_of_ours_is_not_gone_on_with(made, tmp_path, monkeypatch, small_boxes):
    """It would become part of a path."""
    output = tmp_path / "out.zarr"
    stop_after(monkeypatch, 5)
    stopped(stitch, made, output)
    path = tmp_path / "out.zarr.partial" / "run.json"
    found = read_identity(path)
    write_identity(path, Identity(found.facts, {**found.more, "tag": "../../x"}))
    with pytest.raises(OutputError, match=r"run\.json: found tag '\.\./\.\./x'; allowed: 8 hexadecimal digits"):
        stitch(made, output, resume=True)

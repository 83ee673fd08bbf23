"""A run that was stopped goes on: the same bytes, nothing written twice, nothing that differs taken for the same."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import AuditError, OutputError
from patchplan.journal import Kind, read_journal
from patchplan.journal.identity import read_identity
from patchplan.stitching import engine
from tests.grown import grown
from tests.plans.making import files_of
from tests.stitching.making import grid, pixels_of, plan_pixels, write_case
from tests.stitching.test_failures import stopped

SIDE, TILE = 600, 96
KINDS: dict[str, dict[str, Any]] = {
    "out.zarr": {"chunks": 64, "shards": "none", "levels": 3},
    "sharded.zarr": {"chunks": 32, "shards": 128, "levels": 2},
    "out.ome.tif": {"chunks": 64, "levels": 3},
    "out.npy": {},
}


class Stop(BaseException):
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A plan of 600 x 600 pixels and its tiles."""
    return write_case(tmp_path_factory.mktemp("made"), SIDE, TILE)


@pytest.fixture
def small_boxes(monkeypatch):
    """A box is one block, so that there is something to stop."""
    monkeypatch.setattr(engine, "choose_box", lambda work, *_: work.renderer.block)


def stitch(made: Path, output: Path, **options: Any) -> Any:
    kind = KINDS[output.name]
    return patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", output, workers=1, **(kind | options))


def undisturbed(made: Path, folder: Path, name: str, **options: Any) -> dict[str, bytes]:
    folder.mkdir()
    stitch(made, folder / name, **options)
    return files_of(folder)


def stop_after(monkeypatch, n_boxes: int) -> None:
    """Stop a run after so many boxes."""
    do_box, count = engine.do_box, 0

    def stopping(*args: Any) -> None:
        nonlocal count
        if count == n_boxes:
            raise Stop("here")
        do_box(*args)
        count += 1

    monkeypatch.setattr(engine, "do_box", stopping)


def journalled(output: Path) -> np.ndarray:
    partial = output.with_name(f"{output.name}.partial")
    return read_journal(partial / "journal", read_identity(partial / "run.json").number).entries


@pytest.mark.parametrize("name", KINDS)
def test_a_run_stopped_again_and_again_gives_the_same_bytes(made, tmp_path, monkeypatch, small_boxes, name):
    wanted = undisturbed(made, tmp_path / "whole", name, blend="hann")
    output = tmp_path / "parts" / name
    output.parent.mkdir()
    counts = [0]
    for n_boxes in (1, 1, 1):
        with monkeypatch.context() as patched:
            stop_after(patched, n_boxes)
            with pytest.raises(Stop, match="here"):
                stitch(made, output, blend="hann", resume=True)
        counts.append(len(journalled(output)))
        assert not output.exists()
    assert counts == [0, 1, 2, 3]
    stitch(made, output, blend="hann", resume=True)
    assert files_of(output.parent) == wanted


@pytest.mark.parametrize("name", ["out.zarr", "sharded.zarr", "out.ome.tif"])
def test_what_the_journal_has_is_not_written_again(made, tmp_path, monkeypatch, small_boxes, name):
    output = tmp_path / name
    with monkeypatch.context() as patched:
        stop_after(patched, 5)
        with pytest.raises(Stop, match="here"):
            stitch(made, output)
    place = grown(tmp_path / f"{name}.partial")
    store = place if place.is_dir() else next(place.parent.glob(".*.scratch"))
    before = {
        path: path.stat().st_mtime_ns for path in (store / "0").rglob("*") if path.name.isdigit() and path.is_file()
    }
    assert len(before) == 5
    with monkeypatch.context() as patched:
        stop_after(patched, 7)
        with pytest.raises(Stop, match="here"):
            stitch(made, output, resume=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(journalled(output)) == 12


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif"])
def test_a_run_stopped_in_its_pyramid_goes_on_there(made, tmp_path, monkeypatch, name):
    wanted = undisturbed(made, tmp_path / "whole", name)
    output = tmp_path / "parts" / name
    output.parent.mkdir()
    seen: list[tuple[int, int]] = []

    def progress(what: str, done: int, total: int) -> None:
        if "pyramid" in what or "TIFF" in what:
            seen.append((done, total))
            if len(seen) in (1, 2):
                raise Stop("here")

    for _ in range(2):
        with pytest.raises(Stop, match="here"):
            stitch(made, output, resume=True, progress=progress)
    assert (journalled(output)["level"] > 0).any()
    stitch(made, output, resume=True)
    assert files_of(output.parent) == wanted


@pytest.mark.parametrize("name", ["out.zarr", "out.ome.tif"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_chunks_that_changed_since_are_written_again(made, tmp_path, monkeypatch, small_boxes, name, damage):
    wanted = undisturbed(made, tmp_path / "whole", name)
    output = tmp_path / "parts" / name
    output.parent.mkdir()
    with monkeypatch.context() as patched:
        stop_after(patched, 80)
        with pytest.raises(Stop, match="here"):
            stitch(made, output)
    chunks = [path for path in (output.parent / f"{name}.partial").rglob("*") if path.name.isdigit() and path.is_file()]
    for path in chunks[::7]:
        if damage == "delete":
            path.unlink()
            continue
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    stitch(made, output, resume=True)
    assert files_of(output.parent) == wanted


def test_an_array_that_is_gone_is_written_anew(made, tmp_path, monkeypatch):
    wanted = undisturbed(made, tmp_path / "whole", "out.npy")
    output = tmp_path / "parts" / "out.npy"
    output.parent.mkdir()
    for size in (None, 1000):
        with monkeypatch.context() as patched:
            patched.setattr("patchplan.stitching.canvases.npy.NpyCanvas.finish", stop_now)
            with pytest.raises(Stop, match="here"):
                stitch(made, output, resume=True)
        assert len(journalled(output)) == 1
        place = grown(output.parent / "out.npy.partial")
        place.unlink() if size is None else os.truncate(place, size)
    stitch(made, output, resume=True)
    assert files_of(output.parent) == wanted


def stop_now(*_: Any) -> None:
    raise Stop("here")


@pytest.fixture
def left(made, tmp_path, monkeypatch, small_boxes) -> Path:
    """An output that was left after two blocks."""
    with monkeypatch.context() as patched:
        stop_after(patched, 2)
        with pytest.raises(Stop, match="here"):
            stitch(made, tmp_path / "out.zarr")
    output: Path = tmp_path / "out.zarr"
    return output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"blend": "hann"}, r"was begun with --blend crop, and now it is hann"),
        ({"reduce": "threshold:0"}, r"--reduce none, and now it is threshold:0"),
        ({"chunks": 32}, r"--chunks 64,64, and now it is 32,32"),
        ({"fill_value": 3}, r"--fill-value 0, and now it is 3"),
        ({"levels": 2}, r"--levels 3, and now it is 2"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_options_are_refused_by_name(made, left, options, said):
    before = files_of(left.parent)
    with pytest.raises(OutputError, match=rf"out\.zarr\.partial: .*{said}; give the same to go on"):
        stitch(made, left, resume=True, **options)
    assert files_of(left.parent) == before


def test_another_plan_is_refused(made, left, tmp_path):
    (tmp_path / "other").mkdir()
    other = plan_pixels(tmp_path / "other", np.zeros((SIDE, SIDE), "u1"), "YX", grid(TILE, 48))
    tiles = pixels_of((other.n_patches, 1, TILE, TILE), "f4")
    with pytest.raises(OutputError, match=r"was begun with a plan of digest \w+, and now it is \w+"):
        patchplan.stitch(other, tiles, left, resume=True, workers=1, **KINDS["out.zarr"])


def test_tiles_that_changed_are_refused_by_name(made, left, tmp_path):
    copy = tmp_path / "made"
    shutil.copytree(made, copy)
    plan = copy / "plan.parquet"
    names = (path for path in (copy / "tiles.zarr").rglob("*") if path.is_file())
    chunk = next(path for path in names if path.name.startswith("c.") or path.name == "0")
    chunk.touch()
    with pytest.raises(OutputError, match=r"tiles\.zarr/.* has changed since the run began; .* --overwrite"):
        patchplan.stitch(plan, copy / "tiles.zarr", left, resume=True, workers=1, **KINDS["out.zarr"])
    chunk.with_name("notes").touch()
    with pytest.raises(OutputError, match=r"was begun with \d+ files in .*, and now .*tiles\.zarr has \d+"):
        patchplan.stitch(made / "plan.parquet", copy / "tiles.zarr", left, resume=True, workers=1, **KINDS["out.zarr"])


def test_resume_where_nothing_is_left_begins(made, tmp_path):
    wanted = undisturbed(made, tmp_path / "whole", "out.zarr")
    (tmp_path / "new").mkdir()
    stitch(made, tmp_path / "new" / "out.zarr", resume=True)
    assert files_of(tmp_path / "new") == wanted


def test_a_run_that_was_to_replace_an_output_still_may(made, tmp_path, monkeypatch, small_boxes):
    output = tmp_path / "out.zarr"
    stitch(made, output, blend="hann")
    before = files_of(output)
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(Stop, match="here"):
            stitch(made, output, overwrite=True)
    assert files_of(output) == before
    stitch(made, output, resume=True)
    assert files_of(output) != before
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


def test_a_journal_that_is_damaged_costs_no_more_than_what_it_told(made, left, tmp_path):
    wanted = undisturbed(made, tmp_path / "whole", "out.zarr")
    path = left.with_name("out.zarr.partial") / "journal"
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(bytes(content) + b"torn")
    stitch(made, left, resume=True)
    assert files_of(tmp_path / "whole") == wanted
    assert {name: body for name, body in files_of(tmp_path).items() if name.startswith("out.zarr")} == wanted


@pytest.mark.parametrize("name", ["run.json", "journal"])
def test_what_nobody_can_read_any_more_is_refused(made, left, name):
    path = left.with_name("out.zarr.partial") / name
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(OutputError, match=rf"{name}: .*--overwrite (begins|to begin) anew"):
        stitch(made, left, resume=True)
    stitch(made, left, overwrite=True)
    assert [path.name for path in left.parent.iterdir()] == ["out.zarr"]


@pytest.mark.parametrize("name", ["out.zarr", "out.npy"])
def test_a_run_killed_when_its_output_has_its_name_is_done(made, tmp_path, monkeypatch, name):
    output = tmp_path / name
    with monkeypatch.context() as patched:
        patched.setattr("patchplan.publish.growth.LocalGrowth._discard", lambda self: None)
        stitch(made, output)
    partial = tmp_path / f"{name}.partial"
    before = files_of(tmp_path)
    assert partial.is_dir()
    result = stitch(made, output, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path: body for path, body in before.items() if ".partial" not in path} == files_of(tmp_path)
    assert result.outputs[0].shape == (SIDE, SIDE)


def test_the_whole_way_from_the_command_line(made, tmp_path):
    options = ["--chunks", "64", "--shards", "none", "--workers", "1"]
    command = ["x"] * 3 + ["stitch", str(made / "plan.parquet"), str(made / "tiles.zarr"), "-o", "out.zarr", *options]
    done = stopped(signal.SIGKILL, command, tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert (journalled(tmp_path / "out.zarr")["kind"] == Kind.PIECE).all()


@pytest.fixture
def fed(made) -> tuple[Any, Any]:
    plan = patchplan.open_plan(made / "plan.parquet")
    return plan, pixels_of((plan.n_patches, 1, TILE, TILE), "f4")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("blend", ["crop", "hann"])
def test_a_stitcher_goes_on_and_says_what_it_wants(fed, tmp_path, name, blend):
    plan, tiles = fed
    options = {**KINDS[name], "blend": blend}
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    patchplan.stitch(plan, tiles, tmp_path / "whole" / name, **options)
    order = np.random.default_rng(0).permutation(plan.n_patches)
    added: set[int] = set()
    for part in (0.5, 0.8, 1.0):
        wanted = run_stitcher(plan, tiles, tmp_path / "parts" / name, order[: int(part * len(order))], options)
        assert added | set(wanted.tolist()) == set(range(plan.n_patches)), "what is not wanted was added before"
        added |= set(order[: int(part * len(order))].tolist())
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def run_stitcher(plan: Any, tiles: Any, output: Path, indices: Any, options: dict[str, Any]) -> Any:
    """Add tiles, leave by an error unless they are all, and return which were wanted at first."""
    try:
        with patchplan.Stitcher(plan, output, resume=True, **options) as stitcher:
            wanted = stitcher.wanted
            stitcher.add(indices, tiles[indices])  # also those that are not wanted, which are left out
            if len(indices) < plan.n_patches:
                raise ZeroDivisionError
    except ZeroDivisionError as error:
        notes = getattr(error, "__notes__", [])
        assert all(note.endswith("or --overwrite to begin anew") for note in notes)
    return wanted


def test_a_stitcher_wants_few_tiles_where_little_is_lacking(fed, tmp_path):
    plan, tiles = fed
    options: dict[str, Any] = {"chunks": 128, "levels": 1}
    most = np.arange(plan.n_patches)[:-1]
    with (
        pytest.raises(AuditError, match="1 of"),
        patchplan.Stitcher(plan, tmp_path / "out.zarr", **options) as stitcher,
    ):
        stitcher.add(most, tiles[most])
    with patchplan.Stitcher(plan, tmp_path / "out.zarr", resume=True, **options) as stitcher:
        wanted = stitcher.wanted
        assert 0 < len(wanted) <= 9
        stitcher.add(wanted, tiles[wanted])
    assert stitcher.result.n_tiles == plan.n_patches
    assert not stitcher.result.missing

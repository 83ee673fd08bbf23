"""A run that was stopped goes on: the bytes of one that was not, whatever was noted and became of its files."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.extracting.ledger import Ledger
from patchplan.tiles.writing.array import ArrayWriter
from patchplan.tiles.writing.folder import FolderWriter
from patchplan.tiles.writing.stack import StackWriter
from tests.cli.running import listing
from tests.extracting.going_on import N_BATCHES, ROWS, TILED, extract, files_of, later, stop
from tests.extracting.making import ENDS
from tests.extracting.stopping import StoppedError, stop_here, stopping_after

Change = Callable[[Path], object]


def flip(path: Path) -> None:
    """Change a byte."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    later(path)


def into_link(path: Path) -> None:
    """Put a link to nowhere in the place of a file."""
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


DAMAGES: dict[str, Change] = {
    "flip": flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "lengthen": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "remove": Path.unlink,
    "link": into_link,
}
OF_ARRAYS = ("cut", "empty", "lengthen", "remove", "link")
"""Of the file of an array nothing tells that a byte has changed."""


@settings(max_examples=50)
@given(
    kind=st.sampled_from(list(ENDS)),
    order=st.permutations(range(N_BATCHES)),
    after=st.integers(1, N_BATCHES),
    workers=st.integers(1, 3),
    damaged=st.dictionaries(st.integers(0, 200), st.sampled_from(list(DAMAGES)), max_size=4),
)
@example(kind="stack", order=list(range(N_BATCHES)), after=9, workers=1, damaged={0: "cut", 5: "remove", 20: "flip"})
@example(kind="array", order=list(range(N_BATCHES)), after=9, workers=1, damaged={0: "remove"})
def test_resumed_bytes_are_those_of_an_undisturbed_run(made, kind, order, after, workers, damaged):
    """Any batches noted, any of their files damaged; stopped again on the way, too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = stop(made, folder, kind, after, list(order), workers=workers)
        files = files_of(place)
        for number, damage in damaged.items():
            if kind != "array" or damage in OF_ARRAYS:
                path = files[number % len(files)]
                if path.is_file() and not path.is_symlink() and path.stat().st_size:
                    DAMAGES[damage](path)
        with stopping_after(2, stop_here), contextlib.suppress(StoppedError):
            extract(made, folder, kind, resume=True, workers=workers)
        if (folder / f"{ENDS[kind]}.partial").exists():
            extract(made, folder, kind, resume=True, workers=workers)
        assert listing(folder) == listing(made / kind)


@pytest.mark.parametrize("kind", ENDS)
def test_what_is_noted_is_not_written_again(made, tmp_path, kind, monkeypatch):
    stop(made, tmp_path, kind, 6, workers=1)
    partial = tmp_path / f"{ENDS[kind]}.partial"
    noted = (partial / "journal").stat().st_size // 64 - 1
    assert 6 <= noted < N_BATCHES
    written = []
    for writer in (StackWriter, ArrayWriter, FolderWriter):

        def counted(self, start, index, tiles, write=writer.write):
            written.append(start)
            write(self, start, index, tiles)

        monkeypatch.setattr(writer, "write", counted)
    told: list[tuple[str, int, int]] = []
    extract(made, tmp_path, kind, resume=True, progress=lambda *args: told.append(args))
    assert sorted(written) == [ROWS * k for k in range(noted, N_BATCHES)]
    patches = [(done, total) for what, done, total in told if what == "patches"]
    assert (patches[0], patches[-1]) == ((ROWS * noted, 72), (72, 72))
    assert listing(tmp_path) == listing(made / kind)


@pytest.mark.parametrize("kind", ENDS)
def test_nothing_is_left_of_a_run_that_noted_nothing(made, tmp_path, kind):
    with (
        mock.patch.object(Ledger, "note", side_effect=StoppedError),
        pytest.raises(StoppedError),
    ):
        extract(made, tmp_path, kind)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ENDS)
def test_with_nothing_to_go_on_with_it_begins(made, tmp_path, kind):
    extract(made, tmp_path, kind, resume=True)
    assert listing(tmp_path) == listing(made / kind)


@pytest.mark.parametrize("kind", ENDS)
def test_what_is_complete_is_left_as_it_is(made, tmp_path, kind):
    """A stack tells what it is of; of others nobody can tell."""
    out = extract(made, tmp_path, kind)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    if kind == "stack":
        result = patchplan.extract(made / "p.csv", out, resume=True)
        assert result.notes == (f"{out} is there already, of this plan and these options: nothing is left to do",)
    else:
        with pytest.raises(patchplan.PatchplanError, match="exists already, and does not tell that it is of this plan"):
            extract(made, tmp_path, kind, resume=True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("options", [{"pad_mode": "reflect"}, {"channels": [0]}], ids=["pad_mode", "channels"])
def test_a_stack_of_other_options_is_not_taken_for_the_same(made, tmp_path, options):
    out = extract(made, tmp_path, "stack")
    with pytest.raises(patchplan.PatchplanError, match="does not tell that it is of this plan and options"):
        patchplan.extract(made / "p.csv", out, resume=True, **options)


def test_a_stack_that_is_older_than_its_image_is_refused(made, tmp_path):
    shutil.copy(made / "a.npy", tmp_path)
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching=TILED)
    out = patchplan.extract(tmp_path / "p.csv", tmp_path / "out.zarr").out
    (tmp_path / "a.npy").touch()
    with pytest.raises(patchplan.PatchplanError, match=r"is there already, and .*a\.npy is newer"):
        patchplan.extract(tmp_path / "p.csv", str(out), resume=True)


@pytest.mark.parametrize("kind", ENDS)
def test_what_is_complete_and_something_else_is_not_touched(made, tmp_path, kind):
    """A plan of fewer tiles, another kind of file, a store for predictions."""
    shutil.copy(made / "a.npy", tmp_path)
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching={**TILED, "overlaps": 0})
    out = extract(tmp_path, tmp_path, kind)
    before = listing(tmp_path)
    with pytest.raises(patchplan.PatchplanError, match=r"exists already, and does not tell"):
        extract(made, tmp_path, kind, resume=True)
    if kind in ("npy", "tif"):
        with pytest.raises(patchplan.PatchplanError, match=r"exists already, and does not tell"):
            patchplan.extract(tmp_path / "p.csv", out, format="tif" if kind == "npy" else "npy", resume=True)
    if kind == "stack":
        form: Any = {"channels_out": 1, "dtype": "u2", "overwrite": True}
        patchplan.extract(tmp_path / "p.csv", out, empty=True, **form)
        before = listing(tmp_path)
        with pytest.raises(patchplan.PatchplanError, match=r"exists already, and does not tell"):
            extract(tmp_path, tmp_path, kind, resume=True)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("kind", ENDS)
def test_killed_between_its_name_and_its_end(made, tmp_path, kind):
    """The output and its checksums have their names, and what is left of the run goes away."""
    with mock.patch("patchplan.publish.growth.flush_folder", side_effect=StoppedError), pytest.raises(StoppedError):
        extract(made, tmp_path, kind, checksums=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(ENDS[kind], f"{ENDS[kind]}.partial", f"{ENDS[kind]}.sha256")
    }
    stats = {path: path.stat().st_mtime_ns for path in files_of(tmp_path / ENDS[kind])}
    extract(made, tmp_path, kind, resume=True)
    assert {path.name for path in tmp_path.iterdir()} == {ENDS[kind], f"{ENDS[kind]}.sha256"}
    assert patchplan.verify(tmp_path / ENDS[kind]).ok
    assert {path: path.stat().st_mtime_ns for path in stats} == stats


def test_an_earlier_output_stands_until_the_run_that_was_told_to_replace_it_ends(made, tmp_path):
    """It was said once, and need not be said again."""
    patchplan.plan(made / "a.npy", tmp_path / "q.csv", patching={**TILED, "overlaps": 0})
    patchplan.extract(tmp_path / "q.csv", tmp_path / "out.zarr")
    (tmp_path / "q.csv").unlink()
    (tmp_path / "q.csv.json").unlink()
    before = listing(tmp_path)
    stop(made, tmp_path, "stack", 4, overwrite=True)
    assert {name: data for name, data in listing(tmp_path).items() if ".partial" not in name} == before
    extract(made, tmp_path, "stack", resume=True)
    assert listing(tmp_path) == listing(made / "stack")


@pytest.mark.parametrize("name", ["resume", "checksums"])
def test_a_store_for_predictions_is_not_gone_on_with(made, tmp_path, name):
    form: Any = {"empty": True, "channels_out": 1, "dtype": "u1", name: True}
    with pytest.raises(patchplan.PatchplanError, match=f"--{name}: not allowed with --empty"):
        patchplan.extract(made / "p.csv", tmp_path / "out.zarr", **form)


@pytest.mark.parametrize("kind", ENDS)
def test_checksums_are_those_of_the_files(made, tmp_path, kind):
    """They are asked for once, also of a run that was stopped; one that asks for none leaves none."""
    with (
        mock.patch("patchplan.journal.recording.Recording.complete", side_effect=StoppedError),
        pytest.raises(StoppedError),
    ):
        extract(made, tmp_path, kind, checksums=True)
    manifest = tmp_path / f"{ENDS[kind]}.sha256"
    assert not manifest.exists()
    out = extract(made, tmp_path, kind, resume=True)
    assert manifest.is_file()
    assert patchplan.verify(out).ok
    manifest.unlink()
    with pytest.raises(patchplan.PatchplanError, match=r"exists already|without checksums"):
        extract(made, tmp_path, kind, checksums=True, resume=True)
    manifest.touch()
    extract(made, tmp_path, kind, overwrite=True)
    assert listing(tmp_path) == listing(made / kind)


def test_torn_checksums_of_a_stopped_run_do_not_become_those_of_the_output(made, tmp_path):
    stop(made, tmp_path, "npy", 4)
    (tmp_path / "out.partial" / "sha256").write_text("torn")
    extract(made, tmp_path, "npy", resume=True)
    assert listing(tmp_path) == listing(made / "npy")


@pytest.mark.parametrize("name", ["a" * 300, "nowhere/out"])
def test_a_name_that_no_output_can_have_is_refused_with_resume_too(made, tmp_path, name):
    with pytest.raises(patchplan.PatchplanError, match=r"cannot be written: File name too long|does not exist"):
        patchplan.extract(made / "p.csv", tmp_path / name, resume=True)


def test_a_record_of_rows_that_are_not_there_counts_for_nothing(made, tmp_path):
    """Its checksum is right, so nobody writes it; it must not stop the run either."""
    from patchplan.journal.records import pieces, sealed

    stop(made, tmp_path, "npy", 4)
    record = sealed(pieces(0, 0, 2**40, (0,), (5,), 0, 7))
    with (tmp_path / "out.partial" / "journal").open("ab") as journal:
        journal.write(record.tobytes())
    extract(made, tmp_path, "npy", resume=True)
    assert listing(tmp_path) == listing(made / "npy")


def test_the_record_of_a_run_tells_what_it_is(made, tmp_path):
    stop(made, tmp_path, "npy", 4)
    found = json.loads((tmp_path / "out.partial" / "run.json").read_text())
    assert found["facts"]["--pad-mode"] == "constant"
    assert [image["uri"] for image in found["more"]["images"]] == ["a.npy"]


def test_what_was_complete_when_a_machine_went_down_is_published(made, tmp_path, monkeypatch):
    """That all is done is on the disk before the output gets its name."""
    monkeypatch.setattr("patchplan.journal.header.this_boot", lambda: 1)
    with mock.patch("patchplan.publish.growth.flush_folder", side_effect=StoppedError), pytest.raises(StoppedError):
        extract(made, tmp_path, "npy")
    monkeypatch.setattr("patchplan.journal.header.this_boot", lambda: 2)
    extract(made, tmp_path, "npy", resume=True)
    assert listing(tmp_path) == listing(made / "npy")

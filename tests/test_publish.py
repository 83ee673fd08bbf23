"""Outputs that grow under another name: never half there, never at the cost of somebody's files."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from patchplan.errors import ImageError, OutputError
from patchplan.publish import check_folder, zarr_files
from tests.killing import OURS, published_file, published_folder, read, write, write_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and signals of POSIX")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.zarr"


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_folder_appears_whole_and_only_at_the_end(path):
    with published_folder(path, overwrite=False, ours=OURS) as partial:
        (partial / "zarr.json").write_text("{}")
        assert names(path.parent) == ["out.zarr.partial"]
    assert names(path.parent) == ["out.zarr"]
    assert names(path) == ["zarr.json"]


def test_a_folder_takes_the_place_of_another_with_overwrite_only(path):
    write(path, "old")
    with (
        pytest.raises(OutputError, match=r"out\.zarr: exists already; use --overwrite"),
        published_folder(path, overwrite=False, ours=OURS),
    ):
        pass
    write(path, "new")
    assert read(path) == {"new"}
    assert names(path.parent) == ["out.zarr"]


def test_a_file_grows_in_a_folder_of_its_own(path):
    path.write_text("old")
    with published_file(path, overwrite=True, ours=OURS) as partial:
        partial.write_text("new")
        (partial.parent / "scratch").mkdir()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["out.zarr"]


class Stop(BaseException):
    pass


@pytest.mark.parametrize("stop", [Stop, ValueError, ImageError])
@pytest.mark.parametrize("publish", [published_folder, published_file])
def test_what_stops_a_run_leaves_the_old_output_and_nothing_else(path, publish, stop):
    write(path, "old") if publish is published_folder else path.write_text("old")

    def run() -> None:
        with publish(path, overwrite=True, ours=OURS) as partial:
            (partial / "zarr.json" if partial.is_dir() else partial).write_text("new")
            raise stop("a reason")

    with pytest.raises(stop, match="a reason"):
        run()
    assert read(path) == {"old"}
    assert names(path.parent) == ["out.zarr"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_named(path, number):
    write(path, "old")
    with (
        pytest.raises(OutputError, match=rf"out\.zarr: cannot be written: {os.strerror(number)}"),
        published_folder(path, overwrite=True, ours=OURS),
    ):
        raise OSError(number, os.strerror(number))
    assert read(path) == {"old"}
    assert names(path.parent) == ["out.zarr"]


def test_kills_at_every_step_leave_the_old_or_the_new_output(tmp_path):
    code = [sys.executable, "-m", "tests.killing", str(tmp_path)]
    done = subprocess.run(code, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    steps = dict(line.split() for line in done.stdout.splitlines())
    assert int(steps["folders"]) > 20
    assert int(steps["files"]) > 10


def test_what_a_killed_run_left_is_replaced_with_overwrite_only(path):
    left = path.with_name("out.zarr.partial") / "0123abcd-out.zarr"
    (left / "0").mkdir(parents=True)
    (left.parent / "lock").touch()
    (left / "0" / "zarr.json").write_text("{}")
    with (
        pytest.raises(OutputError, match=r"out\.zarr\.partial: is left from a run that was stopped; use --resume"),
        published_folder(path, overwrite=False, ours=OURS),
    ):
        pass
    write(path, "new")
    assert names(path.parent) == ["out.zarr"]


def plant_late(place: Path) -> None:
    """Write a block as a worker does that was taken for gone: folders that are lost are made again."""
    place.joinpath("0", "c").mkdir(parents=True, exist_ok=True)
    place.joinpath("0", "c", "7").write_text("late")


def test_what_a_run_that_was_taken_for_gone_still_writes_is_in_no_other_output(path):
    with published_folder(path, overwrite=False, ours=OURS) as gone:
        (gone / "zarr.json").write_text("first")
    with published_folder(path, overwrite=True, ours=OURS) as place:
        (place / "zarr.json").write_text("second")
        plant_late(gone)
    assert names(path) == ["zarr.json"]
    assert names(path.parent) == ["out.zarr"]
    plant_late(gone)
    write(path, "third")
    assert names(path.parent) == ["out.zarr"]
    assert read(path) == {"third"}


def test_what_is_written_late_is_no_stopped_run(path):
    """There is no lock: nobody is told to resume or overwrite, and no file of somebody else's is lost."""
    with pytest.raises(Stop), published_folder(path, overwrite=False, ours=OURS) as gone:
        raise Stop
    plant_late(gone)
    (gone.parent / "notes.txt").write_text("mine")
    with (
        pytest.raises(OutputError, match=r"out\.zarr\.partial: is not replaced, because notes\.txt in it is no part"),
        published_folder(path, overwrite=False, ours=OURS),
    ):
        pass
    assert (gone.parent / "notes.txt").read_text() == "mine"
    (gone.parent / "notes.txt").unlink()
    with published_folder(path, overwrite=False, ours=OURS) as place:
        (place / "zarr.json").write_text("{}")
    assert names(path.parent) == ["out.zarr"]
    assert names(path) == ["zarr.json"]


@pytest.mark.parametrize("publish", [published_folder, published_file])
@pytest.mark.parametrize("overwrite", [True, False])
def test_two_runs_at_once_do_not_share_an_output(path, publish, overwrite):
    with publish(path, overwrite=False, ours=OURS) as partial:
        (partial / "zarr.json" if publish is published_folder else partial).write_text("first")
        with (
            pytest.raises(OutputError, match=r"out\.zarr\.partial: another run is writing there"),
            publish(path, overwrite=overwrite, ours=OURS),
        ):
            pass
    assert read(path / "zarr.json" if publish is published_folder else path) == {"first"}


def test_many_runs_at_once_leave_one_whole_output(path):
    def run(version: int) -> None:
        try:
            write(path, str(version))
            done.append(version)
        except OutputError as error:
            refused.append(str(error))

    done: list[int] = []
    refused: list[str] = []
    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done
    assert len(done) + len(refused) == 8
    assert all("another run is writing" in text for text in refused)
    assert len(read(path)) == 1
    assert names(path.parent) == ["out.zarr"]


def test_an_output_that_came_meanwhile_is_not_replaced(path):
    def run() -> None:
        with published_folder(path, overwrite=False, ours=OURS) as partial:
            (partial / "zarr.json").write_text("{}")
            path.mkdir()
            (path / "zarr.json").write_text("other")

    with pytest.raises(OutputError, match="exists already"):
        run()
    assert (path / "zarr.json").read_text() == "other"
    assert names(path.parent) == ["out.zarr"]


@pytest.mark.parametrize("foreign", ["notes.txt", "labels/zarr.json", "0/c/notes.txt", "0/c/0/0/x/y"])
def test_a_folder_with_files_of_somebody_else_is_never_replaced(path, foreign):
    write(path, "old")
    file = path / foreign
    file.parent.unlink() if file.parent.is_file() else None
    for parent in reversed(file.relative_to(path).parents):
        if (path / parent).is_file():
            (path / parent).unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    with pytest.raises(OutputError, match=rf"is not replaced, because {foreign} in it is no part"):
        check_folder(path, overwrite=True, ours=OURS)
    with pytest.raises(OutputError, match="would be lost"):
        write(path, "new")
    assert file.read_text() == "mine"


def test_links_are_never_followed(path, tmp_path):
    mine = tmp_path / "mine"
    write(mine, "mine")
    path.symlink_to(mine)
    with pytest.raises(OutputError, match="is a link"):
        write(path, "new")
    path.unlink()
    write(path, "old")
    (path / "1").symlink_to(mine)
    with pytest.raises(OutputError, match="because 1 in it is no part"):
        write(path, "new")
    assert read(mine) == {"mine"}


@pytest.mark.parametrize("exists", [True, False])
def test_a_backup_made_by_hand_stays(path, exists):
    backup = path.with_name("out.zarr.old")
    write(backup, "backup")
    if exists:
        write(path.with_name("x"), "old")
        path.with_name("x").rename(path)
        with pytest.raises(OutputError, match=r"out\.zarr\.old: is in the way"):
            write(path, "new")
        assert read(path) == {"old"}
    else:
        write(path, "new")
        assert read(path) == {"new"}
    assert read(backup) == {"backup"}


def test_an_empty_folder_called_old_stays(path):
    backup = path.with_name("out.zarr.old")
    backup.mkdir()
    write(path, "old")
    with pytest.raises(OutputError, match=r"out\.zarr\.old: is in the way"):
        write(path, "new")
    assert (read(path), names(path.parent)) == ({"old"}, ["out.zarr", "out.zarr.old"])


@pytest.mark.parametrize("content", [[], [".patchplan-replaced"]])
def test_a_folder_called_old_beside_a_file_stays(path, content):
    backup = path.with_name("out.zarr.old")
    backup.mkdir()
    for name in content:
        (backup / name).touch()
    write_file(path, "old")
    write_file(path, "new")
    assert names(backup) == content
    assert read(path) == {"new"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
def test_an_interrupt_while_folders_swap_is_not_hidden(path, monkeypatch, number, when):
    """A signal may come before or after each of the two renames."""
    write(path, "old")
    rename, count = Path.rename, 0

    def interrupted(self, target):
        nonlocal count
        count += 1
        if (count, when) == (number, "before"):
            raise KeyboardInterrupt("here")
        moved = rename(self, target)
        if (count, when) == (number, "after"):
            raise KeyboardInterrupt("here")
        return moved

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt, match="here"):
        write(path, "new")
    assert read(path) == ({"new"} if (number, when) == (2, "after") else {"old"})
    assert [file.name for file in path.parent.iterdir()] == ["out.zarr"]
    assert not (path / ".patchplan-replaced").exists()


@pytest.mark.parametrize("publish", [published_folder, published_file])
def test_an_interrupt_while_the_output_is_begun_leaves_nothing(path, monkeypatch, publish):
    def interrupted(path, *, shared):
        raise KeyboardInterrupt("here")

    def run() -> None:
        with publish(path, overwrite=False, ours=OURS):
            pass

    monkeypatch.setattr("patchplan.publish.growth.lock_file", interrupted)
    with pytest.raises(KeyboardInterrupt, match="here"):
        run()
    assert names(path.parent) == []


@pytest.mark.parametrize("name", ["out.zarr.partial", "out.zarr"])
def test_a_file_in_the_way_is_not_removed(path, name):
    (path.parent / name).write_text("mine")
    with pytest.raises(OutputError, match=r"is in the way|is a file"):
        write(path, "new")
    assert (path.parent / name).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "problem"),
    [(".", "is no name"), ("..", "is no name"), ("nowhere/out.zarr", "does not exist"), ("a\0b", "cannot be written")],
)
def test_names_that_cannot_be_written(tmp_path, monkeypatch, name, problem):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=problem):
        write(Path(name), "new")
    assert names(tmp_path) == []


def test_zarr_files_knows_chunks_of_both_versions_and_what_killed_writers_leave():
    ours = zarr_files(r"\d+|tiles")
    assert all(
        ours(name)
        for name in ("zarr.json", ".zattrs", ".zgroup", "0/zarr.json", "0/.zarray", "0/c/0/1/2", "0/0/1", "tiles/c/0")
    )
    assert all(ours(f"0/c/0/1{end}") for end in (".__lock", f".{'a1' * 16}.partial"))
    assert not any(ours(name) for name in ("0/c/x", "a/zarr.json", "0/0/notes", "c/0", "0/c/0/1.bak", "../0/c/0"))

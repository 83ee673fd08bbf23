"""What a stopped run left is damaged before it goes on: the bytes are right in the end, or a line says why not."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.damages import CHUNK, JOURNAL, RUN, Damage, cut, lengthen, remove
from tests.faults.going_on import Stopped, stop
from tests.faults.stopping import blocks
from tests.grown import grown

OUTPUTS = ("zarr", "shards", "tiff", "npy", "several")


@pytest.fixture(scope="module")
def stopped(made, new_place, undisturbed) -> Callable[[str], Stopped]:
    """Return a run of a case that was killed when it had written some blocks."""
    found: dict[str, Stopped] = {}

    def stopped(name: str) -> Stopped:
        if name not in found:
            found[name] = stop(name, blocks_of(name), made, new_place(), undisturbed)
        return found[name]

    return stopped


def blocks_of(name: str) -> Callable[[Path], bool]:
    """Return when to kill a case."""
    from tests.faults.cases import CASES

    return blocks(CASES[name].output, 2)


def damaged(stopped: Stopped, folder: Path, name: str, damage: Damage) -> bool:
    """Damage a file of a copy of what was left; return whether the run then went on."""
    folder = stopped.copied(folder)
    damage(folder / stopped.partial / name, random.Random(0))
    return stopped.check(folder, stopped.resumed(folder))


@pytest.mark.parametrize("damage", JOURNAL.values(), ids=JOURNAL)
def test_a_damaged_journal(stopped, place, damage):
    damaged(stopped("zarr"), place / "here", "journal", damage)


@pytest.mark.parametrize("damage", RUN.values(), ids=RUN)
def test_a_damaged_record_of_the_run(stopped, place, damage):
    damaged(stopped("zarr"), place / "here", "run.json", damage)


def growing(stopped: Stopped) -> str:
    """Return what the output is called while it grows."""
    return grown(stopped.folder / stopped.partial).name


def scratch_in(partial: Path) -> Path:
    """Return the scratch store of a TIFF."""
    [found] = partial.glob(".*.scratch")
    return found


def chunk_of(stopped: Stopped) -> str:
    """Return a file of the output that the journal lists: the first block is among those written first."""
    chunk = grown(stopped.folder / stopped.partial) / "0/c/0/0/0"
    assert chunk.exists()
    return str(chunk.relative_to(stopped.folder / stopped.partial))


@pytest.mark.parametrize("damage", CHUNK.values(), ids=CHUNK)
@pytest.mark.parametrize("name", ["zarr", "shards"])
def test_a_damaged_chunk(stopped, place, name, damage):
    """It is noticed, and written again; or it is none of ours."""
    damaged(stopped(name), place / "here", chunk_of(stopped(name)), damage)


@pytest.mark.parametrize("damage", RUN.values(), ids=RUN)
def test_damaged_metadata_of_the_growing_output(stopped, place, damage):
    damaged(stopped("zarr"), place / "here", f"{growing(stopped('zarr'))}/0/zarr.json", damage)


@pytest.mark.parametrize("damage", [cut, lengthen, remove])
def test_a_growing_array_that_is_damaged(stopped, place, damage):
    damaged(stopped("npy"), place / "here", growing(stopped("npy")), damage)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_growing_output_is_gone_and_the_journal_is_not(stopped, place, name):
    case = stopped(name)
    left = [path.name for path in (case.folder / case.partial).iterdir()]
    kept = ("lock", "journal", "run.json")
    folder = case.copied(place / "here")
    for lost in set(left) - set(kept):
        remove(folder / case.partial / lost, random.Random(0))
    case.check(folder, case.resumed(folder))


@pytest.mark.parametrize("lost", ["0", "0/c", "0/c/0", "0/c/0/1"])
def test_folders_of_the_growing_output_are_gone(stopped, place, lost):
    damaged(stopped("zarr"), place / "here", f"{growing(stopped('zarr'))}/{lost}", remove)


LEFT = ("0/c/0/0/0.__lock", f"0/c/7/19/19.{'0a' * 16}.partial", "0/zarr.json.0123abcd.new", "zarr.json.0123abcd.new")
"""What a killed writer leaves: locks of tensorstore, new files of zarr-python and of ours."""


@pytest.mark.parametrize("name", ["zarr", "tiff"])
def test_what_a_killed_writer_leaves_is_not_published(stopped, place, name):
    folder = stopped(name).copied(place / "here")
    place = grown(folder / stopped(name).partial) if name == "zarr" else scratch_in(folder / stopped(name).partial)
    for left in LEFT:
        (place / left).parent.mkdir(parents=True, exist_ok=True)
        (place / left).write_bytes(b"half of it")
    assert stopped(name).check(folder, stopped(name).resumed(folder))


def test_what_is_no_part_of_the_output_is_not_published_or_named(stopped, place):
    """A file that somebody put there is not lost either."""
    folder = stopped("zarr").copied(place / "here")
    note = grown(folder / stopped("zarr").partial) / "notes.txt"
    note.write_text("mine")
    done = stopped("zarr").resumed(folder)
    if done.code == 0:
        assert (folder / "out.zarr" / "notes.txt").read_text() == "mine"
    else:
        assert "notes.txt" in done.err
        assert note.read_text() == "mine"

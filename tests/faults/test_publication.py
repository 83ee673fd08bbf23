"""From the last block to the asked name: killed at every step, in the way of others, and robbed."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cases import CASES
from tests.faults.damages import remove
from tests.faults.going_on import run_here
from tests.faults.stopping import DEADLINE, DRAWS, blocks, ended, refused, start
from tests.grown import grown
from tests.plans.making import files_of

STEPS = 10
"""So many steps at the end of a run are about publication; all by `python -m tests.faults.steps`."""


@pytest.mark.parametrize(("name", "over"), [("tiny", True), ("tiny-sums", False), ("tiny-tiff", False)])
def test_killed_at_each_of_the_last_steps(made, name, over):
    words = ["--what", name, "--made", str(made), "--last", str(STEPS), *(["--over"] if over else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.steps", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{STEPS} kills\n"), done.stderr


def beaten(name: str, made: Path, folder: Path, undisturbed) -> Path:
    """Let a run end when something else stands under the name; return what it leaves, without what stood there."""
    case = CASES[name]
    wanted = undisturbed(name)
    for _ in range(DRAWS):
        process = start(case.command(made), folder)
        when = blocks(case.output)
        while process.poll() is None and not when(folder):
            pass
        if not (folder / case.output).exists():
            (folder / case.output).mkdir()
            break
        ended(process)
        shutil.rmtree(folder / case.output)
    done = ended(process)
    assert done.code == 2, done
    assert case.output in done.err
    assert "Traceback" not in done.err
    assert files_of(folder) != wanted
    (folder / case.output).rmdir()
    return folder / f"{case.output}.partial"


@pytest.mark.parametrize("name", ["zarr", "tiff"])
def test_a_name_that_is_taken_meanwhile_is_not_taken_away(made, place, undisturbed, name):
    """What stands there is left; when it is gone, the run goes on with what is complete."""
    partial = beaten(name, made, place, undisturbed)
    left = grown(partial)
    before = {path.name: path.stat().st_mtime_ns for path in left.rglob("*")} if left.is_dir() else left.stat()
    done = run_here(CASES[name].command(made, "--resume"), place)
    assert done.code == 0, done.err
    assert files_of(place) == undisturbed(name)
    path = place / CASES[name].output
    after = {file.name: file.stat().st_mtime_ns for file in path.rglob("*")} if path.is_dir() else path.stat()
    assert after == before or not path.is_dir()


@pytest.mark.parametrize("lost", ["", "1", "zarr.json", "0/c/3", "2/c/0/0/0"])
def test_what_was_complete_and_lost_something_is_made_again(made, place, undisturbed, lost):
    partial = beaten("zarr", made, place, undisturbed)
    remove(grown(partial) / lost, random.Random(0))
    done = run_here(CASES["zarr"].command(made, "--resume"), place)
    assert done.code == 0, done.err
    assert files_of(place) == undisturbed("zarr")


def test_a_complete_tiff_that_is_lost_is_made_again(made, place, undisturbed):
    partial = beaten("tiff", made, place, undisturbed)
    grown(partial).unlink()
    done = run_here(CASES["tiff"].command(made, "--resume"), place)
    assert done.code == 0, done.err
    assert files_of(place) == undisturbed("tiff")


@pytest.mark.parametrize("name", ["npy", "folder"])
def test_what_does_not_tell_what_it_is_of_is_not_taken_for_the_same(made, place, undisturbed, name):
    case = CASES[name]
    assert run_here(case.command(made), place).code == 0
    refused(run_here(case.command(made, "--resume"), place), case.output, "exists already")
    assert files_of(place) == undisturbed(name)


@pytest.mark.parametrize("name", ["zarr", "tiff", "stack"])
def test_resuming_what_is_published_changes_nothing(made, place, undisturbed, name):
    case = CASES[name]
    assert run_here(case.command(made), place).code == 0
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    done = run_here(case.command(made, "--resume"), place)
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    assert files_of(place) == undisturbed(name)


def test_resuming_what_another_run_has_published_is_refused(made, place):
    case = CASES["zarr"]
    assert run_here(case.earlier(made), place).code == 0
    before = files_of(place)
    done = run_here(case.command(made, "--resume"), place)
    assert done.code == 2, done
    assert "out.zarr" in done.err
    assert files_of(place) == before

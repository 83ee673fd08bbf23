"""Two runs on one output: the second is refused; a lock goes with the process that held it."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.cases import CASES, empty
from tests.faults.stopping import DRAWS, POLL, blocks, ended, finish, run, start
from tests.plans.making import files_of


def halted(case, made: Path, folder: Path):
    """Start a run and halt it (it lives on, and does nothing) when it has written a block."""
    when = blocks(case.output)
    for _ in range(DRAWS):
        process = start(case.command(made), folder)
        while process.poll() is None and not when(folder):
            time.sleep(POLL)
        process.send_signal(signal.SIGSTOP)
        if process.poll() is None:
            return process
        ended(process)
        empty(folder)
    raise AssertionError(f"in {DRAWS} runs none was halted in time")


@pytest.mark.parametrize("name", ["zarr", "npy", "stack"])
def test_a_second_run_is_refused_and_the_first_ends_well(made, place, undisturbed, name):
    case = CASES[name]
    first = halted(case, made, place)
    for more in ((), ("--resume",), ("--overwrite",), ("--overwrite", "--resume")):
        second = run(case.command(made, *more), place)
        assert second.code == 2, second
        assert "another run is writing there" in second.err
        assert len(second.err.splitlines()) == 1
    first.send_signal(signal.SIGCONT)
    done = ended(first)
    assert done.code == 0, done.err
    assert files_of(place) == undisturbed(name)


def test_the_lock_of_a_killed_run_is_gone(made, place, undisturbed):
    case = CASES["zarr"]
    first = halted(case, made, place)
    first.kill()
    ended(first)
    finish(case.command(made, "--resume"), place)
    assert files_of(place) == undisturbed("zarr")


def test_of_two_that_go_on_at_once_one_is_refused_and_the_bytes_are_right(made, place, undisturbed):
    """Or the second finds what the first has published, which is what it would have made."""
    case = CASES["zarr"]
    first = halted(case, made, place)
    first.kill()
    ended(first)
    both = [start(case.command(made, "--resume"), place) for _ in range(2)]
    codes = sorted(ended(process).code for process in both)
    assert codes in ([0, 0], [0, 2])
    assert files_of(place) == undisturbed("zarr")
    assert [path.name for path in place.iterdir()] == [case.output]

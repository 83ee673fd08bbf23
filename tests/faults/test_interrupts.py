"""Ctrl-C and SIGTERM: prompt, exit code 130, and a last line that says how to go on."""

import signal

import pytest

from tests.faults.cases import CASES, empty
from tests.faults.stopping import DRAWS, When, blocks, exists, finish, signal_when
from tests.plans.making import files_of

PROMPT = 2.0
"""Seconds that ending may take."""

MOMENTS: dict[str, tuple[str, When]] = {
    "blocks": ("zarr", blocks("out.zarr")),
    "pyramid": ("shards", exists("out.zarr.partial/*-out.zarr/1/c/*")),
    "TIFF pass": ("tiff", exists("out.ome.tif.partial/*-out.ome.tif")),
    "array": ("npy", blocks("out.npy")),
    "patches": ("stack", blocks("out.zarr")),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_a_run_ends_promptly_and_says_how_to_go_on(made, place, undisturbed, moment, number):
    name, when = MOMENTS[moment]
    case = CASES[name]
    for _ in range(DRAWS):
        stopped = signal_when(when, number, case.command(made), place)
        if stopped is not None:
            break
        empty(place)
    assert stopped is not None, f"in {DRAWS} runs none was interrupted in time"
    done, seconds = stopped
    assert done.code == 130, done
    assert seconds < PROMPT
    assert done.out == ""
    assert "--resume" in done.err.splitlines()[-1]
    assert [path.name for path in place.iterdir()] == [f"{case.output}.partial"]
    finish(case.command(made, "--resume"), place)
    assert files_of(place) == undisturbed(name)


def test_interrupted_before_its_first_block_a_run_leaves_nothing(made, place):
    """Where the signal comes a little later, there is something to go on with, and the line says so."""
    case = CASES["zarr"]
    stopped = signal_when(exists("out.zarr.partial"), signal.SIGTERM, case.command(made), place)
    assert stopped is not None
    assert stopped[0].code == 130
    if "--resume" in stopped[0].err:
        assert [path.name for path in place.iterdir()] == ["out.zarr.partial"]
    else:
        assert stopped[0].err == "interrupted: nothing was written\n"
        left = [path.name for path in place.rglob("*")]
        assert left in ([], ["out.zarr.partial"], ["out.zarr.partial", "lock"]), "at most what nobody needs to remove"

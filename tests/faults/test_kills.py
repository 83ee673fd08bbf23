"""Ten kills of the real command; hundreds by `python -m tests.faults.killing`."""

import random

import pytest

from tests.faults.cases import CASES
from tests.faults.killing import Killing
from tests.faults.stopping import When, blocks, exists

MOMENTS: dict[tuple[str, bool], list[When]] = {
    ("zarr", True): [blocks("out.zarr"), blocks("out.zarr", 5)],
    ("shards", False): [exists("out.zarr.partial/*-out.zarr/1/c/*")],
    ("tiff", True): [blocks("out.ome.tif"), exists("out.ome.tif.partial/*-out.ome.tif")],
    ("npy", False): [blocks("out.npy")],
    ("several", False): [blocks("out")],
    ("stack", False): [blocks("out.zarr")],
    ("folder", True): [blocks("out")],
}


@pytest.fixture(params=MOMENTS, ids=lambda case: f"{case[0]}{' over an old one' * case[1]}", scope="module")
def killing(request, made, new_place) -> tuple[Killing, list[When]]:
    """Return a command that has run undisturbed, and when to kill it."""
    name, over = request.param
    folder = new_place() / "here"
    folder.mkdir()
    killing = Killing(CASES[name], made, folder, over=over)
    killing.undisturbed()
    return killing, MOMENTS[request.param]


def test_killed_and_resumed_the_bytes_are_those_of_an_undisturbed_run(killing):
    """Whatever stands under the name is whole, and no block that the journal has is written again."""
    for when in killing[1]:
        killing[0].ready()
        killing[0].kill_when(when)
        killing[0].resume()


def test_killed_at_random(made, place):
    """The tenth kill, or the tenth and some that go on."""
    killing = Killing(CASES["zarr"], made, place)
    killing.kill_at_random(random.Random(3), killing.undisturbed())
    killing.resume()

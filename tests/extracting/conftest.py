"""What is stopped and gone on with: made once, changed by no test."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

import patchplan
from tests.extracting.going_on import ROWS, TILED, extract
from tests.extracting.making import ENDS, make_npy


@pytest.fixture(scope="module")
def small_batches() -> Iterator[None]:
    """Write five rows at a time."""
    with mock.patch("patchplan.tiles.writing.writer.MAX_ROWS", ROWS):
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small_batches: None) -> Path:
    """An image, a plan of 72 tiles, so fifteen batches, and what is extracted in each kind of output."""
    del small_batches
    folder: Path = tmp_path_factory.mktemp("made")
    image = make_npy(folder / "a.npy", (50, 54), "u2")
    patchplan.plan(image, folder / "p.csv", patching=TILED)
    for kind in ENDS:
        (folder / kind).mkdir()
        extract(folder, folder / kind, kind)
    return folder

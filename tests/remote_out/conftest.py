"""What the tests write into a bucket."""

from pathlib import Path

import pytest

from patchplan.stitching import engine
from tests.stitching.making import write_case

SIDE, TILE = 200, 96


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A plan of 200 x 200 pixels and its 9 tiles."""
    return write_case(tmp_path_factory.mktemp("made"), SIDE, TILE)


@pytest.fixture
def small_boxes(monkeypatch):
    """A box is one block, so that there is something to stop."""
    monkeypatch.setattr(engine, "choose_box", lambda work, *_: work.renderer.block)

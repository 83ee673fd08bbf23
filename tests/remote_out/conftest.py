"""A bucket of a server that runs here, and what the tests write into it."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from uuid import uuid4

import pytest

from patchplan.objects import ObjectPath
from patchplan.stitching import engine
from tests.s3 import serving
from tests.stitching.making import write_case

SIDE, TILE = 200, 96


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A server of S3, with one bucket."""
    with serving() as settings, mock.patch.dict(os.environ, settings):
        yield settings["AWS_ENDPOINT_URL"]


@pytest.fixture
def bucket(endpoint) -> ObjectPath:
    """A prefix that no other test uses."""
    return ObjectPath("s3", "bucket", uuid4().hex)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A plan of 200 x 200 pixels and its 9 tiles."""
    return write_case(tmp_path_factory.mktemp("made"), SIDE, TILE)


@pytest.fixture
def small_boxes(monkeypatch):
    """A box is one block, so that there is something to stop."""
    monkeypatch.setattr(engine, "choose_box", lambda work, *_: work.renderer.block)


@pytest.fixture(scope="session")
def bucket_of_all(endpoint) -> ObjectPath:
    """A prefix for many examples of one test."""
    return ObjectPath("s3", "bucket", uuid4().hex)

"""A bucket of a server that runs here, and what the tests write into it."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from uuid import uuid4

import numpy as np
import pytest

from patchplan.objects import ObjectPath
from patchplan.stitching import engine
from tests.stitching.making import grid, pixels_of, plan_pixels, write_stack

SIDE, TILE = 200, 96


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A server of S3, with one bucket."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    with mock.patch.dict(os.environ, settings):
        from urllib.request import Request, urlopen

        urlopen(Request(f"http://{host}:{port}/bucket", method="PUT"))
        yield settings["AWS_ENDPOINT_URL"]
    server.stop()


@pytest.fixture
def bucket(endpoint) -> ObjectPath:
    """A prefix that no other test uses."""
    return ObjectPath("s3", "bucket", uuid4().hex)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A plan of 200 x 200 pixels and its 9 tiles."""
    folder: Path = tmp_path_factory.mktemp("made")
    plan = plan_pixels(folder, np.zeros((SIDE, SIDE), "u1"), "YX", grid(TILE, 32))
    write_stack(folder / "tiles.zarr", list(pixels_of((plan.n_patches, 1, TILE, TILE), "f4")))
    return folder


@pytest.fixture
def small_boxes(monkeypatch):
    """A box is one block, so that there is something to stop."""
    monkeypatch.setattr(engine, "choose_box", lambda work, *_: work.renderer.block)


@pytest.fixture(scope="session")
def bucket_of_all(endpoint) -> ObjectPath:
    """A prefix for many examples of one test."""
    return ObjectPath("s3", "bucket", uuid4().hex)

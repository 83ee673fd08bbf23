"""Stores and servers that are silent, cut short, or hold odd things: errors of one line, or no matter."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import tifffile

import patchplan
from patchplan.errors import ConfigError, ImageError
from patchplan.objects import location
from tests.cli.running import TOOL, environment
from tests.remote.making import GRID
from tests.remote_out.making import objects_of


@contextmanager
def silent() -> Iterator[str]:
    """Yield the address of a server that listens and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("store", ["s3", "http"])
def test_ctrl_c_ends_the_wait_for_a_silent_server(tmp_path, store):
    with silent() as url:
        given = f"{url}/image.tif" if store == "http" else "s3://bucket/image.tif"
        env = environment(AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s")
        with subprocess.Popen(
            [*TOOL, "inspect", given], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            time.sleep(2)
            os.killpg(process.pid, signal.SIGINT)
            _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in told


def test_an_object_that_is_replaced_while_it_is_open_is_an_error(tmp_path, bucket):
    pixels = np.arange(300 * 400, dtype="u4").reshape(300, 400)
    for k, name in enumerate("ab"):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels + k, rowsperstrip=50, compression="zlib")
    (bucket / "a.tif").upload(tmp_path / "a.tif")
    file = (bucket / "a.tif").open()
    assert file.read(4) == b"II*\0"
    (bucket / "a.tif").upload(tmp_path / "b.tif")
    file.seek(1 << 16)
    with pytest.raises(OSError, match="has changed since it was opened"):
        file.read(4)


@pytest.mark.parametrize("name", ["raw.tif", "tiled.tif", "image.npy"])
def test_pixels_of_an_object_that_is_replaced_are_never_mixed(tmp_path, bucket, name):
    pixels = np.random.default_rng(0).integers(0, 60000, (400, 500), "u2")  # larger than what is read to open it
    if name.endswith("npy"):
        np.save(tmp_path / name, pixels)
    else:
        tifffile.imwrite(tmp_path / name, pixels, tile=(64, 64) if name == "tiled.tif" else None)
    (bucket / name).upload(tmp_path / name)
    with patchplan.open_image(str(bucket / name)) as source:
        source.read(0, (0, 0), (8, 8))
        body = bytearray((tmp_path / name).read_bytes())
        body[-1] ^= 1
        (bucket / name).write_bytes(bytes(body))
        with pytest.raises(ImageError, match="has changed since it was opened"):
            source.read(0, (300, 300), (50, 90))


def test_an_object_that_got_shorter_is_an_error_of_one_line(tmp_path, bucket):
    tifffile.imwrite(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 9, (900, 900), "u1"), tile=(64, 64))
    (bucket / "a.tif").upload(tmp_path / "a.tif")
    with patchplan.open_image(str(bucket / "a.tif")) as source:
        source.read(0, (0, 0), (8, 8))
        (bucket / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:5000])
        with pytest.raises(ImageError, match=r"a\.tif: ") as told:
            source.read(0, (700, 700), (64, 64))
    assert "\n" not in str(told.value)


class Short(BaseHTTPRequestHandler):
    """Answers with fewer bytes than asked for, and says that these are all."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(206)
        self.send_header("Content-Range", "bytes 0-9/100000")
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"II*\0\x08\0\0\0\0\0")

    def log_message(self, *_: Any) -> None:
        pass


def test_a_server_that_cuts_its_answers_is_an_error_of_one_line():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Short)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/a.tif"
        with pytest.raises(ImageError, match=r"a\.tif: ") as told:
            patchplan.open_image(url)
    finally:
        server.shutdown()
        server.server_close()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:5000", "not a url", "ftp://host"])
def test_an_endpoint_that_is_no_url_is_refused(monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ConfigError, match=f"AWS_ENDPOINT_URL: found '{endpoint}'; allowed: a URL such as http://HOST"):
        patchplan.open_image("s3://bucket/a.tif")


def test_a_bucket_has_no_spaces():
    with pytest.raises(ConfigError, match="found 'buc ket' for the name of a bucket or host"):
        location("s3://buc ket/a.tif")


def test_marks_of_folders_are_nothing(images, bucket):
    """Consoles make them: objects of 0 bytes whose keys end with a slash."""
    for name in ("images", "out.zarr", "tiles"):
        put_mark(f"{bucket}/{name}/")
    (bucket / "images" / "image.npy").upload(images / "image.npy")
    assert [one.uri for one in patchplan.inspect_images([f"{bucket}/images"]).images] == [f"{bucket}/images/image.npy"]
    patchplan.plan(f"{bucket}/images", f"{bucket}/p.csv", patching=GRID)
    for name in ("out.zarr", "tiles"):
        patchplan.extract(f"{bucket}/p.csv", f"{bucket}/{name}")
        patchplan.extract(f"{bucket}/p.csv", f"{bucket}/{name}", overwrite=True)
    assert {"p.csv", "out.zarr/zarr.json", "tiles/00.npy"} <= {name for name, _ in bucket.listing()}
    assert "tiles" not in objects_of(bucket).keys() | objects_of(bucket / "tiles").keys()


def put_mark(url: str) -> None:
    """Put an object whose key ends with a slash, which obstore cannot."""
    from urllib.request import Request, urlopen

    key = url.removeprefix("s3://")
    with urlopen(Request(f"{os.environ['AWS_ENDPOINT_URL']}/{key}", data=b"", method="PUT")):
        pass


def test_nothing_of_obstore_is_left_waiting_at_the_end():
    """A wait that was given up must not keep the process."""
    script = """
import patchplan, signal, threading, os, sys
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    patchplan.open_image(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted")
"""
    with silent() as url:
        begun = time.monotonic()
        command = [sys.executable, "-c", script, f"{url}/a.tif"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    assert time.monotonic() - begun < 15

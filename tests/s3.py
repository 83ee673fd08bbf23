"""A server of S3 that runs here, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()
"""
"""Ends when nobody holds its input any more."""


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """Yield the variables that lead to a server with one bucket, called `bucket`."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            url = "http://{}:{}".format(*server.stdout.readline().split())
            with urlopen(Request(f"{url}/bucket", method="PUT")):
                pass
            keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
            yield {**keys, "AWS_ENDPOINT_URL": url}
        finally:
            server.kill()

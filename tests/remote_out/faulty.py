"""A proxy in front of a server that does to some requests what busy servers and poor networks do."""

import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FAULTS = ("500", "503", "slow", "cut before", "cut after", "cut within")


class Faulty:
    """Which requests go wrong, and how; `counts` are requests by their method and faults by their name."""

    def __init__(self, server: str, rate: float, seed: int) -> None:
        self.server = urlsplit(server).netloc
        self.rate = rate
        self.counts: Counter[str] = Counter()
        self.requests: list[tuple[str, str]] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def next(self, method: str, path: str) -> str | None:
        with self._lock:
            self.counts[method] += 1
            self.requests.append((method, path))
            fault = self._random.choice(FAULTS) if self._random.random() < self.rate else None
            if fault is not None:
                self.counts[fault] += 1
            return fault


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: Faulty

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):
            super().handle_one_request()

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.faulty.next(self.command, self.path)
        if fault == "slow":
            time.sleep(0.1)
        if fault in ("500", "503"):
            self._answer(int(fault), {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        if fault == "cut before":
            self._cut()
            return
        server = http.client.HTTPConnection(self.faulty.server)
        server.request(self.command, self.path, body, dict(self.headers))
        found = server.getresponse()
        answer = found.read()
        server.close()
        if fault == "cut after":  # it was done, and nobody is told
            self._cut()
            return
        self._answer(found.status, dict(found.headers), answer, cut=fault == "cut within")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do  # noqa: N815 - as the base class calls them

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(server: str, rate: float, seed: int = 0) -> Iterator[tuple[str, Faulty]]:
    """Yield a URL that behaves badly at some rate, and what it does."""
    faulty = Faulty(server, rate, seed)
    handler: Any = type("Handler", (Handler,), {"faulty": faulty})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", faulty
        httpd.shutdown()

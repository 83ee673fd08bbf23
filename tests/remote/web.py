"""A folder on the web: whole files and ranges of them, and no listing."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        file = self.folder / self.path.lstrip("/")
        if not file.is_file():
            self._answer(404, b"")
            return
        data = file.read_bytes()
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if found is None:
            self._answer(200, data)
            return
        start, stop = int(found[1] or len(data) - int(found[2])), len(data)
        if found[1] and found[2]:
            stop = min(int(found[2]) + 1, stop)
        self._answer(206, data[start:stop], ("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}"))

    do_HEAD = do_GET  # noqa: N815 - as the base class calls it

    def _answer(self, status: int, body: bytes, *more: tuple[str, str]) -> None:
        self.send_response_only(status)
        for name, value in (*more, ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"), ("ETag", '"1"')):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Yield the URL of a folder."""
    handler: Any = type("Handler", (Handler,), {"folder": folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()

"""Servers that answer as a test says."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = Callable[[str, str | None], tuple[int, bytes, Mapping[str, str]]]
"""Status, body and headers, by the path and the range that is asked for."""


@pytest.fixture
def answering() -> Iterator[Callable[[Answer], str]]:
    """Yield what starts a server and returns its URL."""
    with ExitStack() as stack:

        def serve(answer: Answer) -> str:
            handler: Any = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
            server = stack.enter_context(_Server(("127.0.0.1", 0), handler))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield serve


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that do not wait for the end of a wrong answer."""


class _Handler(BaseHTTPRequestHandler):
    answer: Answer

    def do_GET(self) -> None:
        status, body, headers = self.answer(self.path, self.headers.get("Range"))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - as the base class calls it

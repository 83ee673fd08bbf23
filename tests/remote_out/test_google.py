"""Locks in Google's store, which knows objects by their generations: against as much of its protocol as they need."""

import json
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from obstore.store import GCSStore

from patchplan.errors import OutputError
from patchplan.objects import ObjectPath, path
from patchplan.publish.leases import Lease


class Google(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: ClassVar[dict[str, tuple[int, bytes]]] = {}

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted, now = self.headers["x-goog-if-generation-match"], self.objects.get(self.path, (0, b""))[0]
        if wanted is not None and int(wanted) != now:
            self._answer(412)
            return
        self.objects[self.path] = now + 1, body
        self._answer(200, b"", now + 1)

    def do_GET(self) -> None:
        generation, body = self.objects.get(self.path, (0, b""))
        self._answer(200 if generation else 404, body, generation)

    def do_DELETE(self) -> None:
        del self.objects[self.path]
        self._answer(204)

    def _answer(self, status: int, body: bytes = b"", generation: int = 0) -> None:
        self.send_response(status)
        self.send_header("x-goog-generation", str(generation))
        self.send_header("ETag", f'"{generation}"')
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 02:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def google(tmp_path, monkeypatch) -> Iterator[ObjectPath]:
    account = tmp_path / "account.json"
    with ThreadingHTTPServer(("127.0.0.1", 0), Google) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        told = {"gcs_base_url": f"http://127.0.0.1:{server.server_address[1]}", "disable_oauth": True}
        account.write_text(json.dumps(told | {"client_email": "", "private_key": "", "private_key_id": ""}))

        @cache
        def store_of(_: ObjectPath) -> GCSStore:
            return GCSStore("bucket", service_account_path=str(account), client_options={"allow_http": True})

        monkeypatch.setattr(path, "store_of", store_of)
        yield ObjectPath("gs", "bucket", "out.zarr.partial")
        server.shutdown()


def test_a_lock_is_taken_renewed_found_and_lost(google):
    lease = Lease(google / "lock")
    lease.check(surely=True)
    lease.check(surely=True)
    with pytest.raises(OutputError, match="another run is writing there"):
        Lease(google / "lock")
    assert (google / "lock").write_bytes(b"{}", if_absent=True) is None
    (google / "lock").write_bytes(b"{}")
    with pytest.raises(OutputError, match="another run has taken over"):
        lease.check(surely=True)
    lease.release()

"""Ranges of bytes: those that were asked for and no others, whatever a server sends."""

import re
import socket
import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.objects import ObjectPath, location, path, stores
from patchplan.objects.fetching import Span, fetched_together, joined
from patchplan.objects.waiting import AT_A_TIME, each

SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)).map(lambda one: (one[0], sum(one))), max_size=9)


@given(SPANS, st.integers(0, 50))
def test_spans_fetched_together_are_the_bytes_of_each(spans, near):
    data, asked = bytes(range(256)) * 2, []

    def fetch(span: Span) -> memoryview:
        asked.append(span)
        return memoryview(data[slice(*span)])

    assert fetched_together(fetch, spans, near) == [data[start:stop] for start, stop in spans]
    assert sorted(asked) == joined(spans, near)


@given(SPANS, st.integers(0, 50))
def test_joined_spans_hold_all_and_are_far_from_each_other(spans, near):
    found = joined(spans, near)
    assert all(any(a <= start and stop <= b for a, b in found) for start, stop in spans)
    assert all(later - stop > near for (_, stop), (later, _) in pairwise(found))
    assert all((start, stop) in found for start, stop in spans if len(spans) == 1)


def test_each_does_a_few_at_a_time_and_keeps_the_order():
    inside, most, lock = [0], [0], threading.Lock()

    def work(n: int) -> int:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.005)
        with lock:
            inside[0] -= 1
        return n * n

    assert each(work, range(40)) == [n * n for n in range(40)]
    assert 1 < most[0] <= AT_A_TIME


def test_each_begins_no_more_once_one_has_failed():
    begun = []

    def work(n: int) -> None:
        begun.append(n)
        time.sleep(0.01)
        raise ValueError(f"number {n}")

    with pytest.raises(ValueError, match="number 0"):
        each(work, range(1000))
    time.sleep(0.05)
    assert len(begun) < 100


def sent(body: bytes, start: int, stop: int) -> tuple[int, bytes, Mapping[str, str]]:
    """Return an answer that claims to be the range [start, stop) of 100,000 bytes."""
    said = {"Content-Range": f"bytes {start}-{stop - 1}/100000", "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    return 206, body, said


WRONG = {
    "half of it": lambda start, stop: sent(bytes((stop - start) // 2), start, stop),
    "more of it": lambda start, stop: sent(bytes(stop - start + 9), start, stop),
    "less, and says so": lambda start, stop: sent(bytes(10), start, start + 10),
    "another place": lambda start, stop: sent(bytes(10), 0, 10),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_server_that_sends_other_bytes_than_asked_for_is_an_error(answering, wrong, capfd):
    def answer(_: str, asked: str | None) -> tuple[int, bytes, Mapping[str, str]]:
        first, last = map(int, re.findall(r"\d+", asked or "bytes=0-99999"))
        answered: tuple[int, bytes, Mapping[str, str]] = wrong(first, last + 1)
        return answered

    url = location(f"{answering(answer)}/a.bin")
    assert isinstance(url, ObjectPath)
    for spans in ([(50, 1000)], [(50, 1000), (2000, 3000)], [(50, 100), (90_000, 90_100)]):
        with pytest.raises(OSError, match=r"since it was opened, or its server cuts|answer as it should: R") as error:
            url.read_ranges(spans)
        assert error.value.filename == str(url)
        assert "\n" not in str(error.value)
    with pytest.raises(OSError, match=r"found|answer as it should: Requested"):
        url.read_range(50, 1000)
    with pytest.raises(OSError, match=r"found|answer as it should: Requested"):
        url.read_head(1000)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("scheme", "etag", "wanted"),
    [
        ("s3", '"1"', {"if_match": '"1"'}),
        ("gs", '"1"', {"if_match": '"1"'}),
        ("https", '"1"', {}),
        ("s3", 'W/"1"', {}),
        ("s3", None, {}),
    ],
)
def test_the_tag_is_asked_for_where_stores_keep_to_it(monkeypatch, scheme, etag, wanted):
    class Store:
        def get(self, key: str, *, options: dict[str, Any]) -> Any:
            assert options == {"range": (0, 3), **wanted}
            return self

        def bytes(self) -> bytes:
            return b"abc"

    monkeypatch.setattr(path, "store_of", lambda _: Store())
    assert ObjectPath(scheme, "bucket", "key").read_range(0, 3, etag=etag) == b"abc"
    assert ObjectPath(scheme, "bucket", "key").read_ranges([(1, 3), (0, 2)], etag=etag) == [b"bc", b"ab"]


def test_a_silent_server_is_an_error_in_the_end(monkeypatch):
    monkeypatch.setitem(stores._CLIENT, "read_timeout", "100ms")
    monkeypatch.setitem(stores._RETRIES, "max_retries", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = location(f"http://127.0.0.1:{server.getsockname()[1]}/a.tif")
        assert isinstance(url, ObjectPath)
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"answer as it should: after 1 retries .* \(nothing was heard in time\)"):
            url.stat()
    assert time.monotonic() - begun < 5

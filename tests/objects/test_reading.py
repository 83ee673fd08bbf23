"""Objects read by ranges: as files, and as arrays."""

import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.images.ranges import Ranges
from patchplan.objects import ObjectPath, Status, location, reading
from patchplan.objects.reading import Known, ObjectFile, open_object


class Held:
    """An object that is held in memory, and counts requests; each is another one, whatever its bytes."""

    made = 0

    def __init__(self, data: bytes) -> None:
        Held.made += 1
        self.data, self.version, self.requests = data, f"{Held.made}", 0

    def __str__(self) -> str:
        return "s3://bucket/held"

    def stat(self) -> Status:
        return Status(len(self.data), 0.0, self.version)

    def read_range(self, start: int, stop: int, *, etag: str | None = None) -> bytes:
        assert 0 <= start < stop <= len(self.data)
        self.requests += 1
        return self.data[start:stop]

    def read_ranges(self, spans: Sequence[tuple[int, int]], *, etag: str | None = None) -> list[memoryview]:
        return [memoryview(self.read_range(start, stop)) for start, stop in spans]


def an_object(data: bytes) -> Any:
    return Held(data)


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", 16)
        patch.setattr(reading, "KEPT_BYTES", 256)
        yield


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 320), st.integers(0, 320)), max_size=8))
def test_an_object_reads_as_a_file_of_its_bytes(data, places):
    file, plain = open_object(an_object(data)), io.BytesIO(data)
    for start, n in places:
        assert file.seek(start) == plain.seek(start)
        assert file.read(n) == plain.read(n)
    assert file.seek(0, io.SEEK_END) == len(data)


def test_what_was_read_is_not_fetched_again():
    held = an_object(bytes(100))
    for _ in range(3):
        with open_object(held) as file:
            file.seek(40)
            assert file.read(8) == bytes(8)
    assert held.requests == 1


def test_what_is_known_is_not_asked_for():
    held = an_object(bytes(range(100)))
    with ObjectFile(held, Known(100, held.version, held.data[:20])) as file:
        assert file.read(16) == held.data[:16]
        assert held.requests == 0
        assert file.read() == held.data[16:]


def test_another_version_is_fetched():
    with open_object(an_object(b"one")) as file:
        assert file.read() == b"one"
    with open_object(an_object(b"two")) as file:
        assert file.read() == b"two"


@st.composite
def boxes(draw):
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    box = []
    for n in shape:
        start = draw(st.integers(0, n - 1))
        box.append(slice(start, draw(st.integers(start, n))))
    return tuple(shape), tuple(box)


@given(boxes(), st.sampled_from([0, 3, 20, 1000]), st.sampled_from(["u1", "<u2", ">f4"]))
def test_a_box_is_that_of_the_array(drawn, near, dtype):
    shape, box = drawn
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("patchplan.images.ranges.NEAR", near)
        found = Ranges(an_object(b"head" + array.tobytes()), array.dtype, 4, shape)[box]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array[box])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_refuses_instead_of_waiting_for_ever():
    path = location("https://host/a")
    assert isinstance(path, ObjectPath)
    assert path.store is not None
    ends, starts = os.pipe()
    if (child := os.fork()) == 0:
        try:
            text = repr(path.store)
        except OSError as error:
            text = str(error)
        os.write(starts, text.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"object stores cannot be used in a forked process; start it by spawn" in os.read(ends, 1000)
    os.close(ends)
    os.close(starts)

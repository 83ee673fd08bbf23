"""Records of 64 bytes and their checksums."""

import zlib
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from patchplan.journal import RECORD, Kind, mark, pieces
from patchplan.journal.header import HEADER
from patchplan.journal.records import intact, sealed
from tests.journal.making import SIZE, batch, said, triples, u

raw_records = hnp.arrays(np.uint8, st.tuples(st.integers(0, 5), st.just(SIZE))).map(
    lambda rows: rows.reshape(-1).view(RECORD)
)


def fields(layout: np.dtype[np.void]) -> dict[str, tuple[np.dtype[Any], int]]:
    """Type and place of each field, in order."""
    return {name: layout.fields[name][:2] for name in layout.names or () if layout.fields}


def test_a_record_has_64_bytes_with_no_gaps_and_little_endian_fields_at_multiples_of_their_size():
    assert RECORD.itemsize == HEADER.itemsize == 64
    for layout in (RECORD, HEADER):
        end = 0
        for name, (field, offset) in fields(layout).items():
            assert offset == end, name
            assert offset % field.base.itemsize == 0 or field.kind in "SV"
            assert field.base.newbyteorder("<") == field.base
            end += field.itemsize
        assert end == 64
    assert all(fields(RECORD)[name] == fields(HEADER)[name] for name in ("kind", "crc"))


@given(raw_records)
def test_the_checksum_is_that_of_zlib(records):
    right = [zlib.crc32(row.tobytes()[:60]) for row in records]
    assert sealed(records)["crc"].tolist() == right
    assert intact(records).tolist() == [row["crc"] == crc for row, crc in zip(records, right, strict=True)]


@given(batch)
def test_sealed_records_are_intact_and_say_the_same(records):
    before = records.tobytes()
    assert intact(sealed(records)).all()
    assert said(sealed(records)) == said(records)
    assert records.tobytes() == before


@given(batch.filter(len), st.data())
def test_a_record_with_a_flipped_bit_is_not_intact_and_the_others_are(records, data):
    raw = bytearray(sealed(records).tobytes())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    whole = intact(np.frombuffer(raw, RECORD))
    assert np.flatnonzero(~whole).tolist() == [bit // 8 // SIZE]


def test_zeros_are_no_record():
    assert not intact(np.zeros(3, RECORD)).any()


@given(st.lists(st.tuples(u(32), u(32), u(64), triples(), triples(), u(64), u(64)), min_size=1, max_size=5))
def test_pieces_of_columns_are_the_pieces_one_by_one(rows):
    types = (np.uint32, np.uint32, np.uint64, np.uint32, np.uint32, np.uint64, np.uint64)
    columns = [np.array(column, dtype) for column, dtype in zip(zip(*rows, strict=True), types, strict=True)]
    assert pieces(*columns).tobytes() == b"".join(pieces(*row).tobytes() for row in rows)


@given(st.integers(0, 3), st.data())
def test_axes_left_out_in_front_start_at_0_and_have_one_block(d, data):
    start, count = (data.draw(st.lists(u(32), min_size=d, max_size=d)) for _ in range(2))
    full = pieces(1, 2, 3, [0] * (3 - d) + start, [1] * (3 - d) + count, 4, 5)
    assert pieces(1, 2, 3, start, count, 4, 5).tobytes() == full.tobytes()


def test_large_and_small_stamps_in_one_list_are_kept_exactly():
    assert pieces(0, 0, 0, 0 * [0], [], 0, [2**64 - 1, 5])["stamp"].tolist() == [2**64 - 1, 5]


def test_a_mark_says_its_kind_and_image_and_nothing_else():
    (record,) = mark(Kind.IMAGE, 7)
    assert (record["kind"], record["image"], record["filled"]) == (Kind.IMAGE, 7, 0)
    assert not record["count"].any()

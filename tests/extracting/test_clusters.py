"""Boxes that are read together: each once, each inside, neighbours in the order of space."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from patchplan.core.clusters import clusters
from patchplan.core.morton import morton

SIDES = st.integers(1, 60)


@st.composite
def boxes(draw):
    """Boxes of one image with its chunks, and how many pixels a cluster may have."""
    ndim = draw(st.integers(2, 3))
    n = draw(st.integers(1, 60))
    start = draw(st.lists(st.tuples(*[st.integers(0, 300)] * ndim), min_size=n, max_size=n))
    size = draw(st.lists(st.tuples(*[SIDES] * ndim), min_size=n, max_size=n))
    chunk = draw(st.tuples(*[SIDES] * ndim))
    return np.array(start), np.array(size), np.array(chunk), draw(st.integers(1, 10**6))


@given(boxes())
def test_clusters_hold_each_box_once_and_within(case):
    start, size, chunk, max_pixels = case
    found = list(clusters(start, size, chunk, max_pixels))
    members = np.concatenate([one.members for one in found])
    assert sorted(members.tolist()) == list(range(len(start)))
    for one in found:
        low, high = start[one.members].min(axis=0), (start + size)[one.members].max(axis=0)
        assert one.start == tuple(low)
        assert one.size == tuple(high - low)
        assert len(one.members) == 1 or np.prod(one.size) <= max_pixels


@given(boxes())
def test_clusters_follow_the_morton_order_of_chunks(case):
    start, size, chunk, max_pixels = case
    members = np.concatenate([one.members for one in clusters(start, size, chunk, max_pixels)])
    assert (np.diff(morton(start[members] // chunk).astype(np.int64)) >= 0).all()


def test_a_complete_grid_is_read_in_few_large_boxes():
    rows, columns = np.mgrid[0:2048:192, 0:2048:192]
    start = np.column_stack([rows.ravel(), columns.ravel()])
    size = np.full_like(start, 256)
    assert len(list(clusters(start, size, np.array([512, 512]), 1 << 23))) == 1
    found = list(clusters(start, size, np.array([512, 512]), 1 << 21))
    assert len(found) <= 8
    read = sum(np.prod(one.size) for one in found)
    assert read < 1.5 * 2048**2


def test_far_patches_are_read_alone():
    start = np.array([[0, 0], [0, 90_000], [90_000, 0], [90_000, 90_000]])
    assert len(list(clusters(start, np.full_like(start, 64), np.array([512, 512]), 1 << 40))) == 4


@given(st.integers(2, 3).flatmap(lambda ndim: st.lists(st.tuples(*[st.integers(0, 2**62)] * ndim), min_size=1)))
@example([(2**62, 2**62, 2**62), (0, 0, 0)])
@example([(1, 2), (3, 4)])
def test_morton_codes_interleave_bits(cells):
    """The slow obvious way: bit strings, woven; where there is no room the lowest bits are left out."""
    ndim = len(cells[0])
    bits = max(max(cell) for cell in cells).bit_length()
    texts = [[f"{entry:0{bits}b}" if bits else "" for entry in cell] for cell in cells]
    woven = ["".join(a for bit in zip(*text, strict=True) for a in bit)[: 63 // ndim * ndim] for text in texts]
    assert morton(np.array(cells)).tolist() == [int(text or "0", 2) for text in woven]

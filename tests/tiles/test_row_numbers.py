"""Which row of a stack holds which tile: the same however `index` is cut into pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.images.boundary import RefusedError
from patchplan.tiles import rows
from patchplan.tiles.places import Places
from patchplan.tiles.rows import rows_by_index

INDEX = st.lists(st.integers(0, 12), unique=True, min_size=1, max_size=9)


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Places, np.ndarray, list[int]]:
    """Return a plan's indices, what a stack says of its rows, and where that is cut."""
    planned = draw(st.one_of(st.integers(1, 9).map(range), INDEX.map(np.array)))
    start = draw(st.integers(0, len(planned)))
    others = draw(st.lists(st.integers(-1, 12), max_size=9))
    index = np.concatenate([np.asarray(planned)[:start], others]).astype(np.int64)
    index[draw(st.lists(st.integers(0, max(0, len(index) - 1)), max_size=3)) if len(index) else []] = -1
    return Places(planned), index, draw(st.lists(st.integers(0, len(index)), max_size=3).map(sorted))


@given(stacks())
def test_each_position_has_the_last_row_that_says_so(case: tuple[Places, np.ndarray, list[int]]) -> None:
    places, index, cuts = case
    found = rows_by_index(np.split(index, cuts), places)
    planned = np.asarray(places.index).tolist()
    row_of = [max((row for row, one in enumerate(index.tolist()) if one == wanted), default=-1) for wanted in planned]
    present = np.array(row_of) >= 0
    assert found.present.tolist() == present.tolist()
    assert found.at(np.flatnonzero(present)).tolist() == [row for row in row_of if row >= 0]
    assert found.unplanned == sum(one != -1 and one not in planned for one in index.tolist())
    assert found.duplicates.tolist() == sorted(one for one in planned if index.tolist().count(one) > 1)


def test_rows_in_order_take_no_memory() -> None:
    found = rows_by_index((np.arange(a, a + 1000) for a in range(0, 10_000, 1000)), Places(range(10_000)))
    assert found.present.strides == (0,)
    assert found.row_of is None


def test_too_many_rows_out_of_order_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_OTHERS", 5)
    with pytest.raises(
        RefusedError, match="more than 5 rows from the first on that is not in the plan's order, row 3 "
    ):
        rows_by_index([np.arange(3), np.arange(9, 2, -1)], Places(range(10)))

"""From what was drawn of a block to coordinates: the row of its matrix, the pixel in it, the patch of the pixel."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray, FloatArray
from patchplan.core.specs import IntArray
from patchplan.sampling.weights.blocks import Block, equal_runs
from patchplan.sampling.weights.maps import row_sums

ROWS_PIXELS = 1 << 20
"""Pixels of rows that are looked at together."""


class Found(NamedTuple):
    """Pixels of a block: row and column, and which of the patches of the row's and the column's factor."""

    row: IntArray
    of_row: IntArray
    column: IntArray
    of_column: IntArray


def find_class(there: BoolArray, block: Block, numbers: IntArray) -> Found:
    """Return the patches with these numbers, of all that have their centre in a pixel that is `there`.

    `there` has the rows and columns of the block; numbers count from 0 by row, patch of the row, column.
    """
    rows, columns = block.factors()
    in_row = _row_counts(there, columns)
    ends = np.concatenate([[0], np.cumsum(in_row * rows)])
    row = np.searchsorted(ends, numbers, "right") - 1
    of_row, within = np.divmod(numbers - ends[row], in_row[row])
    column, of_column = np.empty_like(row), np.empty_like(row)
    for members, some, rank in _by_row(row, len(columns)):
        # The rows that were hit, end to end: each column as often as its factor says.
        line = np.concatenate([[0], np.cumsum(there[some] * columns)])
        at = line[rank * len(columns)] + within[members]
        pixel = np.searchsorted(line, at, "right") - 1
        column[members], of_column[members] = pixel - rank * len(columns), at - line[pixel]
    return Found(row, of_row, column, of_column)


def _by_row(row: IntArray, n_columns: int) -> Iterator[tuple[NDArray[np.intp], IntArray, NDArray[np.intp]]]:
    """Yield some of many places, the rows that they are in, and which of these each is in; few rows at a time."""
    order = np.argsort(row, kind="stable")
    some, first = np.unique(row[order], return_index=True)
    step = max(1, ROWS_PIXELS // n_columns)
    for begin in range(0, len(some), step):
        rows = some[begin : begin + step]
        end = first[begin + step] if begin + step < len(some) else len(row)
        members = order[first[begin] : end]
        yield members, rows, np.searchsorted(rows, row[members])


def _row_counts(there: BoolArray, columns: IntArray) -> IntArray:
    counts = np.zeros(len(there), np.int64)
    for factor, some in equal_runs(columns):
        # Packed bits are counted an order of magnitude faster than bytes.
        bits = np.bitwise_count(np.packbits(there[:, some], axis=1))
        counts += factor * bits.sum(axis=1, dtype=np.int64)
    return counts


def find_share(values: NDArray[Any], block: Block, shares: FloatArray) -> Found:
    """Return the patches at these shares, from 0 to 1, of the sum of a map over all centres.

    `values` has the rows and columns of the block. A pixel of value 0 is never found.
    """
    rows, columns = block.factors()
    in_row = row_sums(values, columns)
    row, part = _in_rows((in_row * rows)[np.newaxis], np.zeros(len(shares), np.intp), shares)
    of_row, part = _count_of(part, rows[row])
    column, left = np.empty_like(row), np.empty_like(part)
    for members, some, rank in _by_row(row, len(columns)):
        column[members], left[members] = _in_rows(values[some].astype(np.float64) * columns, rank, part[members])
    of_column, _ = _count_of(left, columns[column])
    return Found(row, of_row, column, of_column)


def _in_rows(weights: FloatArray, row: NDArray[np.intp], shares: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return which weight lies at a share of the sum of a row, and at which share of it, below 1."""
    ends = np.cumsum(weights, axis=1)
    # All rows end to end, each of length 1.
    line = (ends / ends[:, -1:] + np.arange(len(ends))[:, np.newaxis]).ravel()
    last = weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1)
    column = (np.searchsorted(line, row + shares, "right") - row * weights.shape[1]).clip(max=last[row])
    weight, end = weights[row, column], ends[row, column]
    part = (shares * ends[row, -1] - (end - weight)) / weight
    return column, part.clip(0, np.nextafter(1, 0))


def _count_of(shares: FloatArray, factors: IntArray) -> tuple[IntArray, FloatArray]:
    """Return which of so many equal parts lies at each share, and at which share of it."""
    scaled = shares * factors
    whole = np.minimum(scaled.astype(np.int64), factors - 1)
    return whole, scaled - whole


def coordinates(block: Block, found: Found) -> tuple[IntArray, IntArray]:
    """Return `sample_idx`, (n,), and the coordinates, (n, ndim), of patches of a block."""
    places = np.unravel_index(found.row, block.shape[:-1])
    coords = np.empty((len(found.row), len(block.shape)), np.int64)
    pixel = block.start[-1] + found.column
    coords[:, -1] = block.sheet.axes[-1].coords(pixel) + found.of_column
    left = found.of_row
    for number in reversed(range(len(places))):
        axis, pixel = block.sheet.axes[number], block.start[number] + places[number]
        first = axis.coords(pixel)
        left, offset = np.divmod(left, axis.coords(pixel + 1) - first)
        coords[:, number] = first + offset
    return block.sheet.first_sample + left, coords

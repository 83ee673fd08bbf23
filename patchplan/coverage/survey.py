"""What the rows of a plan say of themselves: their numbers, how many there are, and where tiles are put."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.coverage.images import PlacedSpan
from patchplan.coverage.rows import KEYS, Piece, PlanRows
from patchplan.plans.header import Header
from patchplan.plans.words import SUBSET_OF

MAX_NAMED = 5
"""Numbers named in one finding."""


class Survey(NamedTuple):
    """Findings, one line each; tiles per image that are put elsewhere than they are read: first boxes, pixels."""

    findings: list[str]
    misplaced: list[list[PlacedSpan]]
    misplaced_pixels: list[int]


def survey(rows: PlanRows, most: int) -> Survey:
    """Read all rows once and look at everything but what they cover."""
    n_images = len(rows.samples)
    counts: IntArray = np.zeros(n_images, np.int64)
    claimed: list[set[int]] = [set() for _ in range(n_images)]
    misplaced: list[list[PlacedSpan]] = [[] for _ in range(n_images)]
    pixels = [0] * n_images
    numbers = _Numbers()
    for piece in rows.pieces():
        numbers.take(piece)
        counts += np.bincount(piece.specs.data_idx, minlength=n_images)
        _note_misplaced(piece.specs, misplaced, pixels, most)
        for data_idx, total in _totals(piece.specs):
            if len(claimed[data_idx]) <= MAX_NAMED:
                claimed[data_idx].add(total)
    findings = [*_count_findings(rows, counts.tolist(), claimed), *numbers.findings(rows)]
    return Survey(findings, misplaced, pixels)


def _note_misplaced(specs: SpecTable, misplaced: list[list[PlacedSpan]], pixels: list[int], most: int) -> None:
    """Note tiles of which `stitch_coords` is not `coords` + `crop_coords`: their pixels would be moved."""
    if specs.stitch_coords is None or specs.crop_coords is None or specs.crop_size is None:
        return
    wrong = np.flatnonzero((specs.stitch_coords != specs.coords + specs.crop_coords).any(axis=1))
    for data_idx in np.unique(specs.data_idx[wrong]).tolist():
        mine = wrong[specs.data_idx[wrong] == data_idx]
        pixels[data_idx] += sum(map(prod, specs.crop_size[mine].tolist()))
        for row in mine[: most - len(misplaced[data_idx])].tolist():
            start = tuple(specs.stitch_coords[row].tolist())
            stop = tuple((specs.stitch_coords[row] + specs.crop_size[row]).tolist())
            misplaced[data_idx].append(PlacedSpan(int(specs.sample_idx[row]), (start, stop)))


def _totals(specs: SpecTable) -> Iterator[tuple[int, int]]:
    """Yield each image with each number of tiles that its rows claim."""
    if specs.total_tiles is None or not len(specs):
        return
    changes = np.flatnonzero((np.diff(specs.data_idx) != 0) | (np.diff(specs.total_tiles) != 0)) + 1
    yield from {(int(specs.data_idx[i]), int(specs.total_tiles[i])) for i in (0, *changes)}


def _count_findings(rows: PlanRows, counts: Sequence[int], claimed: Sequence[set[int]]) -> Iterator[str]:
    header = rows.plan.header
    by_chance = header.sections.get("weights", {}).get("per") == "epoch"
    for image, count, totals in zip(header.images, counts, claimed, strict=True):
        name = f"image {image.data_idx} ({image.uri})"
        expected = image.n_patches * (header.epochs or 1)
        if count != expected and not by_chance:
            yield f"{name}: {count:,} rows, but the header says {expected:,}"
        wrong = sorted(totals - {count // (header.epochs or 1)})
        if wrong and "fold" not in rows.plan.schema.names and SUBSET_OF not in header.config:
            yield f"{name}: {count:,} tiles, but column total_tiles says {', '.join(map(str, wrong[:MAX_NAMED]))}"


def _is_part(header: Header) -> bool:
    """Tell whether some patches of a strategy or of a plan were chosen."""
    return bool(header.sections) or SUBSET_OF in header.config


class _Numbers:
    """Checks that (`fold`, `epoch`, `index`) is unique, and which of the indices are missing.

    Rows in order are checked as they come; only numbers out of order are held, and sorted at the end.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.int64] | None = None
        self._gaps = _Gaps()
        self._held: list[NDArray[np.int64]] | None = None

    def take(self, piece: Piece) -> None:
        keys = np.stack([piece.keys.get(name, np.zeros(len(piece.specs), np.int64)) for name in KEYS], axis=1)
        if self._held is not None:
            self._held.append(keys)
            return
        joined = keys if self._last is None else np.concatenate([self._last, keys])
        if _increasing(joined):
            self._gaps.scan(joined, first=self._last is None)
            self._last = joined[-1:] if len(joined) else self._last
        else:
            self._held = []

    def findings(self, rows: PlanRows) -> Iterator[str]:
        header = rows.plan.header
        gaps, duplicates = self._gaps, np.zeros(0, np.int64)
        if self._held is not None:
            self._held, self._last = [], None
            for piece in rows.pieces():
                self.take(piece)
            keys = np.concatenate(self._held)
            keys = keys[np.lexsort(keys.T[::-1])]
            same = (keys[1:] == keys[:-1]).all(axis=1)
            duplicates = np.unique(keys[1:][same], axis=0)[:, 2]
            gaps = _Gaps()
            gaps.scan(keys[np.concatenate([[True], ~same])], first=True)
            self._last = keys[-1:]
        if len(duplicates):
            yield f"index: {len(duplicates):,} there more than once: {_named(duplicates.tolist())}"
        fixed = header.config["patching"]["name"] == "fixed"
        gaps.close(self._last, 0 if fixed else header.n_patches)
        if gaps.n and not _is_part(header):  # what is left keeps its numbers
            yield f"index: {gaps.n:,} missing: {_named(gaps.first, gaps.n)}"


class _Gaps:
    """Indices that are missing in a sorted run of (fold, epoch, index): how many, and the first."""

    def __init__(self) -> None:
        self.n = 0
        self.first: list[int] = []

    def scan(self, keys: NDArray[np.int64], *, first: bool) -> None:
        """Look between rows; those that begin a fold or epoch begin from 0."""
        if not len(keys):
            return
        begins = (np.diff(keys[:, :2], axis=0) != 0).any(axis=1)
        index = keys[:, 2]
        before = np.where(begins, -1, index[:-1])
        after = index[1:]
        if first:
            before, after = np.concatenate([[-1], before]), np.concatenate([index[:1], after])
        self._note(before, after)

    def close(self, last: NDArray[np.int64] | None, n: int) -> None:
        """Look behind the last row, where it is known that there are n indices."""
        end = -1 if last is None or not len(last) else int(last[0, 2])
        if end + 1 < n:
            self._note(np.array([end]), np.array([n]))

    def _note(self, before: IntArray, after: IntArray) -> None:
        missing = after - before - 1
        self.n += sum(missing[missing > 0].tolist())
        for place in np.flatnonzero(missing > 0)[:MAX_NAMED].tolist():
            wanted = MAX_NAMED - len(self.first)
            start = int(before[place]) + 1
            self.first += range(start, min(start + wanted, int(after[place])))


def _increasing(keys: NDArray[np.int64]) -> bool:
    """Tell whether rows are in strictly increasing order."""
    step = np.diff(keys, axis=0)
    later = step[:, 2] > 0
    for column in (1, 0):
        later = (step[:, column] > 0) | ((step[:, column] == 0) & later)
    return bool(later.all())


def _named(numbers: Sequence[int], n: int | None = None) -> str:
    n = len(numbers) if n is None else n
    more = f" and {n - MAX_NAMED:,} more" if n > MAX_NAMED else ""
    return ", ".join(map(str, numbers[:MAX_NAMED])) + more

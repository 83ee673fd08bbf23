"""What the splits of a plan read and share: pixels in patches of two of them, context counted in, exactly.

As visits are counted (see `count`), but a count of boxes per split: blocks are cut into cells at the edges of
all boxes, and a cell belongs to a split where one of its boxes covers it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.coverage.boxes import PlacedBox
from patchplan.coverage.cost_result import Leak, Splits, SplitSize
from patchplan.coverage.count import Boxes
from patchplan.coverage.rows import Gathered, Place, PlanRows, boxes_of, windows
from patchplan.coverage.splits_count import SharedCounter
from patchplan.errors import PlanError
from patchplan.plans.tables.columns import to_specs

COLUMN = "split"
MAX_SPLITS = 16
"""Names whose pairs are compared."""

Group = tuple[int, int]
"""A fold, and the number of a split's name."""


class TooManySplitsError(PlanError):
    """A column `split` of more names than can be compared."""


def has_splits(rows: PlanRows) -> bool:
    """Tell whether the plan says which split its patches are of."""
    return COLUMN in rows.plan.schema.names


def plan_splits(rows: PlanRows, context: Sequence[int], most: int, max_cells: int | None = None) -> Splits:
    """Return what each split reads, and what any two of a fold share.

    Parameters
    ----------
    rows : PlanRows
        Of a plan with a column `split`.
    context : sequence of int
        Pixels, (Z)YX, on either side of a patch that its split sees too.
    most : int
        Boxes to list per pair of splits.

    Raises
    ------
    PlanError
        If a row is of no split, or there are more than 16.
    """
    labelled = LabelledRows(rows, context)
    read = _count(labelled, [0] * len(context), most, max_cells)
    shared = _count(labelled, context, most, max_cells, shared=True) if any(context) else read
    names = labelled.names
    pixels = [0] * len(names)
    for (_, number), n in read.pixels.items():
        pixels[number] += n
    return Splits(
        names=tuple(names),
        context=tuple(context),
        per_split={
            name: SplitSize(n_patches=labelled.n_patches[number], pixels=pixels[number])
            for number, name in enumerate(names)
        },
        leaks=tuple(
            Leak(
                splits=(names[a], names[b]),
                fold=fold if labelled.has_folds else None,
                pixels=n,
                boxes=tuple(shared.boxes[fold, a, b]),
            )
            for (fold, a, b), n in sorted(shared.shared.items())
        ),
    )


class Labelled(NamedTuple):
    """Boxes, the fold and the number of the split of each."""

    fold: NDArray[Any]
    split: NDArray[np.int8]
    boxes: Gathered

    def take(self, index: NDArray[Any] | slice) -> "Labelled":
        """Return some of them."""
        sample, starts, stops = self.boxes
        cut = Gathered(sample[index], [a[index] for a in starts], [a[index] for a in stops])
        return Labelled(self.fold[index], self.split[index], cut)


class LabelledRows:
    """The rows of a plan and the splits they are of; `n_patches` counts those of each name."""

    def __init__(self, rows: PlanRows, context: Sequence[int]) -> None:
        self.rows = rows
        self.names: list[str] = []
        self.n_patches: list[int] = []
        self.has_folds = "fold" in rows.plan.schema.names
        self._held: list[Labelled] | None = None
        held: list[Labelled] | None = [] if rows.plan.n_rows <= rows.max_held else None
        for piece in self._read():
            self.n_patches += [0] * (len(self.names) - len(self.n_patches))
            for number, n in enumerate(np.bincount(piece.split, minlength=len(self.names)).tolist()):
                self.n_patches[number] += n
            if held is not None:
                held.append(piece)
        self._held = held

    def pieces(self) -> Iterator[Labelled]:
        """Yield all rows in order."""
        return self._read() if self._held is None else iter(self._held)

    def _read(self) -> Iterator[Labelled]:
        for table in self.rows.plan.batches():
            boxes = boxes_of(self.rows, to_specs(table), kept=False)
            fold = table.column("fold").to_numpy() if self.has_folds else np.zeros(len(table), np.int8)
            yield Labelled(fold, self._numbers(table.column(COLUMN)), boxes)

    def _numbers(self, column: Any) -> NDArray[np.int8]:
        """Return the number of each row's name; new ones are added to `names`."""
        encoded = column.combine_chunks().dictionary_encode()
        found = encoded.dictionary.to_pylist()
        if any(not name.strip() for name in found):
            raise PlanError(f"{self.rows.plan.path}: column {COLUMN} has empty fields")
        self.names += [name for name in found if name not in self.names]
        if len(self.names) > MAX_SPLITS:
            named = ", ".join(self.names[:3])
            raise TooManySplitsError(
                f"column {COLUMN} has more than {MAX_SPLITS} names ({named}, ...), which are not compared"
            )
        numbers: NDArray[np.int8] = np.array([self.names.index(name) for name in found], np.int8)
        return np.asarray(numbers[encoded.indices.to_numpy(zero_copy_only=False)])


def _gather(labelled: LabelledRows, context: Sequence[int], begin: Place, end: Place) -> Labelled:
    """Return all boxes, grown by the context, that reach into the places [begin, end), sorted by sample."""
    nothing, ndim = np.zeros(0, np.int32), len(context)
    none: Any = Gathered(np.zeros(0, np.int64), [nothing] * ndim, [nothing] * ndim)
    parts = [Labelled(np.zeros(0, np.int8), np.zeros(0, np.int8), none)]
    for piece in labelled.pieces():
        grown = _grown(labelled.rows, piece.boxes, context)
        sample, top, bottom = grown.sample, grown.starts[0], grown.stops[0]
        after = (sample > begin[0]) | ((sample == begin[0]) & (bottom > begin[1]))
        before = (sample < end[0]) | ((sample == end[0]) & (top < end[1]))
        parts.append(piece._replace(boxes=grown).take(after & before))
    boxes = [part.boxes for part in parts]
    joined = Labelled(
        np.concatenate([part.fold for part in parts]),
        np.concatenate([part.split for part in parts]),
        Gathered(
            np.concatenate([one.sample for one in boxes]),
            [np.concatenate([one.starts[axis] for one in boxes]) for axis in range(ndim)],
            [np.concatenate([one.stops[axis] for one in boxes]) for axis in range(ndim)],
        ),
    )
    if (joined.boxes.sample[1:] >= joined.boxes.sample[:-1]).all():
        return joined
    return joined.take(np.argsort(joined.boxes.sample, kind="stable"))


def _grown(rows: PlanRows, boxes: Gathered, context: Sequence[int]) -> Gathered:
    """Return boxes with so many pixels more on either side, cut to their images."""
    if not any(context):
        return boxes
    image = np.searchsorted(np.array(rows.first_sample), boxes.sample, side="right") - 1
    starts, stops = [], []
    for axis, more in enumerate(context):
        size = rows.sizes[image, axis]
        starts.append(np.maximum(boxes.starts[axis].astype(np.int64) - more, 0))
        stops.append(np.minimum(boxes.stops[axis].astype(np.int64) + more, size))
    return Gathered(boxes.sample, starts, stops)


class _Count(NamedTuple):
    """Pixels per fold and split, and per fold and two splits: shared pixels, and the first of their boxes."""

    pixels: dict[Group, int]
    shared: dict[tuple[int, int, int], int]
    boxes: dict[tuple[int, int, int], list[PlacedBox]]


def _count(
    labelled: LabelledRows, context: Sequence[int], most: int, max_cells: int | None, *, shared: bool = False
) -> _Count:
    """Count all samples in order, window by window; where one has a single split, nothing is `shared`."""
    found = _Count({}, {}, {})
    counters: dict[tuple[int, int], SharedCounter] = {}
    for begin, end in windows(labelled.rows, kept=False):
        window = _gather(labelled, context, begin, end)
        bounds = np.flatnonzero(np.diff(window.boxes.sample, prepend=-1, append=-1)).tolist()
        for a, b in pairwise(bounds):
            sample = int(window.boxes.sample[a])
            top = begin[1] if sample == begin[0] else 0
            for key in [key for key in counters if key[0] != sample]:
                _close(labelled.rows, found, key, counters.pop(key), most)
            here = window.take(slice(a, b))
            image = bisect_right(labelled.rows.first_sample, sample) - 1
            size = labelled.rows.sizes[image].tolist()
            bottom = end[1] if sample == end[0] else size[0]
            folds = np.unique(here.fold).tolist()
            for fold in folds:
                counter = counters.setdefault((sample, fold), SharedCounter(most, max_cells))
                parts = _by_split(here if len(folds) == 1 else here.take(here.fold == fold), top, bottom)
                if shared and len(parts) < 2:
                    continue
                low, high = [top] + [0] * (len(size) - 1), [bottom, *size[1:]]
                counter.count(parts, low, high)
    for key, counter in counters.items():
        _close(labelled.rows, found, key, counter, most)
    return found


def _by_split(rows: Labelled, top: int, bottom: int) -> dict[int, Boxes]:
    """Return the boxes of each split, cut to the rows [top, bottom) of their sample."""
    found = {}
    for split in np.unique(rows.split).tolist():
        _, starts, stops = rows.take(rows.split == split).boxes
        found[split] = Boxes(starts, stops).within(0, top, bottom)
    return found


def _close(rows: PlanRows, found: _Count, key: tuple[int, int], counter: SharedCounter, most: int) -> None:
    """Add what was counted of a fold in a sample."""
    sample, fold = key
    image = bisect_right(rows.first_sample, sample) - 1
    for split, n in counter.pixels.items():
        found.pixels[fold, split] = found.pixels.get((fold, split), 0) + n
    for a, b in combinations(sorted(counter.pixels), 2):
        finder = counter.finders.get((a, b))
        if finder is None or not counter.shared[a, b]:
            continue
        pair = fold, a, b
        found.shared[pair] = found.shared.get(pair, 0) + counter.shared[a, b]
        listed = found.boxes.setdefault(pair, [])
        sample_idx = sample - rows.first_sample[image]
        for start, stop in finder.spans[: most - len(listed)]:
            listed.append(PlacedBox(data_idx=image, sample_idx=sample_idx, start=start, stop=stop))

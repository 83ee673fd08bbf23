"""What the splits of a plan read and share: pixels in patches of two of them, context counted in, exactly.

As visits are counted (see `count`), but a count of boxes per split: blocks are cut into cells at the edges of
all boxes, and a cell belongs to a split where one of its boxes covers it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import combinations, pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from patchplan.coverage.boxes import PlacedBox
from patchplan.coverage.cost_result import Leak, Splits, SplitSize
from patchplan.coverage.count import Boxes
from patchplan.coverage.rows import Counted, PlanRows, Progress, counting, windows
from patchplan.coverage.splits_count import SharedCounter
from patchplan.coverage.splits_rows import COLUMN, Labelled, LabelledRows, gather_labelled

Group = tuple[int, int]
"""A fold, and the number of a split's name."""


def has_splits(rows: PlanRows) -> bool:
    """Tell whether the plan says which split its patches are of."""
    return COLUMN in rows.plan.schema.names


def plan_splits(
    rows: PlanRows,
    context: Sequence[int],
    most: int,
    max_cells: int | None = None,
    progress: Progress | None = None,
) -> Splits:
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
        If a row is of no split, if names of splits differ by spaces only, or if there are more than 16.
    """
    labelled = LabelledRows(rows, context)
    n_pixels = sum(shape[0] * prod(shape[2:]) for shape in rows.data_shapes) * len(labelled.folds)
    counted = counting(progress, "pixels of splits", n_pixels * (2 if any(context) else 1))
    read = _count(labelled, [0] * len(context), most, max_cells, counted)
    shared = _count(labelled, context, most, max_cells, counted, shared=True) if any(context) else read
    names = labelled.names
    pixels = [0] * len(names)
    for (_, number), n in read.pixels.items():
        pixels[number] += n
    return Splits(
        n_folds=len({fold for fold, _ in read.pixels}) if labelled.has_folds else None,
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


class _Count(NamedTuple):
    """Pixels per fold and split, and per fold and two splits: shared pixels, and the first of their boxes."""

    pixels: dict[Group, int]
    shared: dict[tuple[int, int, int], int]
    boxes: dict[tuple[int, int, int], list[PlacedBox]]


def _count(
    labelled: LabelledRows,
    context: Sequence[int],
    most: int,
    max_cells: int | None,
    counted: Counted | None,
    *,
    shared: bool = False,
) -> _Count:
    """Count all samples in order, window by window; where one has a single split, nothing is `shared`."""
    found = _Count({}, {}, {})
    counters: dict[tuple[int, int], SharedCounter] = {}
    for begin, end in windows(labelled.rows, kept=False):
        window = gather_labelled(labelled, context, begin, end)
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
            n_pixels = (bottom - top) * prod(size[1:])
            n_left_out = len(labelled.folds) - len(folds)
            for fold in folds:
                counter = counters.setdefault((sample, fold), SharedCounter(most, max_cells, counted))
                parts = _by_split(here if len(folds) == 1 else here.take(here.fold == fold), top, bottom)
                if shared and len(parts) < 2:
                    n_left_out += 1
                    continue
                low, high = [top] + [0] * (len(size) - 1), [bottom, *size[1:]]
                counter.count(parts, low, high)
            if counted is not None and n_left_out:
                counted(n_pixels * n_left_out)
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

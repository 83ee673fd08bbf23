"""Rows of a plan, read as often as they are needed, and gathered by where they lie."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import PlanError
from patchplan.plans.plan import Plan
from patchplan.plans.tables.columns import to_specs

MAX_HELD = 1 << 22
"""Boxes held at once, 24 or 32 bytes each: plans of more rows are read again for each part of their images."""

MAX_CACHED = 1 << 20
"""Rows of a plan that is read from its file only once: with all columns, 48 to 168 bytes each."""

KEYS = ("fold", "epoch", "index")
Place = tuple[int, int]
"""A sample, numbered through all images, and a pixel row (or slice) of it."""

Progress = Callable[[str, int, int], None]

Counted = Callable[[int], None]
"""Called with the number of steps done since the last call."""


def counting(progress: Progress | None, what: str, total: int) -> Counted | None:
    """Return what adds up steps and tells how many are done of a total."""
    if progress is None:
        return None
    done = 0

    def counted(n: int) -> None:
        nonlocal done
        done += n
        progress(what, done, total)

    return counted


class Piece(NamedTuple):
    """Some rows, and the columns that number them: those of `fold`, `epoch`, `index` that the plan has."""

    specs: SpecTable
    keys: dict[str, IntArray]


class PlanRows:
    """The rows of a plan in pieces; a plan of few rows is read from its file once."""

    def __init__(
        self,
        plan: Plan,
        progress: Progress | None = None,
        max_held: int | None = None,
        data_shapes: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.plan = plan
        self.data_shapes = plan.data_shapes if data_shapes is None else data_shapes
        self.max_held = MAX_HELD if max_held is None else max_held
        self._progress = progress
        self._held: list[Piece] | None = None
        shapes = np.array(self.data_shapes, dtype=np.int64)
        self.sizes: IntArray = shapes[:, 2:]
        if sum(shape[0] for shape in self.data_shapes) >= 2**63:
            raise PlanError(f"{plan.path}: more samples than can be numbered (2**63 - 1)")
        self.samples = shapes[:, 0].tolist()
        self.narrow = int(self.sizes.max()) < 2**31
        self.first_sample = [0]
        for n in self.samples:
            self.first_sample.append(self.first_sample[-1] + n)

    def pieces(self) -> Iterator[Piece]:
        """Yield all rows in order."""
        if self._held is not None:
            yield from self._held
            return
        cached = self.plan.n_rows <= min(self.max_held, MAX_CACHED)
        held: list[Piece] = []
        done = 0
        for table in self.plan.batches():
            keys = {name: table.column(name).to_numpy() for name in KEYS if name in table.schema.names}
            piece = Piece(to_specs(table), keys)
            yield piece
            if cached:
                held.append(piece)
            done += len(piece.specs)
            if self._progress is not None:
                self._progress("rows", done, self.plan.n_rows)
        self._progress = None
        self._held = held if cached else None


class Gathered(NamedTuple):
    """Boxes cut to their images, in the order of their samples, numbered through all images."""

    sample: IntArray
    starts: list[NDArray[Any]]
    stops: list[NDArray[Any]]


def boxes_of(rows: PlanRows, specs: SpecTable, *, kept: bool) -> Gathered:
    """Return the boxes that rows read, or keep, an array per axis."""
    first = np.array(rows.first_sample[:-1], np.int64)
    corner, size = (specs.stitch_coords, specs.crop_size) if kept else (specs.coords, specs.patch_size)
    assert corner is not None  # noqa: S101 - the caller asks for kept parts of tiles only
    assert size is not None  # noqa: S101
    dtype = np.int32 if rows.narrow else np.int64
    starts, stops = [], []
    for axis in range(specs.ndim):
        low = corner[:, axis]
        high = np.minimum(low + size[:, axis], rows.sizes[specs.data_idx, axis])
        starts.append(low.astype(dtype))
        stops.append(high.astype(dtype))
    return Gathered(first[specs.data_idx] + specs.sample_idx, starts, stops)


def gather(rows: PlanRows, begin: Place, end: Place, *, kept: bool) -> Gathered:
    """Return all boxes that reach into the places [begin, end), sorted by sample."""
    parts, nothing = [], np.zeros(0, np.int64)
    for piece in rows.pieces():
        boxes = boxes_of(rows, piece.specs, kept=kept)
        sample, top, bottom = boxes.sample, boxes.starts[0], boxes.stops[0]
        after = (sample > begin[0]) | ((sample == begin[0]) & (bottom > begin[1]))
        before = (sample < end[0]) | ((sample == end[0]) & (top < end[1]))
        parts.append(_take(boxes, np.flatnonzero(after & before)))
    axes = range(rows.sizes.shape[1])
    joined = Gathered(
        np.concatenate([nothing, *(part.sample for part in parts)]),
        [np.concatenate([part.starts[axis] for part in parts] or [nothing]) for axis in axes],
        [np.concatenate([part.stops[axis] for part in parts] or [nothing]) for axis in axes],
    )
    if (joined.sample[1:] >= joined.sample[:-1]).all():
        return joined
    return _take(joined, np.argsort(joined.sample, kind="stable"))


def _take(boxes: Gathered, index: IntArray) -> Gathered:
    return Gathered(boxes.sample[index], [a[index] for a in boxes.starts], [a[index] for a in boxes.stops])


def windows(rows: PlanRows, *, kept: bool) -> list[tuple[Place, Place]]:
    """Cut all images, in order, into stretches in which about `max_held` boxes begin.

    Where to cut is read off evenly spaced rows. Only rows that all begin at one place cannot be cut apart.
    """
    whole = ((0, 0), (rows.first_sample[-1], 0))
    n_rows = rows.plan.n_rows
    if n_rows <= rows.max_held:
        return [whole]
    step = max(1, rows.max_held // 256)
    seen, at = [], 0
    for piece in rows.pieces():
        boxes = boxes_of(rows, piece.specs, kept=kept)
        take = slice(-at % step, None, step)
        seen.append(np.stack([boxes.sample[take], boxes.starts[0][take]], axis=1))
        at += len(piece.specs)
    places = np.concatenate(seen)
    places = places[np.lexsort((places[:, 1], places[:, 0]))]
    n = -(-n_rows // rows.max_held)
    chosen = {(int(places[i][0]), int(places[i][1])) for i in np.arange(1, n) * len(places) // n}
    cuts = [whole[0], *sorted(chosen - {whole[0]}), whole[1]]
    return list(pairwise(cuts))

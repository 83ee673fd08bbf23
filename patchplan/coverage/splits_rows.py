"""The rows of a plan and the splits they are of."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.coverage.rows import Gathered, Place, PlanRows, boxes_of
from patchplan.errors import PlanError
from patchplan.plans.tables.columns import to_specs

COLUMN = "split"
MAX_SPLITS = 16
"""Names whose pairs are compared."""


class TooManySplitsError(PlanError):
    """A column `split` of more names than can be compared."""


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse names of splits that are empty, or differ by the spaces around them only."""
    alike: dict[str, str] = {}
    for name in names:
        if not name.strip():
            raise PlanError(f"{where} has empty fields")
        other = alike.setdefault(name.strip(), name)
        if other != name:
            raise PlanError(
                f"{where} has {other!r} and {name!r}, which differ by spaces only; write one name for one split"
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
        self.folds: set[int] = set()
        self._held: list[Labelled] | None = None
        held: list[Labelled] | None = [] if rows.plan.n_rows <= rows.max_held else None
        for piece in self._read():
            self.folds.update(np.unique(piece.fold).tolist())
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
        self.names += [name for name in found if name not in self.names]
        check_names(self.names, f"{self.rows.plan.path}: column {COLUMN}")
        if len(self.names) > MAX_SPLITS:
            named = ", ".join(self.names[:3])
            raise TooManySplitsError(
                f"column {COLUMN} has more than {MAX_SPLITS} names ({named}, ...), which are not compared"
            )
        numbers: NDArray[np.int8] = np.array([self.names.index(name) for name in found], np.int8)
        return np.asarray(numbers[encoded.indices.to_numpy(zero_copy_only=False)])


def gather_labelled(labelled: LabelledRows, context: Sequence[int], begin: Place, end: Place) -> Labelled:
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

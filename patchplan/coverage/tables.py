"""Counts of any plan from its rows, exactly and in bounded memory."""

from bisect import bisect_right
from itertools import pairwise

import numpy as np

from patchplan.coverage.count import Boxes, Tally, count_boxes
from patchplan.coverage.images import ImageCount
from patchplan.coverage.rows import Counted, Gathered, Place, PlanRows, gather, windows


def count_rows(
    rows: PlanRows, most: int, *, kept: bool, counted: Counted | None = None, max_cells: int | None = None
) -> list[ImageCount]:
    """Return the counts per image of what the rows read, or of what they keep."""
    counter = _Counter(rows, most, kept=kept, counted=counted, max_cells=max_cells)
    for begin, end in windows(rows, kept=kept):
        counter.take(gather(rows, begin, end, kept=kept), begin, end)
    return counter.finish()


class _Counter:
    """Counts samples in order, window by window; one that is cut between windows is held open."""

    def __init__(
        self, rows: PlanRows, most: int, *, kept: bool, counted: Counted | None, max_cells: int | None
    ) -> None:
        self._rows = rows
        self._images = [ImageCount(shape, most) for shape in rows.data_shapes]
        self._most, self._kept, self._counted = most, kept, counted
        self._max_cells = max_cells
        self._open: tuple[int, int, Tally] | None = None

    def take(self, boxes: Gathered, begin: Place, end: Place) -> None:
        """Count the samples of a window."""
        bounds = np.flatnonzero(np.diff(boxes.sample, prepend=-1, append=-1)).tolist()
        where = {int(boxes.sample[a]): slice(a, b) for a, b in pairwise(bounds)}
        cut = {place[0] for place in (begin, end) if place[1]}
        for sample in sorted(where.keys() | cut):
            top = begin[1] if sample == begin[0] else 0
            height = int(self._rows.sizes[self._image_of(sample), 0])
            bottom = end[1] if sample == end[0] else height
            self._count(sample, where.get(sample, slice(0, 0)), boxes, top, bottom, height)

    def _count(self, sample: int, here: slice, boxes: Gathered, top: int, bottom: int, height: int) -> None:
        size = self._rows.sizes[self._image_of(sample)].tolist()
        mine = Boxes([a[here] for a in boxes.starts], [a[here] for a in boxes.stops])
        n_begun = int(((mine.starts[0] >= top) & (mine.starts[0] < bottom)).sum())
        if top or bottom < height:
            mine = mine.within(0, top, bottom)
        if self._open is None:
            self._open = sample, 0, Tally.empty(self._most, doubles=self._kept, counted=self._counted)
        _, before, tally = self._open
        count_boxes(mine, [top] + [0] * (len(size) - 1), [bottom, *size[1:]], tally, self._max_cells)
        self._open = (sample, before + n_begun, tally)
        if bottom == height:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            sample, n_patches, tally = self._open
            image = self._image_of(sample)
            self._images[image].add(sample - self._rows.first_sample[image], n_patches, tally)
            self._open = None

    def _image_of(self, sample: int) -> int:
        return bisect_right(self._rows.first_sample, sample) - 1

    def finish(self) -> list[ImageCount]:
        """Return all images."""
        return [image.finish() for image in self._images]

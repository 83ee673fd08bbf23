"""Where a stratified strategy may draw patches that pass.

Coordinates that pass may touch cells that are excluded, or lie in cells of another p. So boxes of coordinates (see
`coordinates`) are cut where chances change:

    cells             |-- p = 1 --|-- p = 1 --|-- p = 1 --|-- excluded -|
    box of coordinates      |-----------------------------------|
    its parts               |-----|-----------|h|               |

Of the cell before the excluded one only the head h is left. Then boxes are halved on, until a draw from them passes at
least half of the time, and until in each sub-box of a cell that lost others a coordinate passes for sure, or none.
"""

import numpy as np

from patchplan.core.cells import BoolArray
from patchplan.core.scaled import box_sums, scaled_axes
from patchplan.core.specs import IntArray
from patchplan.sampling.regions.chances import Chances
from patchplan.sampling.regions.coordinates import MAX_BOXES, Coordinates, Rule, halved, sub_boxes


def find_drawable(found: Coordinates, rule: Rule, chances: Chances) -> Coordinates:
    """Return those of the coordinates at which patches pass that are drawn at all.

    No box has coordinates of different chances. More than MAX_BOXES undecided boxes are not decided further.

    Parameters
    ----------
    found : Coordinates
        Those of `rule`.
    rule : Rule
    chances : Chances
    """
    found = _cut(found, chances)
    while (chosen := _to_decide(found, chances)).any() and np.count_nonzero(chosen) << len(rule.image) <= MAX_BOXES:
        low, size = found.low[chosen], found.size[chosen]
        low, size = halved(low, size, -(-size // 2))
        sure, undecided = rule.decide(low, size)
        kept = sure | undecided
        found = found.taken(~chosen) + Coordinates(low[kept], size[kept], sure[kept])
    return found


def _to_decide(found: Coordinates, chances: Chances) -> BoolArray:
    """Return which boxes must be looked at closer; none of a single coordinate is undecided."""
    cell = chances.cells(found.low)
    weight = chances.each[cell] * found.size.prod(axis=1)
    if weight[found.sure].sum() < weight[~found.sure].sum():
        return ~found.sure
    partial = chances.partial[cell]
    sub_box = np.ravel_multi_index(
        tuple(sub_boxes(found.low, chances.grid).T), tuple(2 * n for n in chances.grid.shape)
    )
    undecided: BoolArray = ~found.sure & partial & ~np.isin(sub_box, sub_box[found.sure & partial])
    return undecided


def _cut(found: Coordinates, chances: Chances) -> Coordinates:
    """Cut boxes that reach cells of other chances, and leave out what is not drawn."""
    grid = chances.grid
    first, last = found.low // grid.patch, (found.low + found.size - 1) // grid.patch + 1
    uneven = ~chances.even.reshape(grid.shape)
    mixed = box_sums(scaled_axes(grid.shape, grid.shape), uneven, first, last) > 0
    if not mixed.any():
        return found
    cut = found.taken(mixed)
    for axis, patch in enumerate(grid.patch):
        cut = _cut_cells(cut, axis, patch)
    cell = chances.cells(cut.low)
    partial, drawn = chances.partial[cell], chances.weights[cell] > 0
    parts = cut.taken(partial)
    for axis, patch in enumerate(grid.patch):
        parts = _cut_heads(parts, axis, patch)
    tails = sub_boxes(parts.low, grid) % 2
    box = (tails << np.arange(tails.shape[1])).sum(axis=1)
    parts = parts.taken((chances.boxes[chances.cells(parts.low)] >> box & 1).astype(bool))
    return found.taken(~mixed) + cut.taken(drawn & ~partial) + parts


def _cut_cells(boxes: Coordinates, axis: int, patch: int) -> Coordinates:
    """Cut boxes at all cells of an axis."""
    start = boxes.low[:, axis]
    stop = start + boxes.size[:, axis]
    n = (stop - 1) // patch - start // patch + 1
    again = np.repeat(np.arange(len(n)), n)
    cell = np.arange(len(again)) - np.repeat(np.cumsum(n) - n, n) + (start // patch)[again]
    low = np.maximum(start[again], cell * patch)
    return _along(boxes.taken(again), axis, low, np.minimum(stop[again], (cell + 1) * patch))


def _cut_heads(boxes: Coordinates, axis: int, patch: int) -> Coordinates:
    """Cut the head of an axis off boxes in one cell."""
    start = boxes.low[:, axis]
    stop = start + boxes.size[:, axis]
    two = (start % patch == 0) & (stop > start + 1)
    heads = _along(boxes, axis, start, np.where(two, start + 1, stop))
    return heads + _along(boxes.taken(two), axis, start[two] + 1, stop[two])


def _along(boxes: Coordinates, axis: int, start: IntArray, stop: IntArray) -> Coordinates:
    """Return the same boxes, from start to stop on one axis."""
    low, size = boxes.low.copy(), boxes.size.copy()
    low[:, axis], size[:, axis] = start, stop - start
    return Coordinates(low, size, boxes.sure)

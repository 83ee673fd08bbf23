"""The obvious way to fill polygons, in whole numbers."""

import numpy as np


def filled(polygons, size):
    """Return which pixels have their centre in the union of polygons; rings in quarters of a pixel, Y X."""
    y, x = np.mgrid[: size[0], : size[1]] * 4 + 2
    inside = np.zeros(size, bool)
    for rings in polygons:
        crossings = np.zeros(size, int)
        for ring in rings:
            for start, stop in zip(ring, [*ring[1:], ring[0]], strict=True):
                (y0, x0), (y1, x1) = sorted([tuple(start), tuple(stop)])
                if y0 != y1:
                    left = (y - y0) * (x1 - x0) <= (x - x0) * (y1 - y0)
                    crossings += (y0 <= y) & (y < y1) & left
        inside |= crossings % 2 == 1
    return inside


def in_boxes(inside, starts, stops):
    """Return how many pixels of boxes are inside, one by one."""
    boxes = [tuple(map(slice, start, stop)) for start, stop in zip(starts, stops, strict=True)]
    return [int(np.count_nonzero(inside[box])) for box in boxes]


def passing(inside, patch, rule, coverage=0.5):
    """Return which coordinates of a patch pass, by looking at each."""
    windows = np.lib.stride_tricks.sliding_window_view(inside, patch)
    n = windows.sum(axis=tuple(range(-len(patch), 0)))
    area = int(np.prod(patch))
    return {"inside": n == area, "touching": n > 0, "covered": (n > 0) & (n >= coverage * area)}[rule]


def boxes_in(size, rng, n=30):
    """Return random boxes inside an image."""
    starts = rng.integers(0, size, (n, len(size)))
    return starts, starts + 1 + rng.integers(0, np.array(size) - starts)

"""Polygons of an image, of one plane or of all."""

from dataclasses import dataclass

import numpy as np

from patchplan.core.cells import FloatArray


@dataclass(frozen=True)
class Outline:
    """A polygon: `rings` are (k, 2) points in Y X pixels, the first not repeated at the end; even-odd.

    It holds for Z in [z[0], z[1]) and the time point t; for all where these are None.
    """

    rings: tuple[FloatArray, ...]
    z: tuple[int, int] | None = None
    t: int | None = None

    @classmethod
    def of_box(cls, box: tuple[int, ...]) -> "Outline":
        """Return a box of (Z)YX start and stop."""
        *z0, y0, x0 = box[: len(box) // 2]
        *z1, y1, x1 = box[len(box) // 2 :]
        ring = np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], np.float64)
        return cls((ring,), (z0[0], z1[0]) if z0 else None)

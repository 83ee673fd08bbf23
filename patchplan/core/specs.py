"""What a patch or tile is: one spec as a plain dict, many specs as a table of numpy columns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeGuard

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


class PatchSpecs(TypedDict):
    """A box to read: which image, which sample, where it starts and how large it is.

    `coords` and `patch_size` are pixels in (Z)YX order.
    """

    data_idx: int
    sample_idx: int
    coords: tuple[int, ...]
    patch_size: tuple[int, ...]


class TileSpecs(PatchSpecs):
    """A box to read, and the part of it that is kept.

    `crop_coords` is relative to the tile, `stitch_coords` to the image, both pixels in (Z)YX order;
    `total_tiles` counts the tiles of that image.
    """

    crop_coords: tuple[int, ...]
    crop_size: tuple[int, ...]
    stitch_coords: tuple[int, ...]
    total_tiles: int


PATCH_FIELDS = ("data_idx", "sample_idx", "coords", "patch_size")
TILE_FIELDS = ("crop_coords", "crop_size", "stitch_coords", "total_tiles")
AXIS_FIELDS = frozenset({"coords", "patch_size", "crop_coords", "crop_size", "stitch_coords"})


def is_tile_specs(specs: PatchSpecs) -> TypeGuard[TileSpecs]:
    """Tell whether specs say which part of the patch is kept.

    Examples
    --------
    >>> is_tile_specs({"data_idx": 0, "sample_idx": 0, "coords": (0, 0), "patch_size": (8, 8)})
    False
    """
    return "crop_coords" in specs and "crop_size" in specs and "stitch_coords" in specs


@dataclass(frozen=True, eq=False)
class SpecTable:
    """Many specs as read-only int64 columns, one row per patch.

    `data_idx`, `sample_idx` and `total_tiles` have shape (n,); the others (n, ndim) in (Z)YX order, which may
    be views of any memory layout. The last four are None unless the patches are tiles.

    Examples
    --------
    >>> one, pair = np.zeros(1, np.int64), np.full((1, 2), 8)
    >>> table = SpecTable(data_idx=one, sample_idx=one, coords=pair, patch_size=pair)
    >>> len(table), table[0]["coords"]
    (1, (8, 8))
    """

    data_idx: IntArray
    sample_idx: IntArray
    coords: IntArray
    patch_size: IntArray
    crop_coords: IntArray | None = None
    crop_size: IntArray | None = None
    stitch_coords: IntArray | None = None
    total_tiles: IntArray | None = None
    _present: tuple[tuple[str, IntArray], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        present = []
        for name in (*PATCH_FIELDS, *TILE_FIELDS):
            column = getattr(self, name)
            if column is not None:
                frozen = column.view()
                frozen.flags.writeable = False
                object.__setattr__(self, name, frozen)
                present.append((name, frozen))
        object.__setattr__(self, "_present", tuple(present))

    @classmethod
    def empty(cls, n: int, ndim: int, *, tiles: bool = False) -> dict[str, IntArray]:
        """Return uninitialised writable columns for n rows; `SpecTable(**columns)` freezes them."""
        names = PATCH_FIELDS + TILE_FIELDS if tiles else PATCH_FIELDS
        widths = [ndim if name in AXIS_FIELDS else 1 for name in names]
        block = np.empty((sum(widths), n), np.int64)  # one large block: the system hands out larger pages
        parts = np.split(block, np.cumsum(widths)[:-1])
        return {name: part.T if name in AXIS_FIELDS else part[0] for name, part in zip(names, parts, strict=True)}

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return int(self.coords.shape[1])

    @property
    def is_tiles(self) -> bool:
        """Whether the rows say which part of each patch is kept."""
        return self.crop_coords is not None

    def columns(self) -> dict[str, IntArray]:
        """Return the columns that are present, by field name."""
        return dict(self._present)

    def slice(self, start: int, stop: int) -> "SpecTable":
        """Return the rows [start, stop) as views."""
        return self.take(slice(start, stop))

    def by_sample(self) -> "list[NDArray[np.intp]]":
        """Return the rows of each sample of each image, in order of both, ascending."""
        if not len(self):
            return []
        order = np.lexsort((self.sample_idx, self.data_idx))
        data_idx, sample_idx = self.data_idx[order], self.sample_idx[order]
        return np.split(order, np.flatnonzero((np.diff(data_idx) != 0) | (np.diff(sample_idx) != 0)) + 1)

    def take(self, rows: Any) -> "SpecTable":
        """Return some rows: by an array of their numbers, a mask or a slice."""
        return SpecTable(**{name: column[rows] for name, column in self.columns().items()})

    def __len__(self) -> int:
        return len(self.data_idx)

    def __getitem__(self, index: int) -> PatchSpecs | TileSpecs:
        spec: Any = {}
        for name, column in self._present:
            entry = column[index].tolist()
            spec[name] = tuple(entry) if name in AXIS_FIELDS else entry
        row: PatchSpecs | TileSpecs = spec
        return row

    def __iter__(self) -> Iterator[PatchSpecs | TileSpecs]:
        return (self[index] for index in range(len(self)))

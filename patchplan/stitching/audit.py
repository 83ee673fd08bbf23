"""The audit: do these tiles make this plan's images? From presence and headers, before a byte is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.placing import Placed, ScaledAxis
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ShapeError
from patchplan.plans.epoch import EpochRows
from patchplan.stitching.grouping import by_image, grid_strategy, same_rows
from patchplan.stitching.options import StitchOptions
from patchplan.stitching.places import place_rows
from patchplan.tiles.memory import ObjectTiles
from patchplan.tiles.protocol import TileForm, Tiles

NO_ROWS = np.empty(0, np.int64)


@dataclass
class ImageAudit:
    """One image's tiles: how many are planned and there, and what the first of them is like.

    `rows` are the positions that its rows lie between. `alone` and `whole` tell whether some tiles hold only
    what is kept, and whether some hold all that was read.
    """

    n_planned: int = 0
    n_present: int = 0
    rows: tuple[int, int] = (0, 0)
    form: TileForm | None = None
    alone: bool = False
    whole: bool = False
    largest: int = 1


@dataclass
class Audit:
    """What was found. `grid` tells whether the rows are those of the strategy, in order and complete."""

    images: list[ImageAudit]
    grid: bool = True
    missing: IntArray = field(default_factory=lambda: NO_ROWS)
    duplicate: IntArray = field(default_factory=lambda: NO_ROWS)
    bad: list[tuple[int, str]] = field(default_factory=list)
    bad_index: IntArray = field(default_factory=lambda: NO_ROWS)

    @property
    def n_planned(self) -> int:
        """Tiles that there should be."""
        return sum(image.n_planned for image in self.images)

    @property
    def n_present(self) -> int:
        """Tiles that are there."""
        return sum(image.n_present for image in self.images)


class Auditor:
    """The rows of an epoch, its tiles, and how they are to be put together."""

    def __init__(self, rows: EpochRows, tiles: Tiles, options: StitchOptions) -> None:
        self.rows, self.tiles, self.options = rows, tiles, options
        self.plan = rows.plan
        self.strategy = grid_strategy(rows)
        self._kept_only = False
        letters = spatial_axes(self.plan.header.ndim)
        self.axes = [
            [ScaledAxis(*one) for one in zip(letters, shape[2:], options.scale, strict=True)]
            for shape in self.plan.data_shapes
        ]

    def audit(self) -> Audit:
        """Go through all rows once.

        Raises
        ------
        ShapeError
            If the plan's coordinates do not fit the scale or margin.
        """
        found = Audit([ImageAudit() for _ in self.plan.images], duplicate=self.tiles.duplicates)
        strategy = self.strategy
        found.grid = strategy is not None
        missing = []
        broken = np.array([index for index, _ in self.tiles.bad], np.int64)
        self.note_bad(found, self.tiles.bad)
        for start, index, specs in self.rows.pieces():
            position = np.arange(start, start + len(index))
            there = self.tiles.present[position]
            missing.append(index[~there])
            if strategy is not None and found.grid:
                found.grid = bool((index == position).all()) and same_rows(specs, strategy, start)
            readable = there if not len(broken) else there & ~np.isin(index, broken)
            for data_idx, chosen in by_image(specs):
                mine = index[chosen], position[chosen], specs.take(chosen)
                self._image(found, data_idx, mine, there[chosen], readable[chosen])
        found.missing = np.sort(np.concatenate(missing)) if missing else NO_ROWS
        found.bad.sort()
        return found

    @staticmethod
    def note_bad(found: Audit, bad: Sequence[tuple[int, str]]) -> None:
        """Add tiles that are bad, and why."""
        found.bad = sorted([*found.bad, *bad])
        found.bad_index = np.union1d(found.bad_index, np.array([index for index, _ in bad], np.int64))

    def _image(
        self,
        found: Audit,
        data_idx: int,
        rows: tuple[IntArray, IntArray, SpecTable],
        there: NDArray[np.bool_],
        readable: NDArray[np.bool_],
    ) -> None:
        index, position, specs = rows
        image = found.images[data_idx]
        begin = int(position[0]) if not image.n_planned else image.rows[0]
        image.rows = begin, int(position[-1]) + 1
        image.n_planned += len(index)
        image.n_present += int(there.sum())
        full, kept = self.expected(data_idx, specs)
        image.largest = max(image.largest, int(full.prod(axis=1, dtype=np.float64).max(initial=1)))
        self._expect(position, full, kept)
        forms = self.tiles.form_of[position]
        for number in np.unique(forms[readable]).tolist():
            form = self.tiles.forms[number]
            mine = readable & (forms == number)
            if image.form is None:
                first = self.tiles.forms[int(forms[int(np.argmax(readable))])]
                image.form = first
            whole = (full == form.shape[1:]).all(axis=1)
            alone = ~whole if kept is None else ~whole & (kept == form.shape[1:]).all(axis=1)
            image.whole |= bool((mine & whole).any())
            image.alone |= kept is not None and bool((mine & alone).any())
            fits = whole if kept is None else whole | alone
            if form.dtype != image.form.dtype or form.shape[0] != image.form.shape[0]:
                fits = np.zeros_like(fits)
            wrong = np.flatnonzero(mine & ~fits)
            if len(wrong):
                found.bad_index = np.union1d(found.bad_index, index[wrong])
            for row in wrong.tolist():
                sizes = tuple(tuple(one[row].tolist()) for one in (full, kept) if one is not None)
                found.bad.append((int(index[row]), _why(form, image.form, sizes)))

    def _expect(self, position: IntArray, full: IntArray, kept: IntArray | None) -> None:
        """Tell tiles that are made on demand which size they must have: as the first, all or kept parts only."""
        if not isinstance(self.tiles, ObjectTiles):
            return
        if not position[0]:
            self._kept_only = kept is not None and tuple(full[0].tolist()) != self.tiles.forms[0].shape[1:]
        self.tiles.expect(position, kept if self._kept_only and kept is not None else full)

    def expected(self, data_idx: int, specs: SpecTable) -> tuple[IntArray, IntArray | None]:
        """Return the sizes (k, ndim) of whole tiles and, where the plan has them, of kept parts."""
        axes, margin = self.axes[data_idx], self.options.margin
        try:
            full = np.stack(
                [
                    axis.exact(specs.patch_size[:, i], "patch_size") - 2 * lost
                    for i, (axis, lost) in enumerate(zip(axes, margin, strict=True))
                ],
                axis=1,
            )
            if len(full) and full.min() < 1:
                raise ShapeError(f"--margin {margin}: leaves nothing of patches of {specs[0]['patch_size']}")
            if specs.stitch_coords is None or specs.crop_size is None:
                return full, None
            kept = [
                axis.ends(specs.stitch_coords[:, i] + specs.crop_size[:, i], "the end of a kept part")
                - axis.exact(specs.stitch_coords[:, i], "stitch_coords")
                for i, axis in enumerate(axes)
            ]
        except ShapeError as error:
            raise self._named(error, data_idx) from None
        return full, np.stack(kept, axis=1)

    def placed(self, data_idx: int, rows: tuple[IntArray, IntArray, SpecTable], *, alone: bool = False) -> Placed:
        """Return where rows of one image go; `alone` says whether absent tiles would hold only what is kept."""
        _, position, specs = rows
        full, _ = self.expected(data_idx, specs)
        shapes = np.array([form.shape[1:] for form in self.tiles.forms], np.int64).reshape(-1, full.shape[1])
        present = self.tiles.present[position]
        only_kept = np.full(len(position), alone)
        only_kept[present] = (shapes[self.tiles.form_of[position[present]]] != full[present]).any(axis=1)
        only = self.options.blend == "crop"
        try:
            return place_rows(self.axes[data_idx], self.options.margin, rows, only=only, alone=only_kept)
        except ShapeError as error:
            raise self._named(error, data_idx) from None

    def _named(self, error: ShapeError, data_idx: int) -> ShapeError:
        return ShapeError(error.problem, data_idx).named(self.plan.images[data_idx].uri)


class ImageRows:
    """The rows of one image, placed, in pieces: what bins are made of. They lie between two positions, `span`."""

    def __init__(self, auditor: Auditor, data_idx: int, span: range, *, alone: bool) -> None:
        self._auditor, self._data_idx, self._span, self._alone = auditor, data_idx, span, alone

    def pieces(self) -> Iterator[tuple[IntArray, Placed]]:
        """Yield `sample_idx` and places of the image's rows, in pieces."""
        rows = self._auditor.rows
        for start, index, specs in rows.pieces(start=self._span.start, stop=self._span.stop):
            chosen = np.flatnonzero(specs.data_idx == self._data_idx)
            if len(chosen):
                mine = index[chosen], chosen + start, specs.take(chosen)
                yield mine[2].sample_idx, self._auditor.placed(self._data_idx, mine, alone=self._alone)


@cache
def _why(form: TileForm, first: TileForm, sizes: tuple[tuple[int, ...], ...]) -> str:
    """Return why a tile does not fit; one text for all tiles of which it is true."""
    if form.dtype != first.dtype:
        return f"dtype is {form.dtype}; the first tile of the image has {first.dtype}"
    allowed = " or ".join(str((first.shape[0], *size)) for size in dict.fromkeys(sizes))
    return f"shape is {tuple(form.shape)}; allowed: {allowed}"

"""From an audited plan to what the engine runs: rules and places of every image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np

from patchplan.core.grid import GridAxis
from patchplan.core.placing import Places
from patchplan.errors import ConfigError, ShapeError, TilesError
from patchplan.patching.grid import GridPatching
from patchplan.stitching.audit import Audit, Auditor, ImageRows
from patchplan.stitching.canvases.protocol import Canvas
from patchplan.stitching.frame import Frame, OutputKind, make_frame
from patchplan.stitching.ledger import ImageLedger
from patchplan.stitching.options import StitchOptions
from patchplan.stitching.places import BinnedPlaces, GridPlaces, TilePlaces, place_grid
from patchplan.stitching.reduce import rounds
from patchplan.stitching.render import PixelRules, Renderer
from patchplan.stitching.work import ImageWork
from patchplan.tiles.protocol import TileForm, Tiles


@dataclass(frozen=True)
class Assembly:
    """Everything that is decided of an output before it is written.

    Parameters
    ----------
    auditor : Auditor
    audit : Audit
    overlap : callable
        Tells whether patches of an image overlap; asked only where it matters and the plan is no grid.
    """

    auditor: Auditor
    audit: Audit
    overlap: Callable[[int], bool]

    @property
    def options(self) -> StitchOptions:
        """What the user asked for."""
        return self.auditor.options

    def form_of(self, data_idx: int) -> TileForm:
        """Return the form of an image's tiles; an image without any takes that of another."""
        images = self.audit.images
        form = images[data_idx].form or next((image.form for image in images if image.form is not None), None)
        if form is None:
            raise TilesError(f"{', '.join(self.auditor.tiles.uris)}: found no tile of this plan at all")
        return form

    def rules_of(self, data_idx: int) -> PixelRules:
        """Return how the pixels of an image are made.

        Raises
        ------
        ConfigError
            If tiles cannot be blended, reduced, converted or filled as asked.
        """
        form = self.form_of(data_idx)
        options, n_channels = self.options, form.shape[0]
        blend = "paste" if options.blend == "crop" else options.blend
        if blend not in ("paste", "max", "min") and not self._overlapping(data_idx, form):
            blend = "paste"
        dtype = form.dtype
        if options.reduction is not None:
            options.reduction.check(dtype, n_channels)
            dtype = options.reduction.dtype(dtype, n_channels)
        dtype = dtype if options.dtype is None else options.dtype
        rules = PixelRules(blend, form.dtype, n_channels, options.reduction, dtype, options.fill_value)
        if rules.weighted and form.dtype.kind in "biu" and not options.force:
            raise ConfigError(
                f"--blend {blend}: tiles are {form.dtype} and overlap, and means of labels are no labels; allowed: "
                f"{'crop, ' if self.auditor.plan.header.tiles else ''}max, min; or --force where they are intensities"
            )
        if form.dtype.kind == "c" and (blend in ("max", "min") or dtype.kind != "c"):
            raise ConfigError(f"tiles are {form.dtype}: no order, and no way to {dtype}; allowed: complex outputs")
        check_fill(options.fill_value, dtype)
        return rules

    def _overlapping(self, data_idx: int, form: TileForm) -> bool:
        """Tell whether tiles overlap; for floats of a table that is no grid nobody needs to know."""
        axes = self._grid(data_idx)
        if axes is None:
            return form.dtype.kind not in "biu" or self.overlap(data_idx)
        return any((axis.start[1:] < axis.stop[:-1]).any() for axis in axes)

    def _grid(self, data_idx: int) -> list[Places] | None:
        """Return the places of an image whose tiles are a grid and all of one kind."""
        strategy, image = self.auditor.strategy, self.audit.images[data_idx]
        if not self.audit.grid or strategy is None or (image.alone and image.whole):
            return None
        if isinstance(strategy, GridPatching):
            axes = strategy.grid_axes(data_idx)
        else:
            axes = tuple(GridAxis(n, n) for n in strategy.data_shapes[data_idx][2:])
        try:
            return place_grid(
                self.auditor.axes[data_idx],
                axes,
                self.options.margin,
                kept=self.auditor.plan.header.tiles,
                only=self.options.blend == "crop",
                alone=image.alone,
            )
        except ShapeError as error:
            raise ShapeError(error.problem, data_idx).named(self.auditor.plan.images[data_idx].uri) from None

    def frame(self, kind: OutputKind, data_idx: int, rules: PixelRules, name: str) -> Frame:
        """Return an output's axes and shape."""
        header = self.auditor.plan.header
        return make_frame(
            header.images[data_idx],
            kind,
            ndim=header.ndim,
            z_as_samples=bool(header.config.get("z_as_samples")),
            n_channels=None if self._drops_channels else rules.n_channels,
            dtype=rules.dtype,
            scale=self.options.scale,
            name=name,
        )

    @property
    def _drops_channels(self) -> bool:
        return self.options.reduction is not None and self.options.reduction.drops_channels

    def places(self, data_idx: int, frame: Frame, block: Sequence[int], scratch: Path) -> TilePlaces:
        """Return where the tiles of an image go."""
        grid = self.grid_places(data_idx)
        if grid is not None:
            return grid
        image = self.audit.images[data_idx]
        rows = ImageRows(self.auditor, data_idx, range(*image.rows), alone=image.alone and not image.whole)
        folder = scratch / str(data_idx)
        folder.mkdir()
        return BinnedPlaces(frame.n_samples, frame.spatial, block, rows, folder)

    def grid_places(self, data_idx: int) -> GridPlaces | None:
        """Return where the tiles of an image go that are a grid and all of one kind."""
        axes = self._grid(data_idx)
        return None if axes is None else GridPlaces(grid_first(self.auditor, data_idx), axes)

    def renderer(
        self, data_idx: int, rules: PixelRules, canvas: Canvas, places: TilePlaces, tiles: Tiles, threads: int
    ) -> Renderer:
        """Return what computes boxes of an image, so many at once within the memory."""
        image = self.audit.images[data_idx]
        return Renderer(
            rules,
            places,
            tiles,
            spatial=canvas.frame.spatial,
            block=canvas.block,
            whole=not any(self.options.margin) or (image.alone and not image.whole),
            scratch_bytes=self.options.memory // (4 * threads),
        )

    def work(
        self,
        data_idx: int,
        rules: PixelRules,
        canvas: Canvas,
        ledger: ImageLedger,
        tiles: Tiles,
        scratch: Path,
        threads: int | None = None,
    ) -> ImageWork:
        """Return what the engine runs for one image; files go into a folder of `scratch`.

        `threads` share the memory, those of the options where it is not said.
        """
        frame, image = canvas.frame, self.audit.images[data_idx]
        places = self.places(data_idx, frame, canvas.block, scratch)
        renderer = self.renderer(data_idx, rules, canvas, places, tiles, threads or self.options.workers)
        if isinstance(renderer.places, BinnedPlaces):
            density = renderer.places.most / prod(canvas.block)
        else:
            density = image.n_planned / (frame.n_samples * prod(frame.spatial))
        return ImageWork(renderer, canvas, ledger, image.largest, density)

    def notes(self, rules: Sequence[PixelRules]) -> list[str]:
        """Return what happens to values."""
        said = []
        for one in rules:
            made = one.blend_dtype if one.reduction is None else one.reduction.dtype(one.blend_dtype, one.n_channels)
            if rounds(made, one.dtype):
                how = "rounded half to even and clipped" if made.kind == "f" else "clipped"
                said.append(f"values of {made} are {how} to {one.dtype}")
        return list(dict.fromkeys(said))


def grid_first(auditor: Auditor, data_idx: int) -> int:
    """Return the index of an image's first tile."""
    return auditor.plan.patching.get_patch_indices(data_idx)[0]


def check_fill(value: float, dtype: np.dtype[Any]) -> None:
    """Raise ConfigError unless pixels of this dtype can have the value."""
    if dtype.kind in "fc":
        largest = float(np.finfo(dtype).max)
        if isfinite(value) and abs(value) > largest:
            raise ConfigError(f"--fill-value: found {value}; allowed for {dtype}: up to {largest:g}, inf and nan")
        return
    lowest, highest = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    if not isfinite(value) or value != int(value) or not lowest <= value <= highest:
        raise ConfigError(f"--fill-value: found {value}; allowed for {dtype}: whole numbers from {lowest} to {highest}")

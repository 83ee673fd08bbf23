"""Maps of visits as a PNG: a panel per sample with its axes in image pixels, one colour scale for all.

Panels are pasted, not drawn, so that a picture pixel is one pixel of the file, or a whole number of them.
"""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.coverage.result import InspectResult
from patchplan.coverage.rows import Progress
from patchplan.errors import MissingExtraError
from patchplan.pictures.maps import Map, visit_maps
from patchplan.pictures.panels import Panel, panels_of
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PANELS = 12
DPI = 100
LEFT, TOP, GAP, BOTTOM, HEAD, BAR = 70, 58, 30, 40, 70, 110
"""Pixels beside, above, between and below panels, above all of them, and for the colour bar."""

TEXT, NOT_READ = "#1a1a1a", (255, 255, 255)


class Layout(NamedTuple):
    """Where panels are: columns, rows, and pixels of the largest panel."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture."""
        width = self.columns * (LEFT + self.width + GAP) + BAR
        return max(width, 720), HEAD + self.rows * (TOP + self.height + BOTTOM) + BOTTOM


def check_matplotlib() -> None:
    """Raise MissingExtraError unless matplotlib is there."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError("--png needs matplotlib", "report")


def write_png(
    path: Path, plan: Plan, result: InspectResult, value: MapValue = "mean", progress: Progress | None = None
) -> None:
    """Write the maps of the first samples of a plan, and say how many more there are."""
    n_samples = sum(shape[0] for shape in plan.data_shapes)
    n = min(n_samples, MAX_PANELS)
    side = 1400 if n == 1 else 700 if n <= 4 else 450
    panels = panels_of(plan.data_shapes, n, side)
    maps = visit_maps(plan, panels, value, progress)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that the font lacks: a box stands in their place
        _draw(panels, maps, result, value, n_samples - n, side).savefig(
            path, format="png", dpi=DPI, metadata={"Software": None}
        )


def coloured(values: Map, most: float, times: int) -> NDArray[np.uint8]:
    """Return a map in colours, RGB, each value a square of `times` pixels; white is what no patch reads."""
    from matplotlib import colormaps

    scaled = values / most if most else values
    colours: NDArray[np.uint8] = colormaps["viridis"](scaled, bytes=True)[..., :3]
    colours[values == 0] = NOT_READ
    return colours.repeat(times, axis=0).repeat(times, axis=1)


def _draw(
    panels: Sequence[Panel], maps: Sequence[Map], result: InspectResult, value: MapValue, more: int, side: int
) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    most = max(float(values.max()) for values in maps)
    times = [max(1, side // 2 // max(panel.shape)) for panel in panels]
    pictures = [coloured(values, most, n) for values, n in zip(maps, times, strict=True)]
    columns = ceil(sqrt(len(panels)))
    largest = [max(picture.shape[axis] for picture in pictures) for axis in (1, 0)]
    layout = Layout(columns, ceil(len(panels) / columns), *largest)
    width, height = layout.size
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for i, (panel, picture) in enumerate(zip(panels, pictures, strict=True)):
        row, column = divmod(i, columns)
        left = LEFT + column * (LEFT + layout.width + GAP)
        top = HEAD + TOP + row * (TOP + layout.height + BOTTOM)
        _panel(figure, panel, picture, result.images[panel.data_idx].uri, left, top, value)
    _heading(figure, result, value, more)
    _legend(figure, layout, most, value)
    return figure


def _panel(
    figure: "Figure", panel: Panel, picture: NDArray[np.uint8], uri: str, left: int, top: int, value: MapValue
) -> None:
    width, height = (round(inches * DPI) for inches in figure.get_size_inches())
    rows, columns = picture.shape[:2]
    bottom = height - top - rows
    figure.figimage(picture, xo=left, yo=bottom, origin="upper")
    frame = figure.add_axes((left / width, bottom / height, columns / width, rows / height), facecolor="none", zorder=1)
    pixels = [n * panel.factor for n in panel.shape]
    frame.set_xlim(0, pixels[1])
    frame.set_ylim(pixels[0], 0)
    frame.tick_params(labelsize=7, colors=TEXT)
    frame.ticklabel_format(style="plain", useOffset=False)  # "1e6" would be written over the words beside it
    frame.locator_params(nbins=max(1, min(6, columns // 80)), axis="x", integer=True)
    frame.locator_params(nbins=max(1, min(6, rows // 50)), axis="y", integer=True)
    shape = " x ".join(f"{n:,}" for n in panel.size)
    covers = "each pixel" if panel.factor == 1 else f"{value} of {panel.factor} x {panel.factor} pixels"
    over = f", {value} over Z" if panel.depth > 1 else ""
    lines = (
        shortened(uri, max(24, columns // 7)),
        f"image {panel.data_idx}, sample {panel.sample_idx}, {shape}",
        f"{covers}{over}",
    )
    for i, line in enumerate(reversed(lines)):
        place = left / width, 1 - (top - 6 - 14 * i) / height
        figure.text(*place, line, fontsize=8 if i < 2 else 9, color=TEXT, parse_math=False, va="bottom")


def _heading(figure: "Figure", result: InspectResult, value: MapValue, more: int) -> None:
    height = figure.get_size_inches()[1] * DPI
    total = result.total
    title = f"{shortened(Path(result.plan).name, 60)}: visits per pixel"
    what = f"{total.n_patches:,} {'tiles' if total.partition else 'patches'}, strategy {result.strategy}"
    figures = f"mean {total.visits.mean:.4g}, {total.visits.min} to {total.visits.max} visits"
    rest = f"; and {more:,} more {'samples' if more > 1 else 'sample'}" if more else ""
    place: dict[str, Any] = {"color": TEXT, "parse_math": False, "va": "top"}
    figure.text(14 / (figure.get_size_inches()[0] * DPI), 1 - 12 / height, title, fontsize=13, **place)
    line = f"{what}; {figures}; shown: {value}{rest}"
    figure.text(14 / (figure.get_size_inches()[0] * DPI), 1 - 38 / height, line, fontsize=9, **place)


def _legend(figure: "Figure", layout: Layout, most: float, value: MapValue) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Patch

    width, height = (inches * DPI for inches in figure.get_size_inches())
    length = min(layout.height, 500)
    left = layout.columns * (LEFT + layout.width + GAP) + 8
    place = (left / width, 1 - (HEAD + TOP + length) / height, 16 / width, length / height)
    scale = ScalarMappable(Normalize(0, most or 1), "viridis")
    bar = figure.colorbar(scale, cax=figure.add_axes(place))
    bar.set_label(f"visits per pixel ({value})", fontsize=9, color=TEXT)
    bar.ax.tick_params(labelsize=8, colors=TEXT)
    bar.ax.locator_params(nbins=6)
    figure.legend(
        handles=[
            Patch(
                facecolor="white",
                edgecolor=TEXT,
                label="0 visits" + (": some pixel is not read" if value == "min" else ": not read"),
            )
        ],
        loc="lower left",
        bbox_to_anchor=(LEFT / width, 4 / height),
        fontsize=9,
        frameon=False,
        borderpad=0,
    )


def shortened(text: str, most: int) -> str:
    """Return a name without what no font has and, where it is too long, without its middle.

    Examples
    --------
    >>> shortened("slides/a rather long name.tif", 20)
    'slides/a ...name.tif'
    """
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    before, after = (most - 2) // 2, (most - 3) // 2
    return plain if len(plain) <= most else f"{plain[:before]}...{plain[-after:]}"

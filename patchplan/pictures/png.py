"""Maps of visits as a PNG: a panel per sample with its axes in image pixels, one colour scale for all.

Panels are pasted, not drawn, so that a picture pixel is one pixel of the file, or a whole number of them on each
axis: more on the short one of a very long image, which would be a line otherwise.
"""

import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from patchplan.coverage.result import InspectResult
from patchplan.coverage.rows import Progress
from patchplan.errors import MissingExtraError
from patchplan.pictures.maps import Map, visit_maps
from patchplan.pictures.panels import ASPECT, Panel, panels_of
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PANELS = 12
DPI = 100
LEFT, TOP, GAP, BOTTOM, HEAD, BAR = 84, 58, 30, 52, 70, 110
"""Pixels beside, above, between and below panels, above all of them, and for the colour bar."""

LEAST, KEY = (160, 240), 24
"""Least height of all panels, for the colour bar, and width of one, for its words; height of the legend."""

TEXT, NOT_READ = "#1a1a1a", (255, 255, 255)


class Layout(NamedTuple):
    """Where panels are: pixels of each row and of each column, and whether there is a legend below."""

    heights: list[int]
    widths: list[int]
    legend: bool

    @classmethod
    def of(cls, pictures: Sequence[NDArray[np.uint8]], *, legend: bool) -> Self:
        """Return rows and columns, about as many, each as large as the largest of its pictures."""
        n = ceil(sqrt(len(pictures)))
        heights, widths = [0] * ceil(len(pictures) / n), [LEAST[1]] * n
        for i, picture in enumerate(pictures):
            row, column = divmod(i, n)
            heights[row], widths[column] = max(heights[row], len(picture)), max(widths[column], picture.shape[1])
        heights[-1] += max(0, LEAST[0] - sum(heights))
        return cls(heights, widths, legend)

    def corners(self) -> Iterator[tuple[int, int, int]]:
        """Yield where each place begins, from the top and from the left, and how wide it is."""
        top = HEAD + TOP
        for height in self.heights:
            left = LEFT
            for width in self.widths:
                yield top, left, width
                left += width + GAP + LEFT
            top += height + BOTTOM + TOP

    @property
    def right(self) -> int:
        """Where panels end."""
        return sum(self.widths) + len(self.widths) * (LEFT + GAP)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture."""
        height = HEAD + sum(self.heights) + len(self.heights) * (TOP + BOTTOM) + KEY * self.legend
        return max(self.right + BAR, 720), height


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


def coloured(values: Map, most: float, times: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a map in colours, RGB, each value repeated on Y and X; white is what no patch reads."""
    from matplotlib import colormaps

    scaled = values / most if most else values
    colours: NDArray[np.uint8] = colormaps["viridis"](scaled, bytes=True)[..., :3]
    colours[values == 0] = NOT_READ
    return colours.repeat(times[0], axis=0).repeat(times[1], axis=1)


def repeats(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Return how many pixels YX a value takes: small pictures are enlarged, lines are made bands.

    Examples
    --------
    >>> repeats((1400, 900), 1400), repeats((100, 80), 1400), repeats((1395, 1), 1400)
    ((1, 1), (7, 7), (1, 174))
    """
    times = max(1, side // 2 // max(shape))
    height, width = (max(times, times * max(shape) // ASPECT // n) for n in shape)
    return height, width


def _draw(
    panels: Sequence[Panel], maps: Sequence[Map], result: InspectResult, value: MapValue, more: int, side: int
) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    most = max(float(values.max()) for values in maps)
    times = [repeats(panel.shape, side) for panel in panels]
    pictures = [coloured(values, most, each) for values, each in zip(maps, times, strict=True)]
    layout = Layout.of(pictures, legend=any((values == 0).any() for values in maps))
    width, height = layout.size
    # a little more, since matplotlib before 3.11 drops a pixel where the size in inches is rounded down
    figure = Figure(figsize=((width + 1e-6) / DPI, (height + 1e-6) / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for panel, picture, n, corner in zip(panels, pictures, times, layout.corners(), strict=False):
        _paste(figure, panel, picture, corner[:2])
        stretched = "" if n[0] * panel.block[1] == n[1] * panel.block[0] else "; X and Y not to scale"
        _words(figure, panel, result.images[panel.data_idx].uri, corner, f"{covered(panel, value)}{stretched}")
    _heading(figure, result, value, more)
    _colour_bar(figure, layout, most, value)
    if layout.legend:
        _legend(figure, value)
    return figure


def _paste(figure: "Figure", panel: Panel, picture: NDArray[np.uint8], corner: tuple[int, int]) -> None:
    """Put a picture in its place, in a frame with ticks in image pixels."""
    width, height = (round(inches * DPI) for inches in figure.get_size_inches())
    (top, left), (rows, columns) = corner, picture.shape[:2]
    bottom = height - top - rows
    figure.figimage(picture, xo=left, yo=bottom, origin="upper")
    frame = figure.add_axes((left / width, bottom / height, columns / width, rows / height), facecolor="none", zorder=1)
    end_y, end_x = (n * each for n, each in zip(panel.shape, panel.block, strict=True))
    frame.set_xlim(0, end_x)
    frame.set_ylim(end_y, 0)
    frame.tick_params(labelsize=7, colors=TEXT)
    frame.set_xlabel("X, pixels", fontsize=7, color=TEXT, labelpad=1)
    frame.set_ylabel("Y, pixels", fontsize=7, color=TEXT, labelpad=1)
    frame.ticklabel_format(style="plain", useOffset=False)  # "1e6" would be written over the words beside it
    frame.locator_params(nbins=max(1, min(6, columns // 80)), axis="x", integer=True)
    frame.locator_params(nbins=max(1, min(6, rows // 50)), axis="y", integer=True)


def _words(figure: "Figure", panel: Panel, uri: str, corner: tuple[int, int, int], covers: str) -> None:
    """Write above a picture what it shows."""
    width, height = (round(inches * DPI) for inches in figure.get_size_inches())
    top, left, room = corner
    shape = " x ".join(f"{n:,}" for n in panel.size)
    lines = (shortened(uri, room // 7), f"image {panel.data_idx}, sample {panel.sample_idx}, {shape}", covers)
    for i, line in enumerate(reversed(lines)):
        place = left / width, 1 - (top - 6 - 14 * i) / height
        figure.text(*place, line, fontsize=8 if i < 2 else 9, color=TEXT, parse_math=False, va="bottom")


def covered(panel: Panel, value: MapValue) -> str:
    """Return what of the image a picture pixel shows.

    Examples
    --------
    >>> covered(Panel(0, 0, (5, 90, 80), (1, 1)), "mean"), covered(Panel(0, 0, (90, 80), (3, 3)), "max")
    ('every pixel, mean over Z', 'max of 3 x 3 pixels')
    """
    height, width = panel.block
    pixels = "every pixel" if panel.block == (1, 1) else f"{value} of {height} x {width} pixels"
    return f"{pixels}, {value} over Z" if panel.depth > 1 else pixels


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


def _colour_bar(figure: "Figure", layout: Layout, most: float, value: MapValue) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    width, height = (inches * DPI for inches in figure.get_size_inches())
    length = min(sum(layout.heights), 500)
    place = ((layout.right + 8) / width, 1 - (HEAD + TOP + length) / height, 16 / width, length / height)
    scale = ScalarMappable(Normalize(0, most or 1), "viridis")
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10], integer=value != "mean")
    bar = figure.colorbar(scale, cax=figure.add_axes(place), ticks=ticks)
    bar.set_label(f"visits per pixel ({value})", fontsize=9, color=TEXT)
    bar.ax.tick_params(labelsize=8, colors=TEXT)


def _legend(figure: "Figure", value: MapValue) -> None:
    """Say what white is."""
    from matplotlib.patches import Patch

    width, height = (inches * DPI for inches in figure.get_size_inches())
    word = "0 visits: some pixel is not read" if value == "min" else "0 visits: not read"
    figure.legend(
        handles=[Patch(facecolor="white", edgecolor=TEXT, label=word)],
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

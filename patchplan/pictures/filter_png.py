"""A picture of what a filter finds: maps with background in grey, and how many patches each threshold keeps."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from patchplan.images import ImageSource
from patchplan.pictures.png import TEXT, shortened
from patchplan.plans.settings.filters import AnyFilterConfig, MeanStdFilterConfig
from patchplan.sampling.filters.maps import FilterMap
from patchplan.sampling.filters.values import FilterValues, kept_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDS = {"max": "brightness limit", "mean_std": "mean", "shannon": "entropy, bits", "mask": "share in the mask"}
"""What the values of each filter are called; of several, the first."""

MAX_PANELS = 6
WIDE = 0.5
"""Height by width below which maps stand under each other sooner."""
DPI = 100


def write_filter_png(
    path: Path, found: FilterMap, own: FilterValues, source: ImageSource, config: AnyFilterConfig, what: str
) -> None:
    """Write the picture of one image; `own` are the values of its patches, `what` says what these are called."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that the font lacks: a box stands in their place
        figure = _draw(found, own, config, what)
        title = _title(found, own, source, config, what)
        figure.suptitle(title, fontsize=11, color=TEXT, parse_math=False)
        figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def _draw(found: FilterMap, own: FilterValues, config: AnyFilterConfig, what: str) -> "Figure":
    """Draw the maps of the first samples, and below them how many patches each threshold keeps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = min(MAX_PANELS, len(found.values))
    tall = (found.values.shape[-2] * found.step[-2]) / (found.values.shape[-1] * found.step[-1])
    columns = 1 if n == 1 or (n <= 3 and tall < WIDE) else 2 if n <= 4 or tall < WIDE else 3
    rows, width = -(-n // columns), 8 if columns == 1 else 11
    height = min(max(0.8 * width / columns * tall, 1.2), 9)
    figure = Figure(figsize=(width, rows * (height + 0.6) + 2.8), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[height] * rows, 1.7])
    scale = Scale.of(own.values[:, 0], config.limit)
    maps = []
    for sample in range(n):
        axes = figure.add_subplot(grid[divmod(sample, columns)])
        _map(axes, found, sample, scale)
        if len(found.values) > 1:
            axes.set_title(f"sample {sample}", fontsize=9, color=TEXT)
        maps.append(axes)
    below = figure.add_subplot(grid[rows, :])
    _curve(below, own, config, scale, what)
    _colour_bar(figure, [*maps, below], scale, config)
    return figure


def _title(found: FilterMap, own: FilterValues, source: ImageSource, config: AnyFilterConfig, what: str) -> str:
    """Return two lines: of what it is, and what is kept."""
    total = len(own.background)
    kept = total - int(np.count_nonzero(own.background))
    more = "" if len(found.values) <= MAX_PANELS else f"; {MAX_PANELS} of {len(found.values):,} samples shown"
    depth = "; largest over Z shown" if source.ndim == 3 else ""
    std = config.std_threshold if isinstance(config, MeanStdFilterConfig) else None
    also = "" if std is None else f" and std_threshold {std:g}"
    return (
        f"Filter {config.name} of {shortened(source.uri, 60)}\n{kept:,} of {total:,} {what} "
        f"({kept / max(1, total):.1%}) kept with {config.chosen} {config.limit:g}{also}{more}{depth}"
    )


class Scale(NamedTuple):
    """The range of values, and the threshold in it: below are greys, above are colours."""

    low: float
    high: float
    limit: float

    @classmethod
    def of(cls, values: NDArray[np.float64], limit: float) -> Self:
        """Return the scale of values, without the farthest 0.1 percent on either side, with the threshold."""
        finite = values[np.isfinite(values)]
        low, high = np.quantile(finite, (0.001, 0.999)).tolist() if len(finite) else (limit, limit)
        low, high = min(low, limit), max(high, limit)
        return cls(low, high if high > low else low + 1, limit)

    def colours(self, values: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return values in colours, RGB: what is kept in viridis, background in greys; white where there is none."""
        from matplotlib import colormaps

        with np.errstate(invalid="ignore", over="ignore"):
            below = ((values - self.low) / ((self.limit - self.low) or 1)).clip(0, 1)
            above = ((values - self.limit) / ((self.high - self.limit) or 1)).clip(0, 1)
        greys = colormaps["gray"](0.12 + 0.6 * np.nan_to_num(below), bytes=True)
        bright = colormaps["viridis"](0.15 + 0.85 * np.nan_to_num(above), bytes=True)
        mixed: NDArray[np.uint8] = np.where(kept[..., np.newaxis], bright, greys)[..., :3]
        mixed[np.isnan(values)] = 255
        return mixed


def _map(axes: "Axes", found: FilterMap, sample: int, scale: Scale) -> None:
    """Show the values of a sample where their patches are, in image pixels."""
    values, kept = found.values[sample, 0], found.kept[sample]
    if values.ndim == 3:
        with np.errstate(invalid="ignore"):
            values, kept = np.fmax.reduce(values, axis=0), kept.any(axis=0)
    (top, left), (height, width) = found.offset[-2:], found.step[-2:]
    edges = (left, left + values.shape[1] * width, top + values.shape[0] * height, top)
    axes.imshow(scale.colours(values, kept), extent=edges, interpolation="nearest")
    axes.set_xlabel("X, pixels", fontsize=8, color=TEXT)
    axes.set_ylabel("Y, pixels", fontsize=8, color=TEXT)
    axes.tick_params(labelsize=7, colors=TEXT)


def _colour_bar(figure: "Figure", beside: list["Axes"], scale: Scale, config: AnyFilterConfig) -> None:
    """Show what the colours are, and where the threshold is."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    values = np.linspace(scale.low, scale.high, 512)
    colours = scale.colours(values, values >= scale.limit) / 255
    bar = figure.colorbar(
        ScalarMappable(Normalize(scale.low, scale.high), ListedColormap(colours)), ax=beside, shrink=0.9, aspect=30
    )
    bar.set_label(f"{WORDS[config.name]}; grey: background, white: no patch", fontsize=8, color=TEXT)
    bar.ax.axhline(scale.limit, color="#d62728", linewidth=2)
    bar.ax.tick_params(labelsize=7, colors=TEXT)


def _curve(axes: "Axes", own: FilterValues, config: AnyFilterConfig, scale: Scale, what: str) -> None:
    """Show how many patches each threshold would keep."""
    thresholds = np.linspace(scale.low, scale.high, 200)
    axes.plot(thresholds, kept_at(own, config, thresholds.tolist()), color="#1f77b4")
    axes.axvline(scale.limit, color="#d62728", linewidth=1.5)
    axes.set_xlim(scale.low, scale.high)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(config.chosen, fontsize=8, color=TEXT)
    axes.set_ylabel(f"{what} kept", fontsize=8, color=TEXT)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=7, colors=TEXT)

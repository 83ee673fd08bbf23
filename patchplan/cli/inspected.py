"""What `inspect` found, as tables for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from patchplan.cli.render import MAX_IMAGES, WIDE, by, count, end_of, stdout_console, write
from patchplan.coverage.cost_words import amplified, chunks_word, cost_lines, per_patch_word, split_lines, times
from patchplan.coverage.result import partition_word, percent
from patchplan.plans.telling import chosen_lines

if TYPE_CHECKING:
    from rich.console import Console

    from patchplan.coverage.result import ImageCoverage, InspectResult, PlacedBox, TotalCoverage
    from patchplan.coverage.sources import ImageReading, ImagesResult

MAX_BOXES = 5
"""Boxes of each kind that are shown; `--json` has more."""


def show_coverage(result: "InspectResult") -> None:
    """Write a line per image and what it comes to."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = stdout_console()
    wide = console.width >= WIDE
    tiles = result.total.partition is not None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=len(result.images) > 1)
    names = ["patches", "visits", *(["mean", "std"] if wide else []), "uncovered", *(["kept"] if tiles else [])]
    totals = _cells(result.total, wide=wide)
    table.add_column("image", "total", no_wrap=True)
    if wide:
        table.add_column("data shape", no_wrap=True)
    for name, total in zip(names, totals, strict=True):
        table.add_column(name, total, justify="right", no_wrap=True)
    for image in result.images[:MAX_IMAGES]:
        cells = [end_of(image.uri, console.width - (90 if wide else 44)), *([by(image.data_shape)] if wide else [])]
        table.add_row(*(Text(cell) for cell in cells), *_cells(image, wide=wide))
    if len(result.images) > MAX_IMAGES:
        table.add_row(f"... and {len(result.images) - MAX_IMAGES:,} more")
    chosen = chosen_lines(result.chosen, result.planned_splits)
    write(console, table, [*_lines(result), *chosen, *([] if result.splits is None else split_lines(result.splits))])
    if result.total.cost is not None:
        _show_cost(result, console)


def _show_cost(result: "InspectResult", console: "Console") -> None:
    """Write a line per image on what it costs to read, and what it comes to."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide, total = console.width >= WIDE, result.total.cost
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("image", no_wrap=True)
    for name in (*(["chunks", "per patch"] if wide else []), "read", "loaded", "in Morton order"):
        table.add_column(name, justify="left" if name == "chunks" else "right", no_wrap=True)
    for image in result.images[:MAX_IMAGES]:
        if (cost := image.cost) is not None:
            cells = [end_of(image.uri, console.width - (90 if wide else 44))]
            cells += [chunks_word(cost), per_patch_word(cost)] if wide else []
            cells += [times(cost.pixels_read, cost.pixels), amplified(cost.plan_order), amplified(cost.morton_order)]
            table.add_row(*map(Text, cells))
    if total is not None:
        write(console, table, list(cost_lines(total)))


def _cells(found: "ImageCoverage | TotalCoverage", *, wide: bool) -> list[str]:
    visits = found.visits
    several = f"{visits.min} to {visits.max}" if visits.min < visits.max else f"{visits.min}"
    cells = [f"{found.n_patches:,}", several, *([_short(visits.mean), _short(visits.std)] if wide else [])]
    cells.append(percent(found.uncovered_fraction))
    if found.partition is not None:
        exact = "exact" if found.partition.exact else "broken"
        cells.append(partition_word(found.partition) if wide else exact)
    return cells


def _lines(result: "InspectResult") -> list[str]:
    total = result.total
    what = ("tile", "tiles") if total.partition is not None else ("patch", "patches")
    epochs = f", {count(result.epochs, 'epoch', 'epochs')}" if result.epochs else ""
    lines = [
        f"{result.strategy}: {count(total.n_patches, *what)} over {count(total.n_images, 'image', 'images')}{epochs}; "
        f"mean visits of a pixel: {_short(total.visits.mean)}"
    ]
    if total.uncovered_fraction:
        pixels = dict(total.visits.histogram)[0]
        lines.append(f"uncovered: {_where(pixels, total.uncovered)}")
    if total.partition is None:
        return lines
    if total.partition.exact:
        return [*lines, "the kept parts are an exact partition"]
    wrong = {
        "kept by no tile": (total.partition.gap_pixels, total.partition.gaps),
        "kept more than once": (total.partition.double_pixels, total.partition.doubles),
        "put elsewhere than read": (total.partition.misplaced_pixels, total.partition.misplaced),
    }
    return lines + [f"{name}: {_where(pixels, boxes)}" for name, (pixels, boxes) in wrong.items() if pixels]


def _where(pixels: int, boxes: Sequence["PlacedBox"]) -> str:
    """Return how many pixels, and the first boxes; listed to their end where the boxes hold all."""
    shown = "; ".join(map(str, boxes[:MAX_BOXES]))
    more = "; more with --json" if len(boxes) > MAX_BOXES else ""
    return f"{count(pixels, 'pixel', 'pixels')}" + (f", first {shown}{more}" if boxes else "")


def _short(number: float) -> str:
    return f"{number:.4g}" if number < 10_000 else f"{number:,.0f}"


def show_images(result: "ImagesResult") -> None:
    """Write how each image is read."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = stdout_console()
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("image", "axes", "shape", "dtype", *(["data shape", "chunks", "pixel size"] if wide else [])):
        table.add_column(name, no_wrap=name != "pixel size")
    for image in result.images[:MAX_IMAGES]:
        cells = [end_of(_name(image), console.width - (110 if wide else 40)), image.axes, by(image.shape), image.dtype]
        if wide:
            cells += [by(image.data_shape), _chunks(image), _pixel_size(image)]
        table.add_row(*(Text(cell) for cell in cells))
    if len(result.images) > MAX_IMAGES:
        table.add_row(f"... and {len(result.images) - MAX_IMAGES:,} more")
    lines = [line for image in result.images[:MAX_IMAGES] for line in _details(image, wide=wide)]
    write(console, table, [*lines, count(len(result.images), "image", "images")])


def _name(image: "ImageReading") -> str:
    return image.uri if not image.array else f"{image.uri}:{image.array}"


def _details(image: "ImageReading", *, wide: bool) -> list[str]:
    """Return what the table has no room for: other levels and, in a narrow terminal, chunks and pixel size."""
    lines = []
    if not wide:
        lines.append(
            f"{image.uri}: data shape {by(image.data_shape)}, chunks {_chunks(image)}, pixel size {_pixel_size(image)}"
        )
    if len(image.levels) > 1:
        levels = ", ".join(f"{i} {by(shape)}" for i, shape in enumerate(image.levels))
        lines.append(f"{image.uri}: level {image.level or 0} is read; for --level: {levels}")
    return lines


def _chunks(image: "ImageReading") -> str:
    if image.chunks is None:
        return "-"
    return by(image.chunks) + (f" in shards {by(image.shards)}" if image.shards else "")


def _pixel_size(image: "ImageReading") -> str:
    if image.pixel_size is None:
        return "-"
    return " x ".join(f"{size:.4g}" for size in image.pixel_size) + (f" {image.pixel_unit}" if image.pixel_unit else "")

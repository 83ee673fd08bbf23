"""What `inspect` returns: shown as tables, as JSON, or in a notebook."""

from html import escape
from typing import Any

from patchplan.coverage.boxes import Box, Frozen, PlacedBox
from patchplan.coverage.cost_result import ImageCost, Splits, TotalCost
from patchplan.coverage.cost_words import cost_lines, split_lines
from patchplan.plans.telling import chosen_lines

__all__ = [
    "Box",
    "Coverage",
    "Frozen",
    "ImageCoverage",
    "InspectResult",
    "Partition",
    "PlacedBox",
    "SampleCoverage",
    "SampleVisits",
    "TotalCoverage",
    "TotalPartition",
    "Visits",
    "partition_word",
    "percent",
]

HTML_IMAGES = 50
"""Images that a notebook shows."""


class SampleVisits(Frozen):
    """Visits of the pixels of one sample; `std` is that of all pixels, not an estimate."""

    min: int
    max: int
    mean: float
    std: float


class Visits(SampleVisits):
    """Visits of pixels; `histogram` has [visits, pixels] for all numbers of visits that occur, in order."""

    histogram: tuple[tuple[int, int], ...]


class SampleCoverage(Frozen):
    """What is read of one sample."""

    sample_idx: int
    n_patches: int
    visits: SampleVisits
    uncovered_fraction: float


class Partition(Frozen):
    """Whether the parts that tiles keep partition the images.

    `gaps` and `doubles` are the first boxes that no tile, or several, write; `misplaced` are kept parts that
    are put elsewhere than they were read. The numbers of pixels count all of them. `exact` where there are
    none.
    """

    exact: bool
    gaps: tuple[Box, ...]
    doubles: tuple[Box, ...]
    misplaced: tuple[Box, ...]
    gap_pixels: int
    double_pixels: int
    misplaced_pixels: int


class TotalPartition(Partition):
    """The same over all images."""

    gaps: tuple[PlacedBox, ...]
    doubles: tuple[PlacedBox, ...]
    misplaced: tuple[PlacedBox, ...]


class Coverage(Frozen):
    """What is read. `n_patches` counts the rows of all epochs; `redundancy` is pixels read by those there are.

    What of a patch lies outside its image is not read.
    """

    n_patches: int
    visits: Visits
    uncovered_fraction: float
    redundancy: float


class Named(Frozen):
    """Which image it is, and its shape S C (Z) Y X."""

    data_idx: int
    uri: str
    data_shape: tuple[int, ...]


class ImageCoverage(Coverage, Named):
    """What is read of one image.

    `uncovered` are the first boxes that are not; `samples` are the first 100 of `n_samples`. `cost` is null
    unless it is asked for.
    """

    n_samples: int
    uncovered: tuple[Box, ...]
    partition: Partition | None
    samples: tuple[SampleCoverage, ...]
    cost: ImageCost | None = None


class TotalCoverage(Coverage):
    """What is read of all images."""

    n_images: int
    uncovered: tuple[PlacedBox, ...]
    partition: TotalPartition | None
    cost: TotalCost | None = None


class InspectResult(Frozen):
    """What a plan covers, exactly.

    `counted` says how: "grid" in closed form, from the header, or "rows". `findings` are other things that
    are not as they should be, one line each. A `partition` is null unless the patches are tiles, `splits` unless
    the plan has a column `split`. `chosen` and `planned_splits` are what the header says of regions, filter and splits.
    """

    plan: str
    strategy: str
    epochs: int | None
    counted: str
    images: tuple[ImageCoverage, ...]
    total: TotalCoverage
    splits: Splits | None = None
    chosen: dict[str, Any] | None = None
    planned_splits: dict[str, Any] | None = None
    findings: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [(f"{image.data_idx}", image.uri, image) for image in self.images[:HTML_IMAGES]]
        body = "".join(_html_row(number, uri, image) for number, uri, image in rows)
        more = len(self.images) - HTML_IMAGES
        if more > 0:
            body += f'<tr><td></td><td colspan="6">... and {more:,} more</td></tr>'
        head = ("", "image", "patches", "visits", "mean ± std", "uncovered", "partition")
        titles = "".join(f"<th>{title}</th>" for title in head)
        said = chosen_lines(self.chosen, self.planned_splits)
        said += [] if self.total.cost is None else list(cost_lines(self.total.cost))
        said += [] if self.splits is None else list(split_lines(self.splits))
        notes = "".join(f"<li>{escape(line)}</li>" for line in (*said, *self.findings))
        caption = f"{escape(self.plan)}: {escape(self.strategy)}"
        return (
            f"<table><caption>{caption}</caption><thead><tr>{titles}</tr></thead>"
            f"<tbody>{body}{_html_row('', 'total', self.total)}</tbody></table>"
            + (f"<ul>{notes}</ul>" if notes else "")
        )


def _html_row(number: str, name: str, found: ImageCoverage | TotalCoverage) -> str:
    visits = found.visits
    cells = (
        number,
        name,
        f"{found.n_patches:,}",
        f"{visits.min} to {visits.max}",
        f"{visits.mean:.4g} ± {visits.std:.4g}",
        percent(found.uncovered_fraction),
        partition_word(found.partition),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def percent(fraction: float) -> str:
    """Return a fraction in percent; what is little is not shown as nothing, nor nearly all as all.

    Examples
    --------
    >>> percent(0.0), percent(1e-9), percent(0.36788), percent(1 - 1e-9), percent(1.0)
    ('0 %', '< 0.01 %', '36.79 %', '> 99.99 %', '100 %')
    """
    if fraction in (0, 1):
        return f"{fraction:.0%}".replace("%", " %")
    if fraction < 0.0001:
        return "< 0.01 %"
    return "> 99.99 %" if fraction > 0.9999 else f"{100 * fraction:.2f} %"


def partition_word(partition: Partition | None) -> str:
    """Return what a table says of a partition."""
    if partition is None:
        return "-"
    wrong = {"gaps": partition.gap_pixels, "doubles": partition.double_pixels, "misplaced": partition.misplaced_pixels}
    return "exact" if partition.exact else ", ".join(name for name, pixels in wrong.items() if pixels)

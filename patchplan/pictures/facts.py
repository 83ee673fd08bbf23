"""What the page tells in words and numbers."""

from collections.abc import Sequence
from typing import Any

from patchplan.coverage.cost_result import ImageCost
from patchplan.coverage.cost_words import amplified, bytes_text, chunks_word, cost_lines, per_patch_word, times
from patchplan.coverage.result import ImageCoverage, TotalCoverage
from patchplan.plans.plan import Plan

MAX_BARS = 60
"""Bars of a histogram."""


def image_facts(image: ImageCoverage, plan: Plan) -> dict[str, Any]:
    """Return what the page tells of an image."""
    record = plan.images[image.data_idx]
    return {
        **_figures(image),
        "uri": image.uri,
        "shape": image.data_shape,
        "n_samples": image.n_samples,
        "axes": record.axes,
        "dtype": record.dtype,
        "pixel_size": record.pixel_size,
        "pixel_unit": record.pixel_unit,
        "cost": None if image.cost is None else cost_facts(image.cost),
    }


def total_facts(total: TotalCoverage) -> dict[str, Any]:
    """Return what the page tells of all images; of the cost, the lines of the command line as (what, text)."""
    lines = [] if total.cost is None else list(cost_lines(total.cost))
    parts = [line.split(": ", 1) if ": " in line else ["note", line] for line in lines]
    return {**_figures(total), "cost": parts or None}


def cost_facts(cost: ImageCost) -> list[tuple[str, str]]:
    """Return what reading an image costs as (what, text), in the words of the command line."""
    facts = [
        ("pixels read", f"{cost.pixels_read:,}, {times(cost.pixels_read, cost.pixels)} those of the image"),
        ("bytes read", f"{bytes_text(cost.bytes_read)} of {bytes_text(cost.bytes)}"),
        ("chunks", chunks_word(cost)),
        ("chunks per patch", per_patch_word(cost)),
    ]
    for order, name in ((cost.plan_order, "in the plan's order"), (cost.morton_order, "in Morton order")):
        if order is not None:
            chunks = f"{order.chunks:,} {'chunk' if order.chunks == 1 else 'chunks'}, " if cost.unit == "chunk" else ""
            sample = f" by a sample of {cost.n_counted:,} patches" if cost.sampled else ""
            text = f"{chunks}{bytes_text(order.bytes)}: {amplified(order)} the bytes wanted{sample}"
            facts.append((f"loaded {name}", text))
    return facts


def _figures(found: Any) -> dict[str, Any]:
    """Return what is told of an image as well as of all."""
    told = found.model_dump(mode="json", include={"n_patches", "uncovered_fraction", "redundancy", "partition"})
    visits = found.visits.model_dump(include={"min", "max", "mean", "std"})
    if told["partition"] is not None:
        wrong = ("exact", "gap_pixels", "double_pixels", "misplaced_pixels")
        told["partition"] = {name: told["partition"][name] for name in wrong}
    return {**told, "visits": visits, "histogram": bars(found.visits.histogram)}


def bars(histogram: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (first visits, last visits, pixels) of at most 60 bars, which hold equally many numbers of visits.

    Examples
    --------
    >>> bars([(0, 5), (1, 7), (4, 1)])
    [(0, 0, 5), (1, 1, 7), (4, 4, 1)]
    """
    if len(histogram) <= MAX_BARS:
        return [(visits, visits, pixels) for visits, pixels in histogram]
    low, high = histogram[0][0], histogram[-1][0] + 1
    width = -(-(high - low) // MAX_BARS)
    found: dict[int, int] = {}
    for visits, pixels in histogram:
        bar = (visits - low) // width
        found[bar] = found.get(bar, 0) + pixels
    return [(low + bar * width, min(high, low + (bar + 1) * width) - 1, n) for bar, n in found.items()]

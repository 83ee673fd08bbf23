"""From a plan to what is told of it: closed form where its rows follow from the header, else its rows counted."""

from collections.abc import Sequence
from math import prod
from typing import Any

from patchplan.coverage.cost_report import plan_cost
from patchplan.coverage.cost_result import Splits
from patchplan.coverage.grids import count_grid
from patchplan.coverage.images import ImageCount, PlacedSpan, SampleCount
from patchplan.coverage.result import (
    Box,
    ImageCoverage,
    InspectResult,
    Partition,
    PlacedBox,
    SampleCoverage,
    SampleVisits,
    TotalCoverage,
    TotalPartition,
    Visits,
)
from patchplan.coverage.rows import PlanRows, Progress, counting
from patchplan.coverage.splits import has_splits, plan_splits
from patchplan.coverage.splits_rows import TooManySplitsError
from patchplan.coverage.survey import Survey, survey
from patchplan.coverage.tables import count_rows
from patchplan.coverage.visits import Histogram, add, summarise
from patchplan.plans.plan import Plan
from patchplan.plans.words import SUBSET_OF

MAX_BOXES = 20


def inspect_plan(
    plan: Plan,
    most: int = MAX_BOXES,
    progress: Progress | None = None,
    findings: Sequence[str] = (),
    *,
    cache: int | None = None,
    context: Sequence[int] | None = None,
) -> InspectResult:
    """Return what a plan covers; with a `cache` of so many bytes, also what it costs to read.

    A plan without rows is its grid, so that counts per axis and their product are all. Stored rows may have
    been edited, filtered or reordered, and to compare them with the grid costs as much as to count them: a
    grid's rows make few cells. So where there are rows, they are counted. Splits are told with a `context`: pixels
    per axis, maybe 0.
    """
    grid = None if plan.header.rows else count_grid(plan.patching, most)
    if grid is not None:
        nothing = Survey([], [[] for _ in plan.images], [0] * len(plan.images))
        result = _result(plan, "grid", grid.read, grid.kept, nothing, findings)
        rows = PlanRows(plan, progress)
        return result if cache is None else _with_cost(result, rows, grid.read, cache, progress)
    rows = PlanRows(plan, progress)
    found = survey(rows, most)
    folds = "fold" in plan.schema.names
    if folds:
        findings = [*findings, "visits and pixels are of all folds together, so kept parts are not judged"]
    tiles = plan.header.tiles and not folds
    n_pixels = sum(shape[0] * prod(shape[2:]) for shape in plan.data_shapes)
    counted = counting(progress, "pixels", n_pixels * (2 if tiles else 1))
    read = count_rows(rows, most, kept=False, counted=counted)
    kept = count_rows(rows, most, kept=True, counted=counted) if tiles else None
    splits, more = _splits(rows, context, most, progress)
    result = _result(plan, "rows", read, kept, found, [*findings, *more]).model_copy(update={"splits": splits})
    return result if cache is None else _with_cost(result, rows, read, cache, progress)


def _splits(
    rows: PlanRows, context: Sequence[int] | None, most: int, progress: Progress | None
) -> tuple[Splits | None, list[str]]:
    """Return what splits share, or why that is not told."""
    if context is None or not has_splits(rows):
        return None, []
    try:
        return plan_splits(rows, context, most, progress=progress), []
    except TooManySplitsError as error:
        return None, [str(error)]


def _with_cost(
    result: InspectResult, rows: PlanRows, read: Sequence[ImageCount], cache: int, progress: Progress | None
) -> InspectResult:
    costs, all_costs = plan_cost(rows, read, cache, progress, grid=result.counted == "grid")
    images = (image.model_copy(update={"cost": one}) for image, one in zip(result.images, costs, strict=True))
    total = result.total.model_copy(update={"cost": all_costs})
    return result.model_copy(update={"images": tuple(images), "total": total})


def _result(
    plan: Plan,
    how: str,
    read: Sequence[ImageCount],
    kept: Sequence[ImageCount] | None,
    found: Survey,
    findings: Sequence[str],
) -> InspectResult:
    images, chosen = [], bool(plan.header.sections) or SUBSET_OF in plan.header.config
    for data_idx, counts in enumerate(read):
        misplaced = found.misplaced[data_idx], found.misplaced_pixels[data_idx]
        partition = None if kept is None else _partition(kept[data_idx], *misplaced, chosen=chosen)
        images.append(_image(plan, data_idx, counts, partition))
    return InspectResult(
        plan=str(plan.path),
        strategy=plan.header.config["patching"]["name"],
        epochs=plan.header.epochs,
        counted=how,
        images=tuple(images),
        total=_total(images, read[0].most),
        chosen=plan.header.chosen,
        planned_splits=plan.header.splits,
        findings=(*findings, *found.findings),
    )


def _image(plan: Plan, data_idx: int, counts: ImageCount, partition: Partition | None) -> ImageCoverage:
    return ImageCoverage(
        **_coverage(counts.n_patches, counts.histogram),
        data_idx=data_idx,
        uri=plan.images[data_idx].uri,
        data_shape=plan.data_shapes[data_idx],
        n_samples=counts.n_samples,
        uncovered=_boxes(counts.zeros),
        partition=partition,
        samples=tuple(map(_sample, counts.samples)),
    )


def _coverage(n_patches: int, histogram: Histogram) -> dict[str, Any]:
    """Return the fields of a `Coverage`. Pixels read by pixels there are is the mean of the visits."""
    figures = summarise(histogram)
    visits = Visits(
        min=figures.min,
        max=figures.max,
        mean=figures.mean,
        std=figures.std,
        histogram=tuple(sorted((visits, pixels) for visits, pixels in histogram.items() if pixels)),
    )
    return {
        "n_patches": n_patches,
        "visits": visits,
        "uncovered_fraction": figures.uncovered_fraction,
        "redundancy": figures.mean,
    }


def _sample(sample: SampleCount) -> SampleCoverage:
    figures = summarise(sample.histogram)
    visits = SampleVisits(min=figures.min, max=figures.max, mean=figures.mean, std=figures.std)
    return SampleCoverage(
        sample_idx=sample.sample_idx,
        n_patches=sample.n_patches,
        visits=visits,
        uncovered_fraction=figures.uncovered_fraction,
    )


def _partition(
    counts: ImageCount, misplaced: Sequence[PlacedSpan], misplaced_pixels: int, *, chosen: bool
) -> Partition:
    """Return whether kept parts partition the planned area; where tiles were `chosen`, nothing between them is."""
    doubles = sum(pixels for visits, pixels in counts.histogram.items() if visits > 1)
    gaps = 0 if chosen else counts.histogram.get(0, 0)
    return Partition(
        exact=not gaps and not doubles and not misplaced_pixels,
        gaps=() if chosen else _boxes(counts.zeros),
        doubles=_boxes(counts.doubles),
        misplaced=_boxes(misplaced),
        gap_pixels=gaps,
        double_pixels=doubles,
        misplaced_pixels=misplaced_pixels,
    )


def _boxes(placed: Sequence[PlacedSpan]) -> tuple[Box, ...]:
    return tuple(Box(sample_idx=sample, start=start, stop=stop) for sample, (start, stop) in placed)


def _total(images: Sequence[ImageCoverage], most: int) -> TotalCoverage:
    histogram: Histogram = {}
    for image in images:
        add(histogram, dict(image.visits.histogram))
    partitions = [image.partition for image in images if image.partition is not None]
    return TotalCoverage(
        **_coverage(sum(image.n_patches for image in images), histogram),
        n_images=len(images),
        uncovered=_placed([image.uncovered for image in images], most),
        partition=_total_partition(partitions, most) if partitions else None,
    )


def _total_partition(partitions: Sequence[Partition], most: int) -> TotalPartition:
    return TotalPartition(
        exact=all(one.exact for one in partitions),
        gaps=_placed([one.gaps for one in partitions], most),
        doubles=_placed([one.doubles for one in partitions], most),
        misplaced=_placed([one.misplaced for one in partitions], most),
        gap_pixels=sum(one.gap_pixels for one in partitions),
        double_pixels=sum(one.double_pixels for one in partitions),
        misplaced_pixels=sum(one.misplaced_pixels for one in partitions),
    )


def _placed(boxes: Sequence[Sequence[Box]], most: int) -> tuple[PlacedBox, ...]:
    """Return the first boxes of all images."""
    every = (PlacedBox(data_idx=i, **dict(box)) for i, found in enumerate(boxes) for box in found)
    return tuple(box for box, _ in zip(every, range(most), strict=False))

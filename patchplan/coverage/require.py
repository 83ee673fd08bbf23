"""Requirements that a pipeline gates on: one line for each that fails."""

from collections.abc import Iterator
from math import isnan

from patchplan.coverage.result import InspectResult, PlacedBox, percent
from patchplan.errors import ConfigError

MAX_NAMED = 20
"""Images named for one requirement."""


def failures(
    result: InspectResult,
    *,
    require_partition: bool = False,
    require_full_coverage: bool = False,
    max_uncovered: float | None = None,
    require_no_leak: bool = False,
) -> list[str]:
    """Return what fails: what, found, required.

    Parameters
    ----------
    require_partition : bool
        The kept parts of tiles must partition every image.
    require_full_coverage : bool
        Every pixel must be read.
    max_uncovered : float, optional
        Of every image at most this fraction, 0 to 1, may be left out.
    require_no_leak : bool
        No pixel may be in two splits, their context counted in.

    Raises
    ------
    ConfigError
        If the fraction is none, or the plan has no splits that could leak.
    """
    check_fraction(max_uncovered)
    failed = list(_partition(result)) if require_partition else []
    if require_full_coverage:
        failed += _shortened(list(_uncovered(result, 0.0, "0 % (--require-full-coverage)")))
    if max_uncovered is not None:
        failed += _shortened(list(_uncovered(result, max_uncovered, f"at most {max_uncovered} (--max-uncovered)")))
    if require_no_leak:
        failed += _shortened(list(_leaks(result)), "leak", "pairs of splits")
    return failed


def check_fraction(value: float | None) -> None:
    """Raise ConfigError unless the value is a fraction, or None."""
    if value is not None and (isnan(value) or not 0 <= value <= 1):
        raise ConfigError(f"--max-uncovered: found {value}; allowed: 0 to 1")


def _uncovered(result: InspectResult, most: float, required: str) -> Iterator[str]:
    for image in result.images:
        if image.uncovered_fraction > most or (most == 0 and image.visits.min == 0):
            where = f", first at {image.uncovered[0]}" if image.uncovered else ""
            found = f"{percent(image.uncovered_fraction)} uncovered{where}"
            yield f"coverage: image {image.data_idx} ({image.uri}): found {found}; required: {required}"


def _partition(result: InspectResult) -> Iterator[str]:
    required = "required: an exact partition (--require-partition)"
    found = result.total.partition
    if found is None:
        yield f"partition: found patches of strategy {result.strategy} that keep no part; {required}"
        return
    for name, boxes, pixels in (
        ("in gaps", found.gaps, found.gap_pixels),
        ("written more than once", found.doubles, found.double_pixels),
        ("put elsewhere than they are read", found.misplaced, found.misplaced_pixels),
    ):
        if pixels:
            yield f"partition: found {pixels:,} pixels {name}{_first(boxes)}; {required}"


def _first(boxes: tuple[PlacedBox, ...]) -> str:
    return f", first at {boxes[0]}" if boxes else ""


def _leaks(result: InspectResult) -> Iterator[str]:
    if result.splits is None:
        raise ConfigError(
            f"--require-no-leak: found no splits to compare in {result.plan}; "
            "allowed: a plan with a column split of at most 16 names"
        )
    required = "required: none (--require-no-leak)"
    for leak in result.splits.leaks:
        fold = "" if leak.fold is None else f" of fold {leak.fold}"
        pair = " and ".join(leak.splits)
        yield f"leak: found {leak.pixels:,} pixels in {pair}{fold}{_first(leak.boxes)}; {required}"


def _shortened(lines: list[str], what: str = "coverage", several: str = "images") -> list[str]:
    more = len(lines) - MAX_NAMED
    return [*lines[:MAX_NAMED], f"{what}: and {more:,} more {several}"] if more > 0 else lines

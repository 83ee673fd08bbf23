"""`inspect` and `inspect_images`: what a plan covers, how images are read."""

from collections.abc import Sequence

from patchplan.api.common import PathLike, Progress, as_list, counting
from patchplan.coverage.report import MAX_BOXES, inspect_plan
from patchplan.coverage.result import InspectResult
from patchplan.coverage.sources import ImagesResult, reading_of, source_findings
from patchplan.errors import ConfigError
from patchplan.images import open_all
from patchplan.plans.plan import Plan, open_plan


def inspect(
    plan: PathLike | Plan,
    *,
    root: PathLike | None = None,
    max_boxes: int = MAX_BOXES,
    progress: Progress | None = None,
) -> InspectResult:
    """Tell what a plan covers: how often each pixel is read and, for tiles, whether each is kept once.

    Parameters
    ----------
    plan : path or Plan
        A plan, or its file.
    root : path, optional
        Folder that the images' paths start from; only to see whether they are still the same.
    max_boxes : int
        Boxes to list per image of each kind: not covered, gaps, doubles.
    progress : callable, optional
        Called with what is counted (rows, pixels), how many are done, and how many there are.

    Raises
    ------
    PlanError, ConfigError
        If it is no plan or is damaged, or if `max_boxes` is no number of boxes.
    """
    if not isinstance(max_boxes, int) or max_boxes < 0:
        raise ConfigError(f"--max-boxes: found {max_boxes!r}; allowed: a whole number from 0")
    path = plan.path if isinstance(plan, Plan) else plan
    opened = plan if isinstance(plan, Plan) and root is None else open_plan(path, root)
    return inspect_plan(opened, max_boxes, progress, source_findings(opened))


def inspect_images(
    inputs: PathLike | Sequence[PathLike],
    *,
    axes: str | None = None,
    series: int | None = None,
    level: int | None = None,
    array: str | None = None,
    z_as_samples: bool = False,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> ImagesResult:
    """Tell how images are read: axes, shapes, chunks, pixel size, and what else there is to choose from.

    Parameters and errors as for `plan`.
    """
    found = open_all(
        as_list(inputs),
        axes=axes,
        series=series,
        level=level,
        array=array,
        z_as_samples=z_as_samples,
        skip_broken=skip_broken,
        progress=counting(progress, "images"),
    )
    return ImagesResult(
        images=tuple(map(reading_of, found.sources)), skipped=tuple(str(error) for error in found.skipped)
    )

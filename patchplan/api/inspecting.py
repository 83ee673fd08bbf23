"""`inspect` and `inspect_images`: what a plan covers, how images are read."""

from collections.abc import Sequence

from patchplan.api.common import PATHS, PathLike, Progress, as_list, counting, on_disk
from patchplan.api.memory import stitch_memory
from patchplan.core.amounts import parse_memory, whole_number
from patchplan.core.shapes import PerAxis, per_axis
from patchplan.coverage.report import MAX_BOXES, inspect_plan
from patchplan.coverage.result import InspectResult
from patchplan.coverage.sources import ImagesResult, reading_of, source_findings
from patchplan.errors import ConfigError
from patchplan.images import open_all
from patchplan.pictures.files import Pictures
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import Plan, open_plan

CACHE = "1GB"


def inspect(
    plan: PathLike | Plan,
    *,
    root: PathLike | None = None,
    max_boxes: int = MAX_BOXES,
    cost: bool = False,
    cache: str | int | None = None,
    context: PerAxis | None = None,
    png: PathLike | None = None,
    png_value: MapValue | None = None,
    html: PathLike | None = None,
    overwrite: bool = False,
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
        Boxes to list per image of each kind: not covered, gaps, doubles; and per pair of splits that share pixels.
    cost : bool
        Whether to tell what reading all patches costs.
    cache : str or int, optional
        Decoded chunks that whoever reads them keeps, such as "1GB", the default; 0 for nothing.
    context : int or one per axis, optional
        Pixels, (Z)YX, on either side of a patch that its split sees too; 0 by default.
    png, html : path, optional
        Where to write maps of visits, and a page to look around in.
    png_value : {"mean", "min", "max"}, optional
        What of the visits of the pixels that it covers a picture pixel of `png` shows; "mean" by default.
    overwrite : bool
        Whether these may replace files.
    progress : callable, optional
        Called with what is counted (rows, pixels, chunks), how many are done, and how many there are.

    Raises
    ------
    PlanError, ConfigError
        If it is no plan or is damaged, if an option makes no sense or lacks another that it needs, or if there is a
        `context` but no column `split`.
    OutputError, MissingExtraError
        If a picture may not or cannot be written, or `png` is asked for without matplotlib.
    """
    most = whole_number("--max-boxes", max_boxes)
    _check_paths(root=root, png=png, html=html)
    _check_switches(cost=cost, overwrite=overwrite)
    _check_needed("--cache", cache is not None, "--cost", there=cost)
    _check_needed("--png-value", png_value is not None, "--png", there=png is not None)
    _check_needed("--overwrite", overwrite, "--png or --html", there=png is not None or html is not None)
    png = None if png is None else on_disk("--png", png)
    html = None if html is None else on_disk("--html", html)
    pictures = Pictures.asked(png, html, "mean" if png_value is None else png_value, overwrite=overwrite)
    path = plan.path if isinstance(plan, Plan) else plan
    opened = plan if isinstance(plan, Plan) and root is None else open_plan(path, root)
    ndim = opened.header.ndim
    if context is not None and "split" not in opened.schema.names:
        raise ConfigError(
            f"--context, --require-no-leak: {opened.path} has no column split; allowed for plans that have one"
        )
    found = inspect_plan(
        opened,
        most,
        progress,
        source_findings(opened),
        cache=parse_cache(CACHE if cache is None else cache) if cost else None,
        context=per_axis("--context", 0 if context is None else context, ndim, minimum=0),
    )
    if found.total.cost is not None:
        costs = found.total.cost.model_copy(update={"stitch_memory": stitch_memory(opened)})
        found = found.model_copy(update={"total": found.total.model_copy(update={"cost": costs})})
    pictures.write(opened, found, progress)
    return found


def _check_paths(**paths: object) -> None:
    for name, path in paths.items():
        if path is not None and not isinstance(path, PATHS):
            raise ConfigError(f"--{name}: found {path!r}; allowed: a path")


def _check_switches(**switches: object) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise ConfigError(f"--{name}: found {value!r}; allowed: True or False")


def _check_needed(option: str, given: bool, needed: str, *, there: bool) -> None:
    """Refuse an option that says nothing without another."""
    if given and not there:
        raise ConfigError(f"{option}: allowed with {needed} only")


def parse_cache(cache: str | int) -> int:
    """Return bytes of a text such as 1GB, or of a number; 0 is no cache."""
    if cache == "0" or (isinstance(cache, int) and not isinstance(cache, bool) and cache == 0):
        return 0
    try:
        return parse_memory(cache)
    except ConfigError:
        raise ConfigError(f"--cache: found {cache!r}; allowed: 0, or a size such as 512MB or 1GB") from None


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

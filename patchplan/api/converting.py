"""`convert`: a plan in another format."""

from pydantic import BaseModel, ConfigDict

from patchplan.api.common import PathLike, Progress, counting
from patchplan.plans.convert import write_converted
from patchplan.plans.plan import open_plan
from patchplan.plans.write import plan_target


class ConvertResult(BaseModel):
    """What was converted; `plan` is null where nothing was written, `rows` tells whether the plan stores rows."""

    model_config = ConfigDict(frozen=True)

    plan: str | None
    source: str
    n_images: int
    n_patches: int
    n_rows: int
    rows: bool


def convert(
    plan: PathLike,
    output: PathLike | None = None,
    *,
    root: PathLike | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ConvertResult:
    """Write a plan in another format, or for another folder: paths in it lead where they led.

    Parameters
    ----------
    plan : path
        A .parquet, .csv or .json plan.
    output : path, optional
        The same plan, in the format of the suffix. Needed unless `dry_run`.
    root : path, optional
        Folder that the images' paths in the plan start from; the plan's folder by default.
    overwrite, dry_run : bool
        Replace an existing plan; write nothing.
    progress : callable, optional
        Called with what is counted (rows), how many are done, and how many there are.

    Raises
    ------
    PlanError
        If it is no plan, or the format cannot hold that many rows.
    OutputError
        If the output exists already or cannot be written.
    """
    target = plan_target(output, [plan], overwrite=overwrite, dry_run=dry_run)
    opened = open_plan(plan, root)
    if target is not None and not dry_run:
        write_converted(opened, target, overwrite=overwrite, progress=counting(progress, "rows"))
    return ConvertResult(
        plan=None if target is None or dry_run else str(target),
        source=str(plan),
        n_images=len(opened.images),
        n_patches=opened.n_patches,
        n_rows=opened.n_rows,
        rows=opened.header.rows,
    )

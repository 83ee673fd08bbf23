"""`merge`: several plans as one."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from patchplan.api.common import PathLike, Progress, as_list, counting
from patchplan.errors import ConfigError
from patchplan.plans.merge import write_merge
from patchplan.plans.plan import open_plan
from patchplan.plans.write import plan_target


class MergeResult(BaseModel):
    """What was merged; `plan` is null where nothing was written.

    `whole` tells whether parts made up the plan that they are of, `renumbered` whether the plans are no parts of
    one, so that patches have new indices; `n_repeated` rows that several parts have were taken once.
    """

    model_config = ConfigDict(frozen=True)

    plan: str | None
    sources: tuple[str, ...]
    n_images: int
    n_patches: int
    n_rows: int
    epochs: int | None
    whole: bool
    renumbered: bool
    n_repeated: int


def merge(
    plans: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    allow_duplicates: bool = False,
    root: PathLike | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> MergeResult:
    """Put plans together: parts of one plan under their indices, all of them as that plan; others renumbered.

    Plans that are no parts of one follow each other, within each epoch; a column `source_index` has their old
    indices. Images that are the same file, read in the same way, become one.

    Parameters
    ----------
    plans : path or sequence of paths
        Subsets of one plan, or any plans of the same columns.
    output : path, optional
        The merged plan: .parquet, .csv or .json. Needed unless `dry_run`.
    allow_duplicates : bool
        Whether several parts may have the same row; it is taken once.
    root : path, optional
        Folder that the images' paths in the plans start from; each plan's folder by default.
    overwrite, dry_run : bool
        Replace an existing plan; write nothing.
    progress : callable, optional
        Called with what is counted (rows), how many are done, and how many there are.

    Raises
    ------
    PlanError
        If one is no plan, or they cannot be one: 2-D and 3-D, tiles and patches, other columns or epochs, rows
        that are there twice, an image that has changed.
    OutputError
        If the output exists already or cannot be written.
    """
    sources = as_list(plans)
    if not sources:
        raise ConfigError("no plans given; allowed: one or more")
    target = plan_target(output, sources, overwrite=overwrite, dry_run=dry_run)
    merged = write_merge(
        [open_plan(path, root) for path in sources],
        None if dry_run else target,
        allow_duplicates=allow_duplicates,
        overwrite=overwrite,
        progress=counting(progress, "rows"),
    )
    header = merged.header
    return MergeResult(
        plan=None if target is None or dry_run else str(target),
        sources=tuple(map(str, sources)),
        n_images=len(header.images),
        n_patches=header.n_patches,
        n_rows=header.n_rows,
        epochs=header.epochs,
        whole=merged.whole,
        renumbered=merged.renumbered,
        n_repeated=merged.n_repeated,
    )

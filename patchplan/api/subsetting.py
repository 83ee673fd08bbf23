"""`subset`: some rows of a plan."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from pydantic import BaseModel, ConfigDict

from patchplan.api.common import PathLike, Progress, as_list, counting
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError, PlanError
from patchplan.objects import Location, location
from patchplan.plans.plan import Plan, open_plan
from patchplan.plans.subset import write_choice
from patchplan.plans.subset_choice import Choice, choose
from patchplan.plans.subset_numbers import of_array
from patchplan.plans.write import plan_target
from patchplan.tiles.opening import open_tiles
from patchplan.tiles.words import AbsentChunks


class ImageRows(BaseModel):
    """An image of a plan, and how many rows there are of it."""

    model_config = ConfigDict(frozen=True)

    data_idx: int
    uri: str
    n_rows: int


class SubsetResult(BaseModel):
    """What was chosen: `n_rows` of `of_rows`. `plan` is null where nothing was written.

    `subset_of` is the digest of the plan that the tiles belong to, `epochs` the number of epochs where all have as
    many rows of each image, `images` those of which there are rows.
    """

    model_config = ConfigDict(frozen=True)

    plan: str | None
    source: str
    subset_of: str
    n_rows: int
    of_rows: int
    epochs: int | None
    n_images: int
    images: tuple[ImageRows, ...]


def subset(
    plan: PathLike,
    output: PathLike | None = None,
    *,
    image: int | str | Sequence[int] | None = None,
    split: str | None = None,
    fold: int | None = None,
    epoch: int | None = None,
    index: str | Sequence[int] | IntArray | None = None,
    box: str | Sequence[int] | None = None,
    missing: PathLike | Sequence[PathLike] | None = None,
    absent_chunks: str = "missing",
    root: PathLike | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> SubsetResult:
    """Write some rows of a plan as a plan, under their indices: their tiles are tiles of the whole plan.

    What is given must all be true of a row. Memory is bounded, whatever the number of rows.

    Parameters
    ----------
    plan : path
        A plan, also one that is a subset.
    output : path, optional
        The subset: .parquet, .csv or .json. Needed unless `dry_run`.
    image : int, sequence of int or str, optional
        Images by `data_idx`, also as text: "0,2" or "0:5".
    split, fold, epoch : optional
        Value of the column of that name.
    index : sequence of int or str, optional
        Indices, also as text such as "3,7,20:30", which leaves out the end of a range, or "@FILE" with such text.
        Single ones must be in the plan.
    box : sequence of int or str, optional
        Start, then stop, in (Z)YX pixels: patches that share a pixel with it.
    missing : path or sequence of paths, optional
        Stacks, arrays or folders of tiles, as for `stitch`: patches of which they have no tile, or none that can be
        opened. Of one epoch, 0 by default.
    absent_chunks : {"missing", "zeros"}
        What chunks mean that a bare Zarr array of tiles has not stored.
    root : path, optional
        Folder that the images' paths in the plan start from; the plan's folder by default.
    overwrite, dry_run : bool
        Replace an existing plan; write nothing.
    progress : callable, optional
        Called with what is counted (rows), how many are done, and how many there are.

    Raises
    ------
    PlanError
        If no row is chosen, or the plan has no such image, index or column.
    ConfigError, TilesError, OutputError
        All `PatchplanError`; nothing is written then.
    """
    choice = choose(images=image, split=split, fold=fold, epoch=epoch, index=index, box=box)
    if choice == Choice() and missing is None:
        raise ConfigError(
            "nothing says which rows: give --image, --split, --fold, --epoch, --index, --box or --missing; "
            "all rows in another format are patchplan convert"
        )
    target = plan_target(output, [plan], overwrite=overwrite, dry_run=dry_run)
    opened = open_plan(plan, root)
    choice.check(opened)
    if missing is not None:
        choice = _missing(opened, choice, [location(one) for one in as_list(missing)], absent_chunks)
    found = write_choice(
        opened,
        choice,
        None if dry_run else target,
        overwrite=overwrite,
        progress=counting(progress, "rows"),
    )
    rows = zip(opened.images, found.tally.by_image, strict=True)
    return SubsetResult(
        plan=None if target is None or dry_run else str(target),
        source=str(plan),
        subset_of=found.whole.digest,
        n_rows=found.tally.n_rows,
        of_rows=opened.n_rows,
        epochs=found.tally.epochs,
        n_images=len(opened.images),
        images=tuple(ImageRows(data_idx=one.data_idx, uri=one.uri, n_rows=n) for one, n in rows if n),
    )


def _missing(plan: Plan, choice: Choice, paths: Sequence[Location], absent_chunks: str) -> Choice:
    """Return a choice of those rows of an epoch that have no tile, or none that can be opened."""
    if absent_chunks not in get_args(AbsentChunks):
        raise ConfigError(f"--absent-chunks: found {absent_chunks!r}; allowed: {', '.join(get_args(AbsentChunks))}")
    rows = plan.epoch(choice.epoch or 0, split=choice.split, fold=choice.fold)
    tiles = open_tiles(
        paths,
        rows.index,
        ndim=plan.header.ndim,
        digest=plan.digest,
        epoch=rows.epoch,
        absent_chunks="zeros" if absent_chunks == "zeros" else "missing",
        later_wins=True,
    )
    try:
        broken = np.array([index for index, _ in tiles.bad], np.int64)
        again = np.union1d(np.asarray(rows.index)[~tiles.present], broken)
    finally:
        tiles.close()
    if not len(again):
        raise PlanError(f"--missing: all {rows.n:,} tiles are there, so the subset would be empty")
    epoch = rows.epoch if "epoch" in plan.schema.names else None
    return replace(choice, absent=of_array(again), epoch=epoch)

"""What `stitch` and `Stitcher` do before any tile: read the plan, check the options, see where outputs go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from patchplan.api.common import PathLike
from patchplan.coverage.report import inspect_plan
from patchplan.errors import AuditError, ConfigError, OutputError
from patchplan.journal import CHECKSUMS, OVERWRITE, Identity
from patchplan.objects import Location, ObjectPath, location
from patchplan.plans.epoch import EpochRows
from patchplan.plans.plan import OneEpoch, Plan, open_plan
from patchplan.plans.write import files_of
from patchplan.publish import check_folder, check_free
from patchplan.publish.checksums import check_checksummed
from patchplan.stitching.audit import Audit, Auditor
from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.identity import AGAIN, AUDIT, TILES, again, identity_of, tiles_of, told_audit
from patchplan.stitching.options import StitchOptions, parse_options, parse_storage
from patchplan.stitching.target import Target, check_apart, parse_target

STORAGE = ("ngff", "chunks", "shards", "compression", "levels")
"""Options of how outputs are stored; the others decide their pixels."""


@dataclass(frozen=True)
class Prepared:
    """A plan, the rows of one epoch, and checked options."""

    plan: Plan
    rows: EpochRows
    options: StitchOptions
    target: Target
    storage: CanvasOptions

    def identity(
        self,
        tiles: Sequence[dict[str, Any]],
        *,
        overwrite: bool,
        checksums: bool,
        absent_chunks: str = "missing",
        shares: int | None = None,
        audit: Audit | None = None,
    ) -> Identity:
        """Return what the stitch is, with these tiles; shares also tell what `finish` cannot know without them."""
        if checksums:
            check_checksummed(self.target.path)
        more = {}
        if shares is not None and audit is not None:
            more = {AGAIN: again(self.target, self.options, self.storage), AUDIT: told_audit(audit)}
        return identity_of(
            self.rows,
            self.target,
            self.options,
            self.storage,
            absent_chunks=absent_chunks,
            shares=shares,
            **{TILES: list(tiles), OVERWRITE: overwrite, CHECKSUMS: checksums, **more},
        )

    @property
    def images(self) -> list[Location]:
        """Where the plan's images should be."""
        return [self.plan.image_path(data_idx) for data_idx in range(len(self.plan.images))]


def prepare(
    plan: PathLike | Plan,
    output: PathLike | None,
    *,
    format: str | None,  # noqa: A002 - the option's name
    epoch: int,
    root: PathLike | None,
    **options: Any,
) -> Prepared:
    """Check everything that is known without tiles; `options` are those of `parse_options` and `parse_storage`."""
    storage = {name: options.pop(name) for name in STORAGE}
    path = plan.path if isinstance(plan, Plan) else plan
    opened = plan if isinstance(plan, Plan) and root is None else open_plan(path, root)
    ndim = opened.header.ndim
    parsed = parse_options(ndim, tiles=opened.header.tiles, **options)
    target = parse_target(output, format, len(opened.images))
    stored = parse_storage(ndim, target.kind, parsed, **storage)
    # a name for what is written: the same for the same
    rows = opened.epoch(epoch)
    stored = replace(stored, token=f"{opened.digest} {tiles_of(rows)} {epoch} {parsed.describe()} {stored.describe()}")
    return Prepared(opened, rows, parsed, target, stored)


def check_places(
    prepared: Prepared, tiles: Sequence[Location], missing_output: PathLike | None = None, *, overwrite: bool = False
) -> None:
    """Raise OutputError where an output would destroy what is read, or tiles are what they were cut from."""
    missing = None if missing_output is None else location(missing_output)
    for path in (prepared.target.path, missing):
        if path is not None:
            check_apart(path, [*tiles, prepared.plan.path, *prepared.images])
    if missing is not None:
        for file in files_of(missing):
            check_free(file, overwrite=overwrite)
    for path in tiles:
        for image in prepared.images:
            if _is_same(path, image):
                raise OutputError(f"{path}: is an image of the plan, not its tiles; cut tiles with patchplan extract")


def _is_same(path: Location, other: Location) -> bool:
    """Tell whether two paths are of the same file, which may have several names on a disk."""
    if isinstance(path, ObjectPath) or isinstance(other, ObjectPath):
        return path == other
    return path.exists() and other.exists() and path.samefile(other)


def check_early(target: Target, *, overwrite: bool, resume: bool = False) -> None:
    """Raise OutputError where it is known before all work that the output cannot take its name."""
    # what may be replaced is known when the outputs are; what is gone on with may be there, or have been told to
    if target.path is None or overwrite or resume:
        return
    if target.is_folder:
        check_folder(target.path, overwrite=False, ours=lambda name: False)
    else:
        check_free(target.path, overwrite=False)


def check_shared(target: Target, *, overwrite: bool, checksums: bool) -> None:
    """Raise ConfigError for options that concern all shares."""
    if target.kind == "memory":
        raise ConfigError("--share: shares meet in one output; name it with -o OUT")
    if isinstance(target.path, ObjectPath) and target.kind != "ome-zarr":
        raise ConfigError(f"--share: allowed at a URL for .zarr only, and {target.path} grows on one machine")
    if overwrite:
        raise ConfigError("--overwrite: not with --share, as one would remove what others wrote; give it to --finish")
    if checksums:
        raise ConfigError("--checksums: not with --share; give it to --finish, which completes the output")


def prove(auditor: Auditor, audit: Audit) -> None:
    """Raise AuditError unless no pixel is kept twice. Grids are partitions by their arithmetic."""
    if auditor.options.blend != "crop" or audit.grid:
        return
    for image in inspect_plan(OneEpoch(auditor.rows), 1).images:
        if image.partition is not None and image.partition.double_pixels:
            raise AuditError(
                f"image {image.data_idx} ({image.uri}): kept parts overlap, {image.partition.double_pixels:,} pixels, "
                f"first in {image.partition.doubles[0]}; use a --blend that lets tiles overlap"
            )


def overlapping(rows: EpochRows) -> Callable[[int], bool]:
    """Return a function that tells of an image whether patches of it overlap; rows are counted when it is asked."""

    @cache
    def most() -> list[int]:
        return [image.visits.max for image in inspect_plan(OneEpoch(rows), 0).images]

    return lambda data_idx: most()[data_idx] > 1

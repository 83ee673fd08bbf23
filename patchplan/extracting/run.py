"""Extracting: decide what goes where, then write it."""

from dataclasses import replace
from typing import Any

import numpy as np

from patchplan.extracting.content import Content, survey
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.identity import identity_of, uuid_of
from patchplan.extracting.limits import workers_within
from patchplan.extracting.result import ExtractResult
from patchplan.extracting.sources import Sources
from patchplan.extracting.target import Target
from patchplan.extracting.writing import Running, is_finished, write
from patchplan.images.padding import PadMode
from patchplan.journal import CHECKSUMS, OVERWRITE
from patchplan.plans.epoch import EpochRows
from patchplan.tiles.protocol import TileForm


def extract_rows(
    rows: EpochRows, sources: Sources, target: Target | None, running: Running, pad_mode: PadMode
) -> ExtractResult:
    """Cut the patches of an epoch out of images and write them.

    The same plan and images give the same bytes, whatever the memory and the number of threads.

    Raises
    ------
    ShapeError
        If the patches differ and the output holds one form only.
    ImageError, PlanError, ConfigError, OutputError
        Before anything is written, but for images that break, and disks that run full, on the way.
    """
    content = survey(rows, sources.form, sources.uris)
    if target is not None:
        target.check_forms(content)
        uuid, images = uuid_of(content, sources, target, pad_mode), map(sources.paths.__getitem__, content.images)
        going_on = running.goes_on_with(target.path)
        if going_on and is_finished(content, target, uuid, images, checksums=running.checksums):
            done = f"{target.path} is there already, of this plan and these options: nothing is left to do"
            return _result(content, target, running, notes=(done,))
    sources.open(content.images, running.progress)
    used = [sources[data_idx] for data_idx in content.images]
    notes = sources.notes(content.images)
    wanted = running.workers if running.cluster is None else running.cluster.threads()
    workers = workers_within(running.memory, wanted, content, used)
    if target is not None and not running.dry_run:
        more = {OVERWRITE: running.overwrite, CHECKSUMS: running.checksums}
        identity = identity_of(content, sources, target, pad_mode, **more)
        notes += write(content, Cutter(sources, pad_mode), target, identity, replace(running, workers=workers))
    return _result(content, target, running, notes=tuple(notes))


def extract_empty(
    rows: EpochRows, n_channels: int, dtype: np.dtype[Any], target: Target | None, running: Running
) -> ExtractResult:
    """Create a stack for predictions, of the sizes of the plan's patches.

    Raises
    ------
    ShapeError
        If the patches differ in size, or Zarr does not have the dtype.
    """
    uris = [image.uri for image in rows.plan.images]
    content = survey(rows, lambda _, size: TileForm((n_channels, *size), dtype), uris)
    if target is not None:
        target.check_forms(content)
        if not running.dry_run:
            target.create_empty(content, overwrite=running.overwrite)
    return _result(content, target, running, empty=True)


def _result(
    content: Content, target: Target | None, running: Running, *, notes: tuple[str, ...] = (), empty: bool = False
) -> ExtractResult:
    form = content.form
    return ExtractResult(
        out=None if target is None or running.dry_run else str(target.path),
        kind=None if target is None else target.kind,
        format=None if target is None else target.format,
        n_patches=content.n,
        shape=None if form is None else form.shape,
        dtype=None if form is None else form.dtype.name,
        epoch=content.rows.epoch,
        bytes=content.n_bytes,
        empty=empty,
        notes=notes,
    )

"""Extracting: decide what goes where, then read, cut and write batch by batch."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from patchplan.extracting.batches import Batch, batches
from patchplan.extracting.content import Content, survey
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.limits import workers_within
from patchplan.extracting.result import ExtractResult
from patchplan.extracting.sources import Sources
from patchplan.extracting.target import Target
from patchplan.images.padding import PadMode
from patchplan.plans.epoch import EpochRows
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.writing.writer import TileWriter

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Running:
    """How to go about it: `memory` in bytes, threads, and whether to write and to replace."""

    memory: int
    workers: int
    overwrite: bool
    dry_run: bool
    progress: Progress | None = None


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
    sources.open(content.images, running.progress)
    used = [sources[data_idx] for data_idx in content.images]
    notes = sources.notes(content.images)
    workers = workers_within(running.memory, running.workers, content, used)
    if target is not None and not running.dry_run:
        with target.writer(content, threads=workers, overwrite=running.overwrite) as writer:
            _write(content, Cutter(sources, pad_mode), writer, workers, running.progress)
            sources.check_unchanged(content.images)
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


def _write(content: Content, cutter: Cutter, writer: TileWriter, workers: int, progress: Progress | None) -> None:
    """Cut and write all batches, each in a thread; stop at the first that fails."""

    def one(batch: Batch) -> int:
        writer.write(batch.start, batch.index, cutter.cut(batch.specs))
        return batch.start + len(batch.index)

    def wait(future: "Future[int]") -> None:
        done = future.result()
        if progress is not None:
            progress("patches", done, content.n)

    waiting: deque[Future[int]] = deque()
    with ThreadPoolExecutor(workers, "patchplan-extract") as pool:
        try:
            for batch in batches(content.rows, content.batch_rows, cutter.sources.kind_of):
                waiting.append(pool.submit(one, batch))
                if len(waiting) > workers:
                    wait(waiting.popleft())
            while waiting:
                wait(waiting.popleft())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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

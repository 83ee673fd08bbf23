"""Patches that a worker of a cluster cuts: what it opens for a run, and one batch of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import AXIS_FIELDS, PATCH_FIELDS, IntArray, SpecTable
from patchplan.extracting.content import Content
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.sources import Sources
from patchplan.extracting.target import Target
from patchplan.journal import stamp
from patchplan.objects import location
from patchplan.plans.plan import open_plan
from patchplan.plans.told_images import ToldImages


def open_bench(brief: dict[str, Any], threads: int) -> "BatchBench":
    """Open what a brief of `on_cluster` tells of, for so many threads."""
    return BatchBench(brief, threads)


class BatchBench:
    """The plan, its images and the output of a run, opened once."""

    def __init__(self, brief: dict[str, Any], threads: int) -> None:
        plan = open_plan(brief["plan"], brief["root"])
        plan.digest = brief["digest"]
        given = brief["given"] and list(ToldImages(brief["given"], plan.header.ndim))
        sources = Sources(plan, given, brief["channels"])
        counts = {(data_idx, tuple(size)): n for data_idx, size, n in brief["counts"]}
        content = Content(plan.epoch(brief["epoch"]), counts, brief["largest"], sources.form, sources.uris)
        place = location(brief["place"])
        target = Target(place, brief["kind"], brief["format"])
        self._cutter = Cutter(sources, brief["pad_mode"])
        self._writer = target.writer(place, content, brief["uuid"], threads)

    def do(self, message: dict[str, Any], numbers: NDArray[np.int64] | None) -> int:
        """Cut and write a batch; return what its files are like then."""
        assert numbers is not None  # noqa: S101 - a batch has rows
        index, specs = received(numbers)
        self._writer.write(message["start"], index, self._cutter.cut(specs))
        return stamp(self._writer.files(message["start"], index))

    def close(self) -> None:
        """Let go of the output."""
        self._writer.close()


def sent(index: IntArray, specs: SpecTable) -> IntArray:
    """Return rows as one array of numbers, which `received` reads: index, image, sample, start, size."""
    columns = [np.asarray(index)[:, None]]
    columns += [getattr(specs, name).reshape(len(specs), -1) for name in PATCH_FIELDS]
    return np.concatenate(columns, axis=1)


def received(numbers: IntArray) -> tuple[IntArray, SpecTable]:
    """Return rows that were sent."""
    ndim = (numbers.shape[1] - 3) // 2
    widths = [ndim if name in AXIS_FIELDS else 1 for name in PATCH_FIELDS]
    index, *parts = np.split(numbers, np.cumsum([1, *widths])[:-1], axis=1)
    columns = {
        name: part if name in AXIS_FIELDS else part[:, 0] for name, part in zip(PATCH_FIELDS, parts, strict=True)
    }
    return index[:, 0], SpecTable(**columns)

"""Patches that a worker of a cluster measures: what it opens for a run, and one block of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from patchplan.core.specs import IntArray, SpecTable
from patchplan.plans.settings.filters import AnyFilterConfig
from patchplan.plans.told_images import ToldImages
from patchplan.sampling.filters.blocks import Block
from patchplan.sampling.filters.measuring import Measurer


def open_bench(brief: dict[str, Any], threads: int) -> "MeasuringBench":
    """Open what a brief of `on_cluster` tells of."""
    del threads
    return MeasuringBench(brief)


class MeasuringBench:
    """The images and masks of a run, each opened once, and its filter."""

    def __init__(self, brief: dict[str, Any]) -> None:
        ndim = brief["ndim"]
        masks = None if brief["masks"] is None else ToldImages(brief["masks"], ndim)
        config: AnyFilterConfig = TypeAdapter(AnyFilterConfig).validate_python(brief["config"])
        self._measurer = Measurer(ToldImages(brief["images"], ndim), masks, config)

    def do(self, message: dict[str, Any], numbers: NDArray[np.int64] | None) -> list[list[float]]:
        """Measure the patches of a block; return their values, row by row."""
        assert numbers is not None  # noqa: S101 - a block has patches
        specs = received(numbers, message["image"], message["sample"])
        where = (message["image"], message["sample"], tuple(message["start"]), tuple(message["size"]))
        found: list[list[float]] = self._measurer.measure(specs, Block(*where, np.arange(len(specs)))).tolist()
        return found

    def close(self) -> None:
        """Nothing is held: open images are shared by all of a process, and few."""


def sent(specs: SpecTable, rows: IntArray) -> IntArray:
    """Return patches of one sample as one array of numbers, which `received` reads: start, size."""
    return np.concatenate([specs.coords[rows], specs.patch_size[rows]], axis=1)


def received(numbers: IntArray, data_idx: int, sample_idx: int) -> SpecTable:
    """Return patches that were sent."""
    coords, patch_size = np.split(numbers, 2, axis=1)
    n = len(numbers)
    return SpecTable(np.full(n, data_idx), np.full(n, sample_idx), coords, patch_size)

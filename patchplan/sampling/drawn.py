"""What the sections of a config make of strategies that draw anew each epoch: random and stratified."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError
from patchplan.patching.fixed import FixedPatching
from patchplan.patching.protocol import Patching
from patchplan.patching.random import RandomConfig
from patchplan.patching.stratified import StratifiedPatching
from patchplan.plans.draft import Chosen, Draft
from patchplan.plans.parts import SPLITS, Part, Parts
from patchplan.plans.tables.columns import split_rows as pieces_of
from patchplan.sampling.filters.stratified import apply_to_stratified, region_specs
from patchplan.sampling.listed import PIECE
from patchplan.sampling.regions import in_regions, mark_regions
from patchplan.sampling.splits import split_stratified, split_stratified_images
from patchplan.sampling.told import splits_told
from patchplan.sampling.work import Work

Draw = Callable[[int], Patching]
"""From an epoch to the strategy that draws its patches."""


@dataclass(frozen=True)
class SetAside:
    """Patches that are the same in every epoch; `index` follows those of training by default."""

    split: str
    patching: FixedPatching
    index: IntArray | None = None


@dataclass(frozen=True)
class Course:
    """One fold, or all: what draws the patches for training, which of these are, and what is set aside."""

    draw: Draw
    rows: IntArray | None = None
    aside: Sequence[SetAside] = ()

    def parts(self, epoch: int, columns: dict[str, Any]) -> Iterator[Part]:
        """Yield the rows of an epoch, with these columns beside them."""
        drawn = self.draw(epoch)
        yield Part(drawn, self.rows, columns if self.rows is None else {**columns, "index": self.rows})
        n = drawn.n_patches
        for one in self.aside:
            beside = {**columns, "split": one.split} | ({} if one.index is None else {"index": one.index})
            yield Part(one.patching, beside=beside, first_index=n)
            n += one.patching.n_patches

    def counts(self) -> dict[str, int]:
        """Return the number of patches of each split."""
        n = self.draw(0).n_patches if self.rows is None else len(self.rows)
        return {SPLITS[0]: n} | {one.split: one.patching.n_patches for one in self.aside}

    def by_image(self, n_images: int, by_chance: bool) -> IntArray:
        """Return the number of patches of each image in the first epoch; drawn, where an index may give any image."""
        drawn = self.draw(0)
        if by_chance or self.rows is not None:
            part, counts = Part(drawn, self.rows), np.zeros(n_images, np.int64)
            for start, stop in pieces_of(0, len(part), PIECE):
                counts += np.bincount(part.specs(start, stop).data_idx, minlength=n_images)
        else:
            counts = np.array([len(drawn.get_patch_indices(data_idx)) for data_idx in range(n_images)])
        return sum((np.bincount(one.patching.specs.data_idx, minlength=n_images) for one in self.aside), counts)


def choose_random(draft: Draft, work: Work) -> Chosen:
    """Return uniform or weighted draws, in the regions; validation and test images keep those of the first epoch.

    Raises
    ------
    ConfigError
        If nothing can be drawn, or a split cannot be made.
    """
    draw = _in_regions(_random(draft, work), work, draft.patching.n_patches)
    config = work.config.split
    if config is None:
        return _chosen(draft, work, [Course(draw)])
    first = draw(0).get_patch_specs()
    images = work.by_image(np.bincount(first.data_idx, minlength=len(work.sources)) > 0)
    if images is None:  # refused before
        return _chosen(draft, work, [Course(draw)])
    of_row = images[:, first.data_idx]
    courses = [Course(draw, np.flatnonzero(labels == 0), _aside(first, labels)) for labels in of_row]
    return _chosen(draft, work, courses)


def choose_stratified(draft: Draft, work: Work) -> Chosen:
    """Return stratified draws: in the regions, background seldom, away from cells set aside.

    Raises
    ------
    ConfigError
        If nothing can be drawn, or a split cannot be made.
    """
    patching = draft.patching
    assert isinstance(patching, StratifiedPatching)  # noqa: S101 - the caller looked
    of, background = patching.n_patches, None
    if work.regions is not None:
        mark_regions(patching, work.regions)
        work.tell_regions(in_regions(patching, work.regions).n_patches, of)
    if work.config.filter is not None:
        background = _background(patching, work)
        apply_to_stratified(patching, background, work.config.filter.filtered_patch_prob)
        if work.regions is not None:  # background outside of them stays impossible
            mark_regions(patching, work.regions)
    whole = Course(_anew(draft, work, patching))
    if work.config.split is None:
        return _chosen(draft, work, [whole])
    eligible, n = _eligible(patching, work, background), whole.counts()[SPLITS[0]]
    cells = [patching.get_cells(data_idx)[1].ravel() for data_idx in range(len(work.sources))]
    may_be = np.concatenate(cells) if eligible is None else np.concatenate(cells) & eligible
    ends = np.cumsum([0, *map(len, cells)])
    images = work.by_image(np.array([may_be[a:b].any() for a, b in pairwise(ends)]))
    found = (
        split_stratified(patching, work.config.split.of(n), eligible)
        if images is None
        else split_stratified_images(patching, images, eligible)
    )
    for fold in found.folds:
        _check_trains(fold.training, work)
    courses = [
        Course(_anew(draft, work, fold.training), aside=[*_cells(fold.validation, 1), *_cells(fold.test, 2)])
        for fold in found.folds
    ]
    # the edges of images set aside, which are not in whole cells, would not be lost to training
    lost = [n - sum(course.counts().values()) for course in courses] if images is None else []
    return _chosen(draft, work, courses, lost)


def _chosen(draft: Draft, work: Work, courses: Sequence[Course], lost: Sequence[int] = ()) -> Chosen:
    """Return courses one after the other, in each epoch, as folds where they are several."""
    columns: list[dict[str, Any]] = [{} if len(courses) == 1 else {"fold": fold} for fold in range(len(courses))]
    if work.config.split is not None:
        columns = [{**fold, "split": SPLITS[0]} for fold in columns]

    def passes() -> Iterator[Parts]:
        for epoch in range(draft.epochs or 1):
            pairs = zip(courses, columns, strict=True)
            yield Parts([part for course, beside in pairs for part in course.parts(epoch, beside)])

    weights, n_images = work.config.weights, len(work.sources)
    by_chance = weights is not None and weights.per == "epoch"
    counts = sum((course.by_image(n_images, by_chance) for course in courses), np.zeros(n_images, np.int64))
    splits = None
    if work.config.split is not None:
        splits = splits_told(work.config.split, [course.counts() for course in courses], lost or [0] * len(courses))
    return Chosen(counts.tolist(), [*columns[0]], passes, work.told, splits, work.notes)


def _random(draft: Draft, work: Work) -> Callable[[int], Any]:
    """Return what draws uniformly, or by weights."""
    if work.config.weights is None:
        return draft.strategy
    assert isinstance(draft.config, RandomConfig)  # noqa: S101 - the caller looked
    weighted = work.weighted(draft.config.patch_size, draft.seed(0))
    return lambda epoch: weighted.reseeded(draft.seed(epoch))


def _in_regions(draw: Callable[[int], Any], work: Work, of: int) -> Draw:
    """Return what draws the same in the regions only."""
    test = work.regions
    if test is None:
        return draw
    work.tell_regions(in_regions(draw(0), test).n_patches, of)
    return lambda epoch: in_regions(draw(epoch), test)


def _anew(draft: Draft, work: Work, patching: StratifiedPatching) -> Draw:
    """Return what draws an epoch with its own seed, in the regions only."""
    test = work.regions

    def draw(epoch: int) -> Patching:
        reseeded = patching.reseeded(draft.seed(epoch))
        return reseeded if test is None else in_regions(reseeded, test)

    return draw


def _check_trains(training: StratifiedPatching, work: Work) -> None:
    """Raise ConfigError if nothing is left for training in the regions."""
    if work.regions is None:
        return
    try:
        in_regions(training, work.regions)
    except ConfigError:
        raise ConfigError(
            "split: no patch is left for training in the regions; set fewer aside, or use a smaller context or block"
        ) from None


def _background(patching: StratifiedPatching, work: Work) -> BoolArray:
    """Return which cells are background, or so far from the regions that they are not looked at."""
    cells = region_specs(patching)
    rows = np.arange(len(cells)) if work.regions is None else np.flatnonzero(work.regions.touches(cells))
    background = np.ones(len(cells), bool)
    background[rows] = work.measured(cells.take(rows), "cells").background
    return background


def _eligible(patching: StratifiedPatching, work: Work, background: BoolArray | None) -> BoolArray | None:
    """Return the cells that may be set aside: no background, in the regions; None for all."""
    if work.regions is not None:
        cells = region_specs(patching)
        sizes = np.broadcast_to(patching.patch_size, cells.patch_size.shape)
        inside = work.regions.keeps(SpecTable(cells.data_idx, cells.sample_idx, cells.coords, sizes))
        return inside if background is None else inside & ~background
    return None if background is None else ~background


def _cells(patching: FixedPatching | None, split: int) -> list[SetAside]:
    return [] if patching is None else [SetAside(SPLITS[split], patching)]


def _aside(first: SpecTable, labels: NDArray[np.int8]) -> list[SetAside]:
    """Return the rows of an epoch that stay for validation and test, under their own indices."""
    found = []
    for split in (1, 2):
        rows = np.flatnonzero(labels == split)
        if len(rows):
            found.append(SetAside(SPLITS[split], FixedPatching(first.take(rows)), rows))
    return found

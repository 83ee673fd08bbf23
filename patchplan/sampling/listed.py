"""What the sections of a config make of patches that are listed once: rows left out, labelled, weighted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray, SpecTable
from patchplan.errors import ConfigError
from patchplan.patching.fixed import FixedPatching
from patchplan.patching.fixed_random import FixedRandomConfig
from patchplan.patching.grid import GridPatching
from patchplan.patching.random import RandomPatching
from patchplan.plans.draft import Chosen, Draft
from patchplan.plans.parts import Part, Parts, Patches, join, split_column
from patchplan.plans.tables.columns import split_rows as pieces_of
from patchplan.sampling.picked import Picked
from patchplan.sampling.regions import in_regions
from patchplan.sampling.regions.nearby import nearby
from patchplan.sampling.splits import split_rows
from patchplan.sampling.told import counted, splits_told
from patchplan.sampling.weights import patch_weights
from patchplan.sampling.work import Work

PIECE = 1 << 18
"""Rows that are looked at together."""

MAX_ROWS = 1 << 27
"""Patches that are chosen among, some 50 bytes each; of more, regions take those that matter."""


def choose_listed(draft: Draft, work: Work, carried: Mapping[str, Any]) -> Chosen:
    """Return what is left of a strategy's patches, under their own indices.

    `carried` has the columns that a table gave beside its patches.

    Raises
    ------
    ConfigError
        If nothing is left, or a split cannot be made.
    """
    redrawn = isinstance(draft.config, FixedRandomConfig) and bool(work.config.regions or work.config.weights)
    patches: Patches = _drawn_once(draft, work) if redrawn else draft.patching
    if patches.n_patches > MAX_ROWS and work.regions is None:
        raise ConfigError(
            f"{' and '.join(work.config.sections)}: {patches.n_patches:,} patches are too many to choose among; "
            f"allowed are {MAX_ROWS:,}, or take some by regions"
        )
    in_regions = work.regions is not None and not redrawn
    rows = _in_regions(patches, work) if in_regions else np.arange(patches.n_patches)
    if work.config.filter is not None:
        rows = rows[~work.measured(_taken(patches, rows)).background]
    specs = _taken(patches, rows)
    beside = {"index": rows, **{name: column.take(rows) for name, column in carried.items()}}
    if work.config.weights is not None and not redrawn:
        weights = patch_weights(
            work.sources,
            specs,
            work.config.weights,
            base=work.base,
            workers=work.workers,
            progress=work.counting("patches weighed"),
        )
        beside["weight"] = weights
    total = _by_image(specs.data_idx, work)
    if work.config.split is None:
        part = _some(patches, rows, beside, total)
        return Chosen(total.tolist(), [*beside], lambda: [Parts([part])], work.told, None, work.notes)
    labels, lost = _labels(specs, draft, work)
    numbers = [None] if len(labels) == 1 else range(len(labels))
    parts = [
        _part(patches, rows, beside, label, fold, _by_image(specs.data_idx[label >= 0], work))
        for fold, label in zip(numbers, labels, strict=True)
    ]
    counts = sum((part.total_tiles for part in parts if part.total_tiles is not None), 0 * total)
    splits = splits_told(work.config.split, [counted(label) for label in labels], lost)
    return Chosen(counts.tolist(), [*parts[0].beside], lambda: [Parts(parts)], work.told, splits, work.notes)


def _by_image(data_idx: IntArray, work: Work) -> IntArray:
    """Return how many rows each image has."""
    return np.bincount(data_idx, minlength=len(work.sources))


def _some(
    patches: Patches, rows: IntArray, beside: Mapping[str, Any] | None = None, total: IntArray | None = None
) -> Part:
    """Return some patches, ascending; of a grid those between need not be made."""
    if isinstance(patches, GridPatching):
        return Part(Picked(patches, rows), None, beside or {}, total_tiles=total)
    return Part(patches, rows, beside or {}, total_tiles=total)


def _taken(patches: Patches, rows: IntArray) -> SpecTable:
    """Return some patches, ascending."""
    part = _some(patches, rows)
    return join([part.specs(a, b) for a, b in pieces_of(0, len(rows), PIECE)] or [patches.get_patch_specs(0, 0)])


def _drawn_once(draft: Draft, work: Work) -> FixedPatching:
    """Return the patches of fixed_random, drawn by weights or in regions."""
    config = draft.config
    assert isinstance(config, FixedRandomConfig)  # noqa: S101 - the caller looked
    shapes = [source.data_shape for source in work.sources]
    drawing: Any = (
        RandomPatching(shapes, config.patch_size, config.seed)
        if work.config.weights is None
        else work.weighted(config.patch_size, config.seed)
    )
    if work.regions is not None:
        drawing = in_regions(drawing, work.regions)
        work.tell_regions(drawing.n_patches, draft.patching.n_patches)
    return FixedPatching(drawing.get_patch_specs())


def _in_regions(patches: Patches, work: Work) -> IntArray:
    """Return the rows that are in the regions."""
    test, found, progress = work.regions, [np.zeros(0, np.int64)], work.counting("patches tested")
    assert test is not None  # noqa: S101 - the caller looked
    for some, specs in nearby(patches, test, PIECE):
        found.append(some[test.keeps(specs)])
        if progress is not None:
            progress(int(some[-1]) + 1, patches.n_patches)
    if progress is not None:
        progress(patches.n_patches, patches.n_patches)
    rows = np.concatenate(found)
    work.tell_regions(len(rows), patches.n_patches)
    if not len(rows):
        raise ConfigError(
            f"regions: none of the {patches.n_patches:,} patches is in them; use keep: touching, or other regions"
        )
    return rows


def _labels(specs: SpecTable, draft: Draft, work: Work) -> tuple[NDArray[np.int8], tuple[int, ...]]:
    """Return the split of each row by fold, and how many each fold leaves out."""
    images = work.by_image(_by_image(specs.data_idx, work) > 0)
    if images is not None:
        return images[:, specs.data_idx], (0,) * len(images)
    assert work.config.split is not None  # noqa: S101 - the caller looked
    found = split_rows(specs, [source.data_shape for source in draft.sources], work.config.split)
    return found.labels, found.lost


def _part(
    patches: Patches,
    rows: IntArray,
    beside: Mapping[str, Any],
    label: NDArray[np.int8],
    fold: int | None,
    total: IntArray,
) -> Part:
    """Return the rows of a fold."""
    chosen = np.flatnonzero(label >= 0)
    columns = {name: column.take(chosen) for name, column in beside.items()}
    columns["split"] = split_column(label[chosen])
    if fold is not None:
        columns["fold"] = fold
    return _some(patches, rows[chosen], columns, total)

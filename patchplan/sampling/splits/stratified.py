"""Splits of stratified patching: cells set aside, and training strategies that keep away from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchplan.core.cells import BoolArray
from patchplan.core.seeds import seed_sequence
from patchplan.patching import FixedPatching, StratifiedPatching
from patchplan.plans.settings.splits import SplitConfig
from patchplan.sampling.splits.cells import CellUnits
from patchplan.sampling.splits.choosing import (
    LEFT_OUT,
    NAMES,
    TEST,
    TRAIN,
    VALIDATION,
    Asked,
    Labels,
    NoRoomError,
    choose,
)


@dataclass(frozen=True)
class Fold:
    """The strategies of one fold; `number` is None where there are no folds, a split None where it is not asked."""

    number: int | None
    training: StratifiedPatching
    validation: FixedPatching | None
    test: FixedPatching | None


@dataclass(frozen=True)
class SplitResult:
    """The folds, and how many training patches context and whole blocks cost in each."""

    folds: tuple[Fold, ...]
    lost: tuple[int, ...]


def split_stratified(
    patching: StratifiedPatching, config: SplitConfig, eligible: BoolArray | None = None
) -> SplitResult:
    """Split stratified patching; no two splits of a fold share a pixel, context counted in.

    Validation and test patches are whole cells, taken in blocks in random order, of each sample in proportion;
    training keeps the rest of the grid but for the cells within reach of the context.

    Parameters
    ----------
    patching : StratifiedPatching
        What to split; not changed. Fractions are of its `n_patches`.
    config : SplitConfig
        What is asked; `by` is not looked at.
    eligible : (n_cells,) array of bool, optional
        Cells that may be set aside, flat in order of data_idx, sample_idx and number. By default all that may be
        drawn.

    Raises
    ------
    ConfigError
        If more are asked than there is room for, naming the largest possible number.
    ShapeError
        If `eligible` has not an entry per cell.
    """
    context, block = config.per_axis(len(patching.patch_size))
    units = CellUnits(patching, context, eligible)
    rng = np.random.default_rng(seed_sequence(config.seed))
    labels = choose(units, Asked.of_config(config, patching.n_patches), block, rng)
    return _result(patching, units, labels, numbered=config.k_folds is not None)


def split_stratified_images(
    patching: StratifiedPatching, images: NDArray[np.int8], eligible: BoolArray | None = None
) -> SplitResult:
    """Split stratified patching by whole images.

    Parameters
    ----------
    patching : StratifiedPatching
        What to split; not changed.
    images : (n_folds, n_images) array of int
        Labels of the images, as `split_images` gives them. Validation and test have all eligible cells of theirs.
    eligible : (n_cells,) array of bool, optional
        As for `split_stratified`.

    Raises
    ------
    ConfigError
        If the images of a split have no patch.
    ShapeError
        If `eligible` has not an entry per cell.
    """
    units = CellUnits(patching, (0,) * len(patching.patch_size), eligible)
    labels = np.stack([units.of_images(fold) for fold in images])
    labels[(labels != TRAIN) & ~units.eligible] = LEFT_OUT
    for split in (VALIDATION, TEST):
        empty = (images == split).any(axis=1) & ~(labels == split).any(axis=1)
        if empty.any():
            raise NoRoomError(f"split: {NAMES[split]}: its images have no patch that could be set aside")
    return _result(patching, units, labels, numbered=len(labels) > 1)


def _result(patching: StratifiedPatching, units: CellUnits, labels: Labels, *, numbered: bool) -> SplitResult:
    folds = [_fold(patching, units, of_fold, number if numbered else None) for number, of_fold in enumerate(labels)]
    lost = [patching.n_patches - _n_patches(fold) for fold in folds]
    return SplitResult(tuple(folds), tuple(lost))


def _fold(patching: StratifiedPatching, units: CellUnits, labels: Labels, number: int | None) -> Fold:
    training = patching.copy()
    units.exclude_from(training, labels != TRAIN)
    if not training.n_patches:
        where = "" if number is None else f" in fold {number}"
        raise NoRoomError(f"split: no patch is left for training{where}; set fewer aside or use a smaller context")
    validation, test = (
        units.patches(labels == split) if (labels == split).any() else None for split in (VALIDATION, TEST)
    )
    return Fold(number, training, validation, test)


def _n_patches(fold: Fold) -> int:
    return sum(split.n_patches for split in (fold.training, fold.validation, fold.test) if split is not None)

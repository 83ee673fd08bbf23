"""What the header of a plan and the result of `plan` tell of its splits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import ConfigError
from patchplan.plans.parts import SPLITS
from patchplan.plans.settings.splits import SplitConfig


def splits_told(config: SplitConfig, folds: Sequence[Mapping[str, int]], lost: Sequence[int]) -> dict[str, Any]:
    """Return how a plan was split: per fold the patches of each split, and how many training patches that cost.

    Raises
    ------
    ConfigError
        If a split that was asked for has no patch.
    """
    numbers = [None] if len(folds) == 1 else range(len(folds))
    asked = {SPLITS[0]: True, SPLITS[1]: bool(config.validation or config.k_folds), SPLITS[2]: bool(config.test)}
    for number, counts in zip(numbers, folds, strict=True):
        empty = [name for name in SPLITS if asked[name] and not counts.get(name)]
        if empty:
            of_fold = "" if number is None else f" of fold {number}"
            advice = "another seed, or fewer folds" if config.by != "block" else "fewer patches set aside"
            raise ConfigError(f"split: {empty[0]}{of_fold} has no patch in its {config.by}s; use {advice}")
    return {
        "by": config.by,
        "context": config.context,
        "seed": config.seed,
        "folds": [
            {"fold": number, "n_patches": dict(counts), "lost": n}
            for number, counts, n in zip(numbers, folds, lost, strict=True)
        ],
    }


def counted(labels: NDArray[np.int8]) -> dict[str, int]:
    """Return how many rows each split has, of those that there are or could be."""
    return {name: int(np.count_nonzero(labels == number)) for number, name in enumerate(SPLITS)}

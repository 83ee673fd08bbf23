"""What the header of a plan and the result of `plan` tell of its splits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.plans.parts import SPLITS
from patchplan.plans.settings.splits import SplitConfig


def splits_told(config: SplitConfig, folds: Sequence[Mapping[str, int]], lost: Sequence[int]) -> dict[str, Any]:
    """Return how a plan was split: per fold the patches of each split, and how many training patches that cost."""
    numbers = [None] if len(folds) == 1 else range(len(folds))
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

"""Splits by whole images, or groups of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patchplan.core.seeds import seed_sequence
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError
from patchplan.plans.settings.splits import SplitConfig, groups_of
from patchplan.sampling.splits.choosing import NAMES, TEST, TRAIN, VALIDATION, Asked


def split_images(names: Sequence[str], config: SplitConfig) -> NDArray[np.int8]:
    """Split images by themselves or by group.

    Parameters
    ----------
    names : sequence of str
        The images' file names. Which groups are chosen does not depend on the order of the images.
    config : SplitConfig
        What is asked; numbers and fractions are of images, or of groups where `by` is "group".

    Returns
    -------
    (n_folds, n_images) array of int8
        0 train, 1 validation, 2 test.

    Raises
    ------
    ConfigError
        If a name is in no group, or more images or groups are asked than there are.

    Examples
    --------
    >>> names = ["mouse1_a.tif", "mouse1_b.tif", "mouse2.tif", "mouse3.tif"]
    >>> split_images(names, SplitConfig(validation=1, test=1, group="mouse[0-9]", seed=0)).tolist()
    [[1, 1, 0, 2]]
    """
    if config.group is None:
        what, keys = "images", list(range(len(names)))
    else:
        what, keys = "groups", np.unique(groups_of(names, config.group), return_inverse=True)[1].tolist()
    n = max(keys, default=-1) + 1
    order = np.random.default_rng(seed_sequence(config.seed)).permutation(n)
    labels = _labels(order, Asked.of_config(config, n), _told(what, n, len(names)))
    return labels[:, keys]


def _labels(order: IntArray, asked: Asked, told: str) -> NDArray[np.int8]:
    """Label the first of the order for test, the next for validation."""
    n, needed = len(order), asked.test + (asked.k_folds or asked.validation + 1)
    if needed > n:
        raise ConfigError(f"split: {_wanted(asked)} need at least {needed}; found {told}")
    labels = np.full((max(asked.k_folds, 1), n), TRAIN, np.int8)
    labels[:, order[: asked.test]] = TEST
    rest = order[asked.test :]
    if asked.k_folds:
        labels[np.arange(len(rest)) % asked.k_folds, rest] = VALIDATION
    else:
        labels[0, rest[: asked.validation]] = VALIDATION
    return labels


def _wanted(asked: Asked) -> str:
    numbers = {"k_folds": asked.k_folds, NAMES[VALIDATION]: asked.validation, NAMES[TEST]: asked.test}
    wanted = " and ".join(f"{name} {number}" for name, number in numbers.items() if number)
    return wanted if asked.k_folds else f"{wanted} and training"


def _told(what: str, n: int, n_images: int) -> str:
    return f"{n} {what}" if n == n_images else f"{n} {what} in {n_images} images"

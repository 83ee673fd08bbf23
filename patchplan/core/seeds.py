"""Seeds of random numbers."""

import operator

import numpy as np

from patchplan.errors import ConfigError

Seed = int | np.random.SeedSequence | None
"""A whole number from 0, numpy's own kind of seed, or None for fresh entropy."""


def seed_sequence(seed: Seed) -> np.random.SeedSequence:
    """Return numpy's seed, of which `default_rng` makes the same generator as of the number.

    Raises
    ------
    ConfigError
        If it is no whole number from 0.

    Examples
    --------
    >>> rng = np.random.default_rng(seed_sequence(42))
    >>> bool(rng.random() == np.random.default_rng(42).random())
    True
    """
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if seed is None:
        return np.random.SeedSequence()
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0 or isinstance(seed, bool):
        raise ConfigError(f"seed: found {seed!r}; allowed: a whole number from 0")
    return np.random.SeedSequence(number)


def epoch_seed(seed: int | None, epoch: int) -> Seed:
    """Return the seed of an epoch: the first has the seed itself, epoch k its k-th child.

    So an epoch does not depend on how many there are.
    """
    return np.random.SeedSequence(seed, spawn_key=(epoch,)) if epoch else seed


def child_seed(seed: int, name: str) -> int:
    """Return a seed of 32 bits that follows from another, for something that draws beside it.

    Examples
    --------
    >>> child_seed(42, "split")
    1373372924
    """
    return int(np.random.SeedSequence(seed, spawn_key=tuple(name.encode())).generate_state(1)[0])

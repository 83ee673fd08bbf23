"""Random numbers of transforms, which draw them from the global generators of torch, NumPy and Python."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import get_worker_info


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Have the global generators follow from these numbers alone inside the block, and go on as before after it."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    seed_all(*numbers)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])


def seed_all(*numbers: int) -> None:
    """Seed the global generators (of torch that of the CPU) from whole numbers."""
    words = np.random.SeedSequence(numbers).generate_state(3, np.uint64).tolist()
    torch.default_generator.manual_seed(words[0])
    np.random.seed(words[1] >> 32)
    random.seed(words[2])


def seed_worker(worker_id: int) -> None:
    """Give each worker and epoch random numbers of its own: `DataLoader(..., worker_init_fn=seed_worker)`.

    They follow from the loader's `generator` (or torch's global seed), the worker's number and the dataset's epoch.
    Persistent workers begin so and go on from epoch to epoch. The numbers that a patch gets depend on how many
    workers there are; with `PatchDataset(..., seed=...)` they do not.
    """
    info = get_worker_info()
    if info is None:
        raise RuntimeError(f"seed_worker({worker_id}) is for DataLoader(worker_init_fn=seed_worker)")
    seed_all(info.seed, getattr(info.dataset, "epoch", 0))

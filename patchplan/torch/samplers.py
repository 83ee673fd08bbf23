"""Which items of a dataset go into which batch."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from patchplan.core.amounts import whole_number
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError
from patchplan.torch.dataset import PatchDataset


class FileBatchSampler(Sampler[list[int]]):
    """Batches that keep each worker of a loader in one image at a time.

    All items are put in a row, image by image; the row is cut into batches, and each worker gets neighbouring ones: a
    loader hands batch b to worker b % num_workers (but for `in_order=False`). So a batch is of one image, or of those
    that end and begin in it, and batches that follow each other are of as many images as there are workers. All
    batches but the last in the row are full.

    Parameters
    ----------
    dataset : PatchDataset
        Its epoch is followed: `dataset.set_epoch`.
    batch_size : int
        Items of a batch.
    num_workers : int
        That of the loader.
    shuffle : bool
        Shuffle the images, and the items of each, by seed and epoch.
    seed : int
        The same for all ranks.
    drop_last : bool
        Leave out items that make no full batch.
    rank, world_size : int
        Which of how many processes this is, all of which get as many batches. Without `drop_last` the first items of
        the row make up for those that lack, as in torch's DistributedSampler.

    Raises
    ------
    ConfigError
        If a number makes no sense.

    Examples
    --------
    >>> import numpy as np, patchplan, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "ab":
    ...     np.save(folder / f"{name}.npy", np.zeros((8, 12)))
    >>> _ = patchplan.plan(folder, folder / "p.csv", patching={"name": "sequential", "patch_size": 4})
    >>> dataset = PatchDataset(folder / "p.csv")
    >>> list(FileBatchSampler(dataset, 3, num_workers=2, shuffle=False))
    [[0, 1, 2], [6, 7, 8], [3, 4, 5], [9, 10, 11]]
    """

    def __init__(
        self,
        dataset: PatchDataset,
        batch_size: int,
        *,
        num_workers: int = 0,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.dataset = dataset
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.num_workers = whole_number("num_workers", num_workers)
        self.shuffle = shuffle
        self.seed = whole_number("seed", seed)
        self.drop_last = drop_last
        self.rank, self.world_size = _check_rank(rank, world_size)

    def __len__(self) -> int:
        n = _share(len(self.dataset), self.world_size, drop_last=self.drop_last)
        return _share(n, self.batch_size, drop_last=self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        row = self._row()
        n_batches, n_workers = len(self), max(1, self.num_workers)
        counts = [_share(n_batches - worker, n_workers, drop_last=False) for worker in range(n_workers)]
        first = np.cumsum([0, *counts])
        for batch in range(n_batches):
            start = (int(first[batch % n_workers]) + batch // n_workers) * self.batch_size
            yield row[start : start + self.batch_size].tolist()

    def _row(self) -> IntArray:
        """Return all positions of this rank, image by image."""
        data_idx = self.dataset.data_idx
        n = len(data_idx)
        if self.shuffle:
            rng = np.random.default_rng([self.seed, self.dataset.epoch])
            place = rng.permutation(int(data_idx.max(initial=0)) + 1)
            row = np.lexsort((rng.permutation(n), place[data_idx]))
        else:
            row = np.argsort(data_idx, kind="stable")
        each = _share(n, self.world_size, drop_last=self.drop_last)
        return np.resize(row, each * self.world_size)[self.rank * each : (self.rank + 1) * each]


class WeightedSampler(Sampler[int]):
    """Items drawn with replacement, each in exact proportion to the plan's column `weight`.

    With `PatchDataset(..., seed=...)` an item that is drawn twice in an epoch is transformed with the same random
    numbers both times; for others each time leave that seed out and use `seed_worker`.

    Parameters
    ----------
    dataset : PatchDataset
        Its epoch is followed: `dataset.set_epoch`.
    n : int, optional
        Items of an epoch, over all ranks; as many as the dataset has by default.
    seed : int
        With the epoch it gives the draws; the same for all ranks.
    rank, world_size : int
        Which of how many processes this is: each takes every `world_size`-th draw, as many as the others.

    Raises
    ------
    ConfigError
        If a number makes no sense.
    PlanError
        If the plan has no weights, one is negative or no number, or all are 0.
    """

    def __init__(
        self, dataset: PatchDataset, n: int | None = None, *, seed: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        self.dataset = dataset
        self._asked = None if n is None else whole_number("n", n, 1)
        self.seed = whole_number("seed", seed)
        self.rank, self.world_size = _check_rank(rank, world_size)
        _ = dataset.weights

    def __len__(self) -> int:
        n = len(self.dataset) if self._asked is None else self._asked
        return _share(n, self.world_size, drop_last=False)

    def __iter__(self) -> Iterator[int]:
        ends = np.cumsum(self.dataset.weights)
        last = int(np.searchsorted(ends, ends[-1]))  # the last with a weight: rounding may lead behind it
        rng = np.random.default_rng([self.seed, self.dataset.epoch])
        places = rng.random(len(self) * self.world_size)[self.rank :: self.world_size] * ends[-1]
        yield from np.minimum(np.searchsorted(ends, places, "right"), last).tolist()


def _share(n: int, parts: int, *, drop_last: bool) -> int:
    """Return n / parts, rounded down or up."""
    return n // parts if drop_last else -(-n // parts)


def _check_rank(rank: int, world_size: int) -> tuple[int, int]:
    world_size = whole_number("world_size", world_size, 1)
    if whole_number("rank", rank) >= world_size:
        raise ConfigError(f"rank: found {rank}; allowed: 0 to {world_size - 1}, as world_size is {world_size}")
    return rank, world_size

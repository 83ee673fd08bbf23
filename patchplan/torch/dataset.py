"""A plan as a dataset of PyTorch."""

import operator
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from patchplan.core.amounts import whole_number
from patchplan.core.specs import PatchSpecs
from patchplan.errors import ConfigError
from patchplan.images.boundary import one_line
from patchplan.images.padding import PadMode
from patchplan.plans.plan import Plan, open_plan
from patchplan.torch.opened import Opened, Options
from patchplan.torch.rows import Rows
from patchplan.torch.seeding import seeded
from patchplan.torch.targets import Given, PathLike

WIDEST = {"longdouble": np.float64, "clongdouble": np.complex128}
"""What torch has instead of types that it lacks."""


class PatchDataset(Dataset[Any]):
    """The patches of one epoch of a plan, in the order of its rows.

    An item is the patch, or (patch, target), as tensors C (Z) Y X of the image's dtype: also uint16, uint32 and
    uint64, of which torch can do little but `x.float()`. Patches of `random` and `stratified` plans whose epoch was
    not written are drawn, the same as `patchplan plan --epochs` would have written.

    A pickle is the path and the options: each process opens the plan, and the files it reads, for itself. Batches are
    the same whatever number of workers, forked or spawned.

    Parameters
    ----------
    plan : path or Plan
        A plan, or its file.
    split : str, optional
        Take the patches of one split; all by default. Those that patchplan set aside as "validation" and "test" are
        the same in every epoch, also in those that were not written.
    fold : int, optional
        Which fold; needed where the plan has folds.
    epoch : int
        The first epoch; see `set_epoch`.
    targets : path, ImageSource, sequence or mapping, optional
        An image of the same size beside each image of the plan: a path with {stem} or {name} of the image's file, a
        folder with one file of the same stem for each image, a path or an open image for each in their order, or
        paths by file name.
    channels, target_channels : sequence of int, optional
        Channels to take, in this order; all by default.
    pad_mode : {"constant", "reflect", "edge"}
        What is outside an image: zeros, its mirror image, or its edge.
    transform : callable, optional
        Called with patch, or with patch and target; what it returns is the item.
    seed : int, optional
        Seeds the global generators of torch (CPU), NumPy and `random` for each call of `transform`, from seed, epoch
        and index alone, and puts them back: a patch that is drawn twice in an epoch (see `WeightedSampler`) gets the
        same numbers both times. Without it they are what torch gives a worker; see `seed_worker`.
    with_index : bool
        Put the patch's index behind the item, for predictions: `Stitcher.add` wants it.
    root : path, optional
        Folder that the paths of the plan's images start from.

    Raises
    ------
    ConfigError, PlanError, ImageError
        What is wrong with plan and options, and files that are missing; what concerns pixels when they are read.

    Examples
    --------
    >>> import numpy as np, patchplan, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "a.npy", np.arange(48, dtype="u2").reshape(6, 8))
    >>> _ = patchplan.plan(folder / "a.npy", folder / "p.csv", patching={"name": "random", "patch_size": 4, "seed": 0})
    >>> dataset = PatchDataset(folder / "p.csv")
    >>> len(dataset), dataset[0].shape, dataset[0].dtype, dataset.specs(0)["coords"]
    (4, torch.Size([1, 4, 4]), torch.uint16, (2, 3))
    >>> dataset.set_epoch(1)
    >>> dataset.specs(0)["coords"]
    (1, 3)
    """

    def __init__(
        self,
        plan: PathLike | Plan,
        *,
        split: str | None = None,
        fold: int | None = None,
        epoch: int = 0,
        targets: Given | None = None,
        channels: Sequence[int] | None = None,
        target_channels: Sequence[int] | None = None,
        pad_mode: PadMode = "constant",
        transform: Callable[..., Any] | None = None,
        seed: int | None = None,
        with_index: bool = False,
        root: PathLike | None = None,
    ) -> None:
        if pad_mode not in get_args(PadMode):
            raise ConfigError(f"pad_mode: found {pad_mode!r}; allowed: {', '.join(get_args(PadMode))}")
        if target_channels is not None and targets is None:
            raise ConfigError("target_channels: allowed with targets only")
        if not (transform is None or callable(transform)):
            raise ConfigError(f"transform: found {one_line(repr(transform), 60)}; allowed: what can be called, or None")
        path = plan.path if isinstance(plan, Plan) else plan
        opened = plan if isinstance(plan, Plan) and root is None else open_plan(path, root)
        self._options = Options(
            here=Path.cwd(),
            plan=opened.path,
            root=opened.root,
            split=split,
            fold=fold,
            channels=_channels("channels", channels),
            targets=targets,
            target_channels=_channels("target_channels", target_channels),
            pad_mode=pad_mode,
        )
        self.transform = transform
        self.seed = None if seed is None else whole_number("seed", seed)
        self.with_index = with_index
        self._epoch = _shared(torch.zeros(1, dtype=torch.int64))
        self._held: Opened | None = Opened(self._options, opened)
        self._held.check_images()
        self.set_epoch(epoch)
        _ = len(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch = _shared(self._epoch)

    @property
    def _opened(self) -> Opened:
        """What this process has open. Forked ones share rows and descriptions; files each opens for itself."""
        if self._held is None:
            self._held = Opened(self._options)
        return self._held

    @property
    def _rows(self) -> Rows:
        return self._opened.rows(self.epoch)

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self._opened.plan

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Take the patches of another epoch; between two loops over a loader, whose persistent workers see it too.

        Raises
        ------
        PlanError
            If it was not written and cannot be drawn.
        """
        number = whole_number("epoch", epoch)
        self._opened.epoch(number)
        self._epoch[0] = number

    def __len__(self) -> int:
        return self._rows.n

    def __getitem__(self, position: int) -> Any:
        rows, position = self._rows, _whole(position)
        parts = [_tensor(patch) for patch in self._opened.read(rows.specs(position))]
        index = rows.index(position)
        item = self._transformed(parts, index)
        if not self.with_index:
            return item
        return (*item, index) if isinstance(item, tuple) else (item, index)

    def _transformed(self, parts: list[torch.Tensor], index: int) -> Any:
        if self.transform is None:
            return parts[0] if len(parts) == 1 else tuple(parts)
        if self.seed is None:
            return self.transform(*parts)
        with seeded(self.seed, self.epoch, index):
            return self.transform(*parts)

    def specs(self, position: int) -> PatchSpecs:
        """Return where an item is, and for tiles what of it is kept."""
        return self._rows.specs(_whole(position))

    def index(self, position: int) -> int:
        """Return the index of an item in the plan."""
        return self._rows.index(_whole(position))

    @property
    def data_idx(self) -> NDArray[Any]:
        """Number of the image of each item, (n,)."""
        return self._rows.data_idx

    @property
    def weights(self) -> NDArray[np.float64]:
        """The column `weight` of the plan for each item, (n,); PlanError if there is none."""
        return self._opened.weights(self.epoch)


def _shared(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in memory that workers share."""
    shared: torch.Tensor = tensor.share_memory_()  # type: ignore[no-untyped-call]
    return shared


def _whole(position: int) -> int:
    """Return a position, also one of NumPy or torch, as a plain int."""
    try:
        if not isinstance(position, bool):
            return operator.index(position)
    except TypeError:
        pass
    raise TypeError(f"position: found {one_line(repr(position), 60)}; allowed: a whole number from 0")


def _tensor(patch: NDArray[Any]) -> torch.Tensor:
    """Return a patch as a tensor, of the widest type that torch has where it lacks the patch's."""
    return torch.from_numpy(patch.astype(WIDEST.get(patch.dtype.type.__name__, patch.dtype), copy=False))


def _channels(name: str, given: Sequence[int] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    channels = tuple(whole_number(name, channel) for channel in (given if isinstance(given, Iterable) else [given]))
    if not channels:
        raise ConfigError(f"{name}: found none; allowed: numbers of channels from 0, at least one")
    return channels

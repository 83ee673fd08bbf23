"""What one process has open of a dataset: the plan, the rows of an epoch, images and targets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from patchplan.core.specs import PatchSpecs
from patchplan.errors import ConfigError
from patchplan.extracting.sources import Sources
from patchplan.images.padding import PadMode
from patchplan.objects import Location, ObjectPath
from patchplan.plans.epoch import MAX_NAMED
from patchplan.plans.plan import Plan, open_plan
from patchplan.torch.arguments import as_arguments
from patchplan.torch.epochs import Epoch, epoch_of, load, load_weights
from patchplan.torch.rows import Rows
from patchplan.torch.targets import Given, Targets


@dataclass(frozen=True)
class Options:
    """What a dataset takes of a plan; paths that are relative start from `here`."""

    here: Path
    plan: Location
    root: Location
    split: str | None
    fold: int | None
    channels: tuple[int, ...] | None
    targets: Given | None
    target_channels: tuple[int, ...] | None
    pad_mode: PadMode


def _open(options: Options) -> Plan:
    paths = (options.plan, options.root)
    return open_plan(*(path if isinstance(path, ObjectPath) else options.here / path for path in paths))


class Opened:
    """A plan opened with options, or one that is open already.

    Raises
    ------
    ConfigError, PlanError, ImageError
        If the options do not fit the plan, or a target is missing.
    """

    @as_arguments()
    def __init__(self, options: Options, plan: Plan | None = None) -> None:
        self.options = options
        self.plan = _open(options) if plan is None else plan
        if options.fold is None and "fold" in self.plan.schema.names:
            raise _no_fold(self.plan)
        self.sources = Sources(self.plan, None, options.channels)
        self.targets = (
            None
            if options.targets is None
            else Targets(self.sources, options.targets, options.target_channels, base=options.here)
        )
        self._loaded: tuple[Epoch, Rows] | None = None

    @as_arguments()
    def check_images(self) -> None:
        """Raise ImageError if an image is not there."""
        for data_idx, path in enumerate(self.sources.paths):
            if not path.exists():
                _ = self.sources[data_idx]

    def epoch(self, number: int) -> Epoch:
        """Return which rows an epoch has; PlanError if it cannot have any."""
        return epoch_of(self.plan, number, self.options.split)

    @as_arguments()
    def rows(self, number: int) -> Rows:
        """Return the rows of an epoch; the last that were asked for are held."""
        epoch = self.epoch(number)
        if self._loaded is None or self._loaded[0] != epoch:
            self._loaded = None  # not two epochs in memory at once
            self._loaded = epoch, load(self.plan, epoch, self.options.split, self.options.fold)
        return self._loaded[1]

    @as_arguments()
    def weights(self, number: int) -> NDArray[Any]:
        """Return the weight of each row of an epoch, (n,); PlanError if the plan has none."""
        return load_weights(self.plan, self.epoch(number), self.options.split, self.options.fold)

    @as_arguments()
    def read(self, specs: PatchSpecs) -> list[NDArray[Any]]:
        """Return a patch, and that of the target if there are targets, each C (Z) Y X."""
        data_idx, mode = specs["data_idx"], self.options.pad_mode
        box = specs["sample_idx"], specs["coords"], specs["patch_size"]
        patches = [self.sources[data_idx].read(*box, self.sources.channels, pad_mode=mode)]
        if self.targets is not None:
            patches.append(self.targets.read(data_idx, *box, mode))
        return patches


def _no_fold(plan: Plan) -> ConfigError:
    """Return what to say of a plan with folds, none of which was chosen."""
    folds = sorted({fold for table in plan.batches() for fold in table.column("fold").unique().to_pylist()})
    named = ", ".join(map(str, folds[:MAX_NAMED])) + (", ..." if len(folds) > MAX_NAMED else "")
    return ConfigError(f"fold: none given; {plan.path} has {named}; choose one with fold=")

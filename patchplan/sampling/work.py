"""The sections of a config at work: what each needs is opened when it is first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.cluster import Cluster
from patchplan.core.cells import BoolArray
from patchplan.core.specs import SpecTable
from patchplan.images import ImageSource
from patchplan.images.companions import companion_paths, open_companions
from patchplan.objects import Location
from patchplan.plans.config import PlanConfig
from patchplan.plans.settings.filters import MaskFilterConfig
from patchplan.plans.settings.sections import PATHS
from patchplan.sampling.filters.values import FilterValues, check_some_kept, filter_values, kept_table
from patchplan.sampling.regions import RegionTest, open_regions
from patchplan.sampling.splits import split_images
from patchplan.sampling.weights import WeightedPatching, weighted_patching

Progress = Callable[[str, int, int], None]


OnFilter = Callable[[SpecTable, FilterValues, str], None]
"""Called with patches or cells, what the filter finds of them, and which of both they are."""


@dataclass(frozen=True)
class Work:
    """The sections over the images of a plan.

    `base` is where their relative paths start, `told` collects what they made of the patches, `on_filter` is called
    with what a filter found, and the workers of `cluster`, where there is one, measure for it.
    """

    sources: Sequence[ImageSource]
    config: PlanConfig
    base: Path
    workers: int = 1
    progress: Progress | None = None
    told: dict[str, Any] = field(default_factory=dict)
    on_filter: OnFilter | None = None
    cluster: Cluster | None = None

    @cached_property
    def regions(self) -> RegionTest | None:
        """Which patches are in the regions of interest, where there are any."""
        config = self.config.regions
        return None if config is None else open_regions(self.sources, config, base=self.base)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the regions."""
        return () if self.regions is None else self.regions.notes

    def measured(self, specs: SpecTable, what: str = "patches") -> FilterValues:
        """Return what the filter finds of patches, or of cells; at least one is no background.

        Raises
        ------
        ConfigError
            If all are.
        """
        config = self.config.filter
        assert config is not None  # noqa: S101 - the caller looked
        masks = None
        if isinstance(config, MaskFilterConfig):
            masks = open_companions(self.sources, config.masks, base=self.base, what="masks")
        counted = self.counting(f"{what} filtered")
        sources, by = self.sources, self.cluster
        found = filter_values(sources, specs, config, masks=masks, workers=self.workers, cluster=by, progress=counted)
        if self.on_filter is not None:  # also of what is refused: to choose a threshold by looking
            self.on_filter(specs, found, what)
        check_some_kept(found, config)
        self.told["filter"] = {
            "name": config.name,
            "looked_at": what,
            "of": len(specs),
            "background": int(np.count_nonzero(found.background)),
            "threshold": config.chosen,
            "kept_at": kept_table(found, config),
        }
        return found

    def weighted(self, patch_size: Any, seed: Any) -> WeightedPatching:
        """Return the strategy that draws patches by their weights."""
        config = self.config.weights
        assert config is not None  # noqa: S101 - the caller looked
        return weighted_patching(
            self.sources,
            config,
            patch_size,
            seed,
            base=self.base,
            workers=self.workers,
            progress=self.counting("blocks weighed"),
        )

    def by_image(self, there: BoolArray) -> NDArray[np.int8] | None:
        """Return the split of each image by fold, (n_folds, n_images), where whole images are split.

        Only images that are `there`, with patches, are chosen among; all others are of training, which has none.
        """
        config = self.config.split
        if config is None or config.by == "block":
            return None
        chosen = np.flatnonzero(there)
        labels = split_images([Path(self.sources[data_idx].uri).name for data_idx in chosen.tolist()], config)
        of_all = np.zeros((len(labels), len(there)), np.int8)
        of_all[:, chosen] = labels
        return of_all

    def check_early(self) -> list[Location]:
        """Return the files beside the images, after a look at all that needs no pixel.

        Raises
        ------
        ConfigError, ImageError, ShapeError
            If a file is missing, a name is of no group, or a value has not an entry per axis.
        """
        split = self.config.split
        if split is not None:
            split.resolved(self.sources[0].ndim)
            self.by_image(np.ones(len(self.sources), bool))
        found: list[Location] = []
        for section in self.config.sections.values():
            for what in PATHS:
                if (given := getattr(section, what, None)) is not None:
                    found += companion_paths(self.sources, given, base=self.base, what=what)
        return found

    def counting(self, what: str) -> Callable[[int, int], None] | None:
        """Return a callback that counts one thing."""
        progress = self.progress
        return None if progress is None else lambda done, total: progress(what, done, total)

    def tell_regions(self, kept: int, of: int) -> None:
        """Write down how many patches are in the regions."""
        self.told["regions"] = {"of": of, "kept": kept}

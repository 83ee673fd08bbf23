"""A plan that is made but not written: images, strategy, and what header and result say of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from patchplan.core.seeds import Seed, epoch_seed
from patchplan.errors import PlanError, ShapeError
from patchplan.images import ImageSource
from patchplan.objects import Location
from patchplan.patching.config import PatchingConfig
from patchplan.patching.fixed import FixedConfig
from patchplan.patching.protocol import Patching
from patchplan.plans.header import Header, ImageRecord
from patchplan.plans.parts import Parts
from patchplan.plans.paths import relative
from patchplan.plans.result import PlannedImage, PlanResult, Resolved


@dataclass(frozen=True)
class Chosen:
    """What the sections of a config made of a strategy's patches: `counts` by image, of one epoch.

    `passes` gives the rows of each epoch, which have `columns` beside `index`; `told` and `splits` go into the
    header.
    """

    counts: list[int]
    columns: Sequence[str]
    passes: Callable[[], Iterable[Parts]]
    told: dict[str, Any]
    splits: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A strategy over images. `config` is resolved: every value per axis, with a seed where it draws."""

    sources: Sequence[ImageSource]
    config: PatchingConfig
    epochs: int | None
    patching: Patching = field(init=False)
    counts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        patching = self._create(self.config)
        object.__setattr__(self, "patching", patching)
        object.__setattr__(self, "counts", [len(patching.get_patch_indices(i)) for i in range(len(self.sources))])

    def _create(self, config: PatchingConfig) -> Patching:
        try:
            return config.create([source.data_shape for source in self.sources])
        except ShapeError as error:
            named = error if error.data_idx is None else error.named(self.sources[error.data_idx].uri)
            if isinstance(config, FixedConfig) and config.table is not None:
                raise PlanError(f"{config.table}: {named}") from None
            raise named from None

    @property
    def resolved(self) -> Resolved:
        """Sizes per spatial axis."""
        return _resolved(self.config)

    def seed(self, epoch: int) -> Seed:
        """Return the seed of an epoch; None where the strategy does not draw."""
        return epoch_seed(getattr(self.config, "seed", None), epoch)

    def strategy(self, epoch: int) -> Patching:
        """Return the strategy anew, as it begins an epoch."""
        return self._create(self.config.model_copy(update={"seed": self.seed(epoch)} if epoch else {}))

    def passes(self) -> Iterator[Patching]:
        """Return a strategy per epoch."""
        yield self.patching
        yield from (self.strategy(epoch) for epoch in range(1, self.epochs or 1))

    def header(self, base: Location, *, rows: bool, config: dict[str, Any], chosen: Chosen | None = None) -> Header:
        """Return the header of this plan; paths are relative to `base` where possible.

        `config` is that of reading and choosing, `chosen` what the sections made of the strategy.
        """
        patching = self.config.model_dump(exclude_none=True)
        if isinstance(self.config, FixedConfig) and self.config.table is not None:
            patching["table"] = relative(self.config.table, base)
        counts = self.counts if chosen is None else chosen.counts
        return Header(
            schema_version=1,
            config=config | {"patching": patching},
            images=tuple(self._record(data_idx, n, base) for data_idx, n in enumerate(counts)),
            n_patches=sum(counts),
            n_rows=sum(counts) * (self.epochs or 1),
            rows=rows,
            tiles=self.patching.get_patch_specs(0, 0).is_tiles,
            ndim=2 if self.sources[0].ndim == 2 else 3,
            epochs=self.epochs,
            splits=None if chosen is None else chosen.splits,
            chosen=None if chosen is None else chosen.told,
        )

    def _record(self, data_idx: int, n_patches: int, base: Location) -> ImageRecord:
        source = self.sources[data_idx]
        info = {name: getattr(source.info, name) for name in ImageRecord.model_fields if hasattr(source.info, name)}
        info["uri"] = relative(source.uri, base)
        return ImageRecord(data_idx=data_idx, data_shape=source.data_shape, n_patches=n_patches, **info)

    def result(self, plan: Location | None, skipped: Sequence[str], chosen: Chosen | None = None) -> PlanResult:
        """Return what the user is told."""
        counts = self.counts if chosen is None else chosen.counts
        return PlanResult(
            plan=None if plan is None else str(plan),
            strategy=self.config.name,
            n_patches=sum(counts),
            n_rows=sum(counts) * (self.epochs or 1),
            images=tuple(self._planned(data_idx, n) for data_idx, n in enumerate(counts)),
            resolved=self.resolved,
            seed=getattr(self.config, "seed", None),
            epochs=self.epochs,
            splits=None if chosen is None else chosen.splits,
            chosen=None if chosen is None else chosen.told,
            skipped=tuple(skipped),
            notes=(*_notes(self.sources), *(() if chosen is None else chosen.notes)),
        )

    def _planned(self, data_idx: int, n_patches: int) -> PlannedImage:
        source = self.sources[data_idx]
        return PlannedImage(
            data_idx=data_idx,
            uri=source.uri,
            axes=source.axes,
            shape=source.shape,
            dtype=source.info.dtype,
            data_shape=source.data_shape,
            n_patches=n_patches,
        )


def _resolved(config: PatchingConfig) -> Resolved:
    patch: Any = getattr(config, "patch_size", None)
    overlaps: Any = getattr(config, "overlaps", None)
    if patch is None or overlaps is None:
        return Resolved(patch_size=patch)
    return Resolved(
        patch_size=patch,
        overlaps=overlaps,
        stride=tuple(size - overlap for size, overlap in zip(patch, overlaps, strict=True)),
        halo=tuple((overlap // 2, overlap - overlap // 2) for overlap in overlaps),
    )


def _notes(sources: Sequence[ImageSource]) -> tuple[str, ...]:
    """Return each note once, with the first file it is about and the number of others."""
    about: dict[str, list[str]] = {}
    for source in sources:
        for note in source.info.notes:
            about.setdefault(note, []).append(source.uri)
    others = {note: f" and {len(files) - 1} more" if len(files) > 1 else "" for note, files in about.items()}
    return tuple(f"{files[0]}{others[note]}: {note}" for note, files in about.items())

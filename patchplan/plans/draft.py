"""A plan that is made but not written: images, strategy, and what header and result say of them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from patchplan.errors import PlanError, ShapeError
from patchplan.images import ImageSource
from patchplan.patching.config import PatchingConfig
from patchplan.patching.fixed import FixedConfig
from patchplan.patching.protocol import Patching
from patchplan.plans.header import Header, ImageRecord
from patchplan.plans.result import PlannedImage, PlanResult, Resolved


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
    def n_rows(self) -> int:
        """Number of rows over all epochs."""
        return self.patching.n_patches * (self.epochs or 1)

    def passes(self) -> Iterator[Patching]:
        """Return a strategy per epoch: the first with the seed itself, epoch k with its k-th child.

        An epoch does not depend on how many are asked for.
        """
        yield self.patching
        seed = getattr(self.config, "seed", None)
        for epoch in range(1, self.epochs or 1):
            child = np.random.SeedSequence(seed, spawn_key=(epoch,))
            yield self._create(self.config.model_copy(update={"seed": child}))

    def header(self, base: Path, *, rows: bool, reading: dict[str, Any]) -> Header:
        """Return the header of this plan; paths are relative to `base` where possible."""
        patching = self.config.model_dump(exclude_none=True)
        if isinstance(self.config, FixedConfig) and self.config.table is not None:
            patching["table"] = relative(self.config.table, base)
        return Header(
            schema_version=1,
            config=reading | {"patching": patching},
            images=tuple(self._record(data_idx, base) for data_idx in range(len(self.sources))),
            n_patches=self.patching.n_patches,
            n_rows=self.n_rows,
            rows=rows,
            tiles=self.patching.get_patch_specs(0, 0).is_tiles,
            ndim=2 if self.sources[0].ndim == 2 else 3,
            epochs=self.epochs,
        )

    def _record(self, data_idx: int, base: Path) -> ImageRecord:
        source = self.sources[data_idx]
        info = {name: getattr(source.info, name) for name in ImageRecord.model_fields if hasattr(source.info, name)}
        info["uri"] = relative(source.uri, base)
        return ImageRecord(data_idx=data_idx, data_shape=source.data_shape, n_patches=self.counts[data_idx], **info)

    def result(self, plan: Path | None, skipped: Sequence[str]) -> PlanResult:
        """Return what the user is told."""
        return PlanResult(
            plan=None if plan is None else str(plan),
            strategy=self.config.name,
            n_patches=self.patching.n_patches,
            n_rows=self.n_rows,
            images=tuple(self._planned(data_idx) for data_idx in range(len(self.sources))),
            resolved=_resolved(self.config),
            seed=getattr(self.config, "seed", None),
            epochs=self.epochs,
            skipped=tuple(skipped),
            notes=_notes(self.sources),
        )

    def _planned(self, data_idx: int) -> PlannedImage:
        source = self.sources[data_idx]
        return PlannedImage(
            data_idx=data_idx,
            uri=source.uri,
            axes=source.axes,
            shape=source.shape,
            dtype=source.info.dtype,
            data_shape=source.data_shape,
            n_patches=self.counts[data_idx],
        )


def relative(path: str, base: Path) -> str:
    """Return a path relative to a folder, with forward slashes; absolute where there is no way (other drive)."""
    file, folder = Path(path), base
    if base.resolve() != Path(os.path.abspath(base)):  # noqa: PTH100
        # ".." climbs out of where a link leads, not of the link
        file, folder = file.parent.resolve() / file.name, base.resolve()
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:
        return file.absolute().as_posix()


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

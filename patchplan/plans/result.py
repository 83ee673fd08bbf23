"""What `plan` returns: shown as a table or as JSON."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class PlannedImage(BaseModel):
    """One image as it was read, and the number of its patches."""

    model_config = ConfigDict(frozen=True)

    data_idx: int
    uri: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    data_shape: tuple[int, ...]
    n_patches: int


class Resolved(BaseModel):
    """Sizes per spatial axis, (Z)YX; null where the strategy has none. `halo` is [before, after]."""

    model_config = ConfigDict(frozen=True)

    patch_size: tuple[int, ...] | None = None
    overlaps: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    halo: tuple[tuple[int, int], ...] | None = None


class PlanResult(BaseModel):
    """What was planned. `plan` is null where nothing was written.

    `n_patches` counts one epoch, `n_rows` all; `splits` and `chosen` say what the sections of the config made of
    the strategy's patches, `skipped` which images were left out and why, `notes` how files were read.
    """

    model_config = ConfigDict(frozen=True)

    plan: str | None
    strategy: str
    n_patches: int
    n_rows: int
    images: tuple[PlannedImage, ...]
    resolved: Resolved
    seed: int | None
    epochs: int | None
    splits: dict[str, Any] | None = None
    chosen: dict[str, Any] | None = None
    skipped: tuple[str, ...]
    notes: tuple[str, ...]

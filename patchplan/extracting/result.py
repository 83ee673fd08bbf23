"""What `extract` returns: shown as a few lines or as JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["stack", "array", "folder"]


class ExtractResult(BaseModel):
    """What was extracted. `out` is null where nothing was written.

    `shape` is C (Z) Y X of a patch; it and `dtype` are null where patches differ. `bytes` counts pixels,
    before compression. An `empty` stack has room for `n_patches`, of which none is written. `notes` say what has
    changed since the plan was made.
    """

    model_config = ConfigDict(frozen=True)

    out: str | None
    kind: Kind | None
    format: Literal["zarr", "npy", "tif"] | None
    n_patches: int
    shape: tuple[int, ...] | None
    dtype: str | None
    epoch: int
    bytes: int
    empty: bool
    notes: tuple[str, ...]

"""What `stitch` returns: shown as a table or as JSON."""

from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PrivateAttr


class StitchedImage(BaseModel):
    """One output.

    `uri` is null where nothing was written. `filled` counts pixels that no tile covers; it is null where the
    output was there already.
    """

    model_config = ConfigDict(frozen=True)

    data_idx: int
    uri: str | None
    shape: tuple[int, ...]
    axes: str
    dtype: str
    levels: int
    n_tiles: int
    filled: int | None


class BadTile(BaseModel):
    """A tile that does not fit or cannot be read."""

    model_config = ConfigDict(frozen=True)

    index: int
    why: str


class StitchResult(BaseModel):
    """What was done, or found.

    `n_tiles` counts the tiles that are there; `missing` and `duplicate` are indices. `notes` say what a user
    should know, such as that values were rounded.
    """

    model_config = ConfigDict(frozen=True)

    plan: str
    blend: str
    n_tiles: int
    outputs: tuple[StitchedImage, ...]
    missing: tuple[int, ...]
    duplicate: tuple[int, ...]
    bad: tuple[BadTile, ...]
    missing_output: str | None
    notes: tuple[str, ...]
    _arrays: tuple[NDArray[Any], ...] = PrivateAttr(default=())

    def noted(self, notes: Sequence[str]) -> Self:
        """Return the same with more notes."""
        return self.model_copy(update={"notes": (*self.notes, *notes)}) if notes else self

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The images in the order of `data_idx`, each in its source's axis order, where no output was named."""
        return self._arrays


class ShareResult(StitchResult):
    """What one share of a stitch did: `share` is its K/N. There are no outputs yet.

    `shares_left` are the numbers of those that are not written.
    """

    share: str
    shares_left: tuple[int, ...]

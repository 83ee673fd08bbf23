"""The header of a plan: everything but the rows, as JSON."""

from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from patchplan.core.shapes import MAX_SIZE
from patchplan.errors import PlanError

SCHEMA_VERSION = 1
FOLLOW_FROM_HEADER = ("sequential", "tiled", "whole")


class ImageRecord(BaseModel):
    """One image of a plan, as it was read when planning.

    `uri` is relative to the plan's folder (or to `--root`) where possible. Shapes and chunks are in the
    file's axis order, `data_shape` is S C (Z) Y X, `pixel_size` follows the file's spatial axes in ZYX order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_idx: int
    uri: str
    kind: str
    series: int | None
    level: int | None
    array: str | None
    axes: str
    shape: tuple[int, ...]
    dtype: str
    data_shape: tuple[int, ...]
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    pixel_size: tuple[float, ...] | None
    pixel_unit: str | None
    fingerprint: str
    n_patches: int = Field(ge=0)


class Header(BaseModel):
    """What a plan is: where it comes from, its images, and how many patches and rows it has.

    `n_patches` counts the patches of one epoch; `n_rows` those of all epochs, whether `rows` says that
    they are stored or that they follow from the config.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1]
    patchplan_version: str = Field(default_factory=lambda: version("patchplan"))
    config: dict[str, Any]
    images: tuple[ImageRecord, ...] = Field(min_length=1)
    n_patches: int = Field(ge=0)
    n_rows: int = Field(ge=0)
    rows: bool = True
    tiles: bool
    ndim: Literal[2, 3]
    epochs: int | None = Field(default=None, ge=1)
    splits: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _check_config(self) -> "Header":
        patching = self.config.get("patching")
        if not isinstance(patching, dict) or not isinstance(patching.get("name"), str):
            raise ValueError("config: patching has no name")
        follows = patching["name"] in FOLLOW_FROM_HEADER and self.epochs is None and self.n_rows == self.n_patches
        if not self.rows and not follows:
            raise ValueError(f"rows: a {patching['name']} plan of {self.n_rows} rows does not follow from its header")
        return self

    @model_validator(mode="after")
    def _check_images(self) -> "Header":
        for data_idx, image in enumerate(self.images):
            if image.data_idx != data_idx:
                raise ValueError(f"images: entry {data_idx} has data_idx {image.data_idx}")
            if len(image.data_shape) != self.ndim + 2 or not all(1 <= n <= MAX_SIZE for n in image.data_shape):
                raise ValueError(f"images: data shape {image.data_shape} of entry {data_idx} is not {self.ndim}-D")
        if sum(image.n_patches for image in self.images) != self.n_patches:
            raise ValueError(f"n_patches: {self.n_patches} is not the sum over the images")
        return self

    def to_json(self) -> str:
        """Return the header as one line of JSON, the same for the same header."""
        return self.model_dump_json()


def parse_header(text: str | bytes, source: str) -> Header:
    """Read a header back.

    Raises
    ------
    PlanError
        If it is no JSON, of another schema version, or has a wrong key or value.
    """
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        if place == "schema_version":
            found = "none" if problem["type"] == "missing" else repr(problem["input"])
            raise PlanError(
                f"{source}: schema version {found} is not supported by patchplan "
                f"{version('patchplan')}; allowed: {SCHEMA_VERSION}. Update patchplan, or plan again"
            ) from None
        message = problem["msg"].removeprefix("Value error, ")
        where = f"{place}: " if place else ""
        raise PlanError(f"{source}: the header is damaged: {where}{message}") from None

"""The header of a plan: everything but the rows, as JSON."""

import math
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from patchplan.core.axes import SPATIAL
from patchplan.core.shapes import MAX_SIZE
from patchplan.errors import PatchplanError, PlanError
from patchplan.images.boundary import one_line
from patchplan.images.layout import resolve
from patchplan.plans.words import SECTIONS, SUBSET_OF

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
    they are stored or that they follow from the config. `chosen` tells what regions, filter and weights made of
    the strategy's patches, `splits` how they were split.
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
    chosen: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _check_config(self) -> "Header":
        patching = self.config.get("patching")
        if not isinstance(patching, dict) or not isinstance(patching.get("name"), str):
            raise ValueError("config: patching has no name")
        follows = patching["name"] in FOLLOW_FROM_HEADER and self.epochs is None and self.n_rows == self.n_patches
        if not self.rows and not (follows and self.is_strategy):
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

    @property
    def is_strategy(self) -> bool:
        """Whether the patches are all those of the strategy: none given as a table, chosen or left out."""
        part = self.config.get(SUBSET_OF) is not None
        return self.config["patching"]["name"] != "fixed" and not self.sections and not part

    @property
    def sections(self) -> dict[str, Any]:
        """The sections of the config that chose among the strategy's patches."""
        return {key: self.config[key] for key in SECTIONS if self.config.get(key) is not None}

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
        header = Header.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        place = one_line(".".join(str(part) for part in problem["loc"]))
        if place == "schema_version":
            found = "none" if problem["type"] == "missing" else one_line(repr(problem["input"]))
            raise PlanError(
                f"{source}: schema version {found} is not supported by patchplan "
                f"{version('patchplan')}; allowed: {SCHEMA_VERSION}. Update patchplan, or plan again"
            ) from None
        message = one_line(problem["msg"].removeprefix("Value error, "))
        where = f"{place}: " if place else ""
        raise PlanError(f"{source}: the header is damaged: {where}{message}") from None
    for image in header.images:
        wrong = _contradiction(image, header.ndim, z_as_samples=bool(header.config.get("z_as_samples")))
        if wrong is not None:
            raise PlanError(f"{source}: the header is damaged: images.{image.data_idx}: {one_line(wrong)}")
    return header


def _contradiction(image: ImageRecord, ndim: int, *, z_as_samples: bool) -> str | None:
    """Return what no image that was opened can have."""
    if not _is_number(image.dtype):
        return f"dtype {image.dtype!r} is no type of pixels"
    size = image.pixel_size
    if size is not None and (
        len(size) != sum(letter in image.axes for letter in SPATIAL) or not all(0 < n < math.inf for n in size)
    ):
        return f"pixel_size {size} does not fit the axes {image.axes}"
    try:
        found = _data_shape(image.axes, image.shape, ndim, z_as_samples)
    except PatchplanError as error:
        return str(error)
    if found != image.data_shape:
        return f"axes {image.axes} and shape {image.shape} give data shape {found}, not {image.data_shape}"
    return None


@lru_cache(maxsize=256)
def _data_shape(axes: str, shape: tuple[int, ...], ndim: int, z_as_samples: bool) -> tuple[int, ...]:
    """Return the data shape; the images of a plan mostly share it."""
    return resolve(axes, shape, ndim=ndim, z_as_samples=z_as_samples).data_shape


@lru_cache(maxsize=64)
def _is_number(name: str) -> bool:
    """Return whether a name is that of a dtype of numbers or bool."""
    try:
        return np.dtype(name).name == name and np.dtype(name).kind in "biufc"
    except (TypeError, ValueError, SyntaxError):  # NumPy reads names as a small language
        return False

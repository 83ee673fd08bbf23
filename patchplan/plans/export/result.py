"""What `export` returns: shown as lines or as JSON."""

from pydantic import BaseModel, ConfigDict

from patchplan.plans.words import ObjectType


class ExportedImage(BaseModel):
    """The features of one image; `file` is null where nothing was written."""

    model_config = ConfigDict(frozen=True)

    data_idx: int
    uri: str
    file: str | None
    n_features: int
    bytes: int


class ExportResult(BaseModel):
    """What was exported, image by image; `out` is null where nothing was written, `notes` say how it is drawn."""

    model_config = ConfigDict(frozen=True)

    out: str | None
    object_type: ObjectType
    kept: bool
    n_features: int
    bytes: int
    images: tuple[ExportedImage, ...]
    notes: tuple[str, ...]

"""Images: how each is read, and whether those of a plan are still there and the same."""

from collections.abc import Iterator, Sequence
from typing import Any

from patchplan.coverage.result import Frozen
from patchplan.errors import ImageError
from patchplan.images import ImageSource
from patchplan.plans.plan import Plan

MAX_OPENED = 20
"""Images that are opened to see whether they have changed; of the others it is seen that they are there."""

MAX_NAMED = 5
"""Images named in one finding."""


class ImageReading(Frozen):
    """How an image is read.

    `shape`, `chunks` and `shards` are in file axis order, `data_shape` is S C (Z) Y X, `pixel_size` is that
    of the file's (Z)YX axes in `pixel_unit`. `levels` are the shapes to choose from with `level`; `notes` say
    what else there is (series), and what is missing (chunks).
    """

    uri: str
    kind: str
    series: int | None
    level: int | None
    array: str | None
    axes: str
    shape: tuple[int, ...]
    data_shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    pixel_size: tuple[float, ...] | None
    pixel_unit: str | None
    levels: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]


class ImagesResult(Frozen):
    """How images are read; `skipped` says which cannot be opened and why."""

    images: tuple[ImageReading, ...]
    skipped: tuple[str, ...]


def reading_of(source: ImageSource) -> ImageReading:
    """Return how an image is read."""
    info: dict[str, Any] = {
        name: getattr(source.info, name) for name in ImageReading.model_fields if hasattr(source.info, name)
    }
    return ImageReading(data_shape=source.data_shape, **info)


def source_findings(plan: Plan) -> list[str]:
    """Return what has happened to a plan's images since, one line each; none of it harms what is counted."""
    missing = [i for i in range(len(plan.images)) if not _exists(plan, i)]
    findings = []
    if missing:
        named = ", ".join(f"{i} ({plan.images[i].uri})" for i in missing[:MAX_NAMED])
        more = f" and {len(missing) - MAX_NAMED:,} more" if len(missing) > MAX_NAMED else ""
        findings.append(f"not found below {plan.root}: image {named}{more}; say where they are now with --root")
    gone = set(missing)
    there = [i for i in range(len(plan.images)) if i not in gone]
    return findings + list(_changed(plan, there[:MAX_OPENED]))


def _exists(plan: Plan, data_idx: int) -> bool:
    try:
        return plan.image_path(data_idx).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _changed(plan: Plan, numbers: Sequence[int]) -> Iterator[str]:
    for data_idx in numbers:
        record = plan.images[data_idx]
        name = f"image {data_idx} ({record.uri})"
        try:
            if plan.open_image(data_idx).info.fingerprint != record.fingerprint:
                yield f"{name}: has changed since it was planned; axes, shape and dtype are the same"
        except ImageError as error:
            yield f"{name}: is not as it was planned: {error}"

"""Images of several plans as those of one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.errors import PlanError
from patchplan.objects import Location
from patchplan.plans.convert_paths import led
from patchplan.plans.header import ImageRecord
from patchplan.plans.plan import Plan
from patchplan.publish import resolved

PLACE = ("series", "level", "array", "axes")
"""Fields of an image that say what of a file it is."""

OURS = {"data_idx", "uri", "n_patches"}
"""Fields that say nothing of the image itself."""


def known_as(plan: Plan) -> list[tuple[Any, ...]]:
    """Return what tells the images of a plan from others: the file and what of it, then what it is like."""
    found = []
    for image in plan.images:
        fields = image.model_dump(exclude=OURS)
        place = (resolved(plan.image_path(image.data_idx)), *(fields.pop(name) for name in PLACE))
        found.append((place, tuple(fields.values())))
    return found


class United(NamedTuple):
    """Images of all plans, each once, and for each plan the number of each of its images among them."""

    images: tuple[ImageRecord, ...]
    numbers: tuple[IntArray, ...]


def unite(plans: Sequence[Plan], folder: Location) -> United:
    """Return the images of plans, those that are the same once, with paths from a folder.

    Raises
    ------
    PlanError
        If an image is another in one plan than in another.
    """
    images: list[ImageRecord] = []
    where: dict[Any, tuple[int, Any, Plan]] = {}
    numbers = []
    for plan in plans:
        to, mine = led(plan.root, folder), []
        for image, (place, like) in zip(plan.images, known_as(plan), strict=True):
            number, first, other = where.setdefault(place, (len(images), like, plan))
            if like != first:
                raise PlanError(
                    f"image {image.data_idx} ({image.uri}) of {plan.path} is not as it was when {other.path} was "
                    "planned: another fingerprint, shape, dtype or way to read it; plan again"
                )
            if number == len(images):
                images.append(image.model_copy(update={"data_idx": number, "uri": to(image.uri), "n_patches": 0}))
            n_patches = images[number].n_patches + image.n_patches
            images[number] = images[number].model_copy(update={"n_patches": n_patches})
            mine.append(number)
        numbers.append(np.array(mine, np.int64))
    return United(tuple(images), tuple(numbers))

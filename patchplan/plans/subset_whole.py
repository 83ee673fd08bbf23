"""What a subset remembers of the plan it is of: enough to put it together again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from patchplan.errors import PlanError
from patchplan.plans.convert_paths import Led, moved
from patchplan.plans.header import Header, ImageRecord, parse_header
from patchplan.plans.merge_order import ORDERS, Order, order_of, present
from patchplan.plans.plan import Plan
from patchplan.plans.words import SUBSET_OF

WHOLE = "whole"
"""Key of a subset's config: header of the plan that its rows are of, but for the images, and how rows are ordered."""


@dataclass(frozen=True)
class Whole:
    """A plan of which others are subsets; `order` is None where its rows are in no known one."""

    digest: str
    header: Header
    order: Order | None

    def recorded(self) -> dict[str, Any]:
        """Return it as a subset's config has it."""
        told = json.loads(self.header.model_dump_json(exclude={"images"}))
        return {"header": told, "n_patches": [image.n_patches for image in self.header.images], "order": self.order}

    def moved(self, to: Led) -> "Whole":
        """Return it with other paths."""
        return replace(self, header=moved(self.header, to))

    def part(self, n_patches: Sequence[int], epochs: int | None) -> Header:
        """Return the header of some of its rows: `n_patches` by image, of one epoch."""
        config = self.header.config | {"patching": {"name": "fixed"}, SUBSET_OF: self.digest, WHOLE: self.recorded()}
        changed = {
            "config": config,
            "images": counted(self.header.images, n_patches),
            "n_patches": sum(n_patches),
            "n_rows": sum(n_patches) * (epochs or 1),
            "rows": True,
            "epochs": epochs,
            "splits": None,  # these two count rows of the whole
            "chosen": None,
        }
        return self.header.model_copy(update=changed)


def whole_of(plan: Plan) -> Whole:
    """Return the plan that this one is a subset of, or this one; reads its rows if they do not follow from the header.

    Raises
    ------
    PlanError
        If what a subset says of its plan is damaged.
    """
    config = plan.header.config
    if SUBSET_OF not in config:
        return Whole(plan.digest, plan.header, order_of(plan))
    try:
        told, counts, order = (config[WHOLE][key] for key in ("header", "n_patches", "order"))
        images = [image.model_dump(mode="json") for image in counted(plan.images, counts)]
        document = json.dumps({**told, "images": images})
        known = [*(list(present(one, plan)) for one in ORDERS), None]
        if order not in known:
            raise ValueError(order)
    except (KeyError, TypeError, ValueError):
        raise PlanError(f"{plan.path}: the header is damaged: config.{WHOLE}; make the subset again") from None
    return Whole(plan.digest, parse_header(document, str(plan.path)), None if order is None else tuple(order))


def counted(images: Sequence[ImageRecord], n_patches: Sequence[int]) -> tuple[ImageRecord, ...]:
    """Return images with other numbers of patches."""
    return tuple(image.model_copy(update={"n_patches": n}) for image, n in zip(images, n_patches, strict=True))


def moved_plan(plan: Plan, to: Led) -> Header:
    """Return a plan's header with other paths, also those that it remembers of a whole plan."""
    header = moved(plan.header, to)
    if WHOLE not in header.config:
        return header
    return header.model_copy(update={"config": header.config | {WHOLE: whole_of(plan).moved(to).recorded()}})

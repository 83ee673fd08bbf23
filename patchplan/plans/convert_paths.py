"""Paths in a header, told from another folder."""

from collections.abc import Callable
from typing import Any

from patchplan.objects import Location, placed
from patchplan.plans.header import Header
from patchplan.plans.paths import relative
from patchplan.plans.settings.sections import with_paths
from patchplan.publish import resolved

Led = Callable[[str], str]
"""From a path to the one that leads there from elsewhere."""


def led(root: Location, folder: Location) -> Led:
    """Return what makes paths that start from `root` start from `folder`, where possible."""
    if resolved(root) == resolved(folder):
        return lambda path: path
    return lambda path: relative(str(placed(root, path)), folder)


def moved(header: Header, to: Led) -> Header:
    """Return a header with all paths changed: of images, of the sections of its config, of a table."""
    config: dict[str, Any] = header.config
    changed = {key: with_paths(section, to) for key, section in header.sections.items()}
    table = config["patching"].get("table")
    if table is not None:
        changed["patching"] = config["patching"] | {"table": to(table)}
    images = tuple(image.model_copy(update={"uri": to(image.uri)}) for image in header.images)
    return header.model_copy(update={"images": images, "config": config | changed})

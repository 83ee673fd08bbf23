"""Paths in a header, told from another folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from patchplan.plans.draft import relative
from patchplan.plans.header import Header
from patchplan.plans.settings.sections import with_paths

Led = Callable[[str], str]
"""From a path to the one that leads there from elsewhere."""


def led(root: Path, folder: Path) -> Led:
    """Return what makes paths that start from `root` start from `folder`, where possible."""
    if root.resolve() == folder.resolve():
        return lambda path: path
    return lambda path: relative(str(root / path), folder)


def moved(header: Header, to: Led) -> Header:
    """Return a header with all paths changed: of images, of the sections of its config, of a table."""
    config: dict[str, Any] = header.config
    changed = {key: with_paths(section, to) for key, section in header.sections.items()}
    table = config["patching"].get("table")
    if table is not None:
        changed["patching"] = config["patching"] | {"table": to(table)}
    images = tuple(image.model_copy(update={"uri": to(image.uri)}) for image in header.images)
    return header.model_copy(update={"images": images, "config": config | changed})

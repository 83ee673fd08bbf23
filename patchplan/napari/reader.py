"""The reader that napari asks whether it can open a file: yes, if it is a plan."""

from collections.abc import Callable, Sequence
from pathlib import Path

from patchplan.errors import PlanError
from patchplan.napari.layers import LayerData, layers_of
from patchplan.napari.viewers import open_images
from patchplan.plans.plan import open_plan
from patchplan.plans.tables.csv import header_path, is_header
from patchplan.plans.tables.rows import open_rows

BEGINNING = 1 << 12
"""Bytes of a file that tell whether it may be the header of a plan."""

NOTHING = (None,)
"""What napari takes for a file that is read and has no layer."""

Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], Sequence[LayerData | tuple[None]]] | None:
    """Return what reads a plan as layers of shapes, or None where the file is no plan.

    Only the beginning of a file is read, or the end of a Parquet file.
    """
    if not isinstance(path, str | Path) or not _may_be_plan(Path(path)):
        return None
    return read_layers


def read_layers(path: Paths) -> Sequence[LayerData | tuple[None]]:
    """Return layers of shapes for a plan, two for each image of tiles: what is read, and what is kept.

    Raises
    ------
    PlanError
        If it is no plan or damaged.
    """
    assert isinstance(path, str | Path)  # noqa: S101 - get_reader refuses others
    plan = open_plan(path)
    return layers_of(plan, open_images(plan)) or [NOTHING]


def _may_be_plan(path: Path) -> bool:
    """Tell whether a file has a header where a plan has it; whether it is whole is seen when it is opened."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet" and path.is_file():
            return _has_header(path)
        if suffix == ".csv" and path.is_file():
            return _begins_as_header(header_path(path))
        return suffix == ".json" and not is_header(path) and _begins_as_header(path)
    except (OSError, ValueError):
        return False


def _has_header(path: Path) -> bool:
    try:
        rows = open_rows(path)
    except PlanError:
        return False
    try:
        return rows.header is not None
    except PlanError:
        return True  # a damaged one, or of a later version: the reader says so


def _begins_as_header(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        text = file.read(BEGINNING)
    return b'"header"' in text and b'"schema_version"' in text

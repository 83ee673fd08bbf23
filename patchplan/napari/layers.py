"""Plans as layers of shapes: napari counts a pixel's middle, so that pixel 0 reaches from -0.5 to 0.5."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import SpecTable
from patchplan.plans.export.boxes import (
    PATCH_COLOUR,
    Boxes,
    drawn_boxes,
    middle,
    on_axes,
    sample_axes,
    split_colour,
)
from patchplan.plans.parts import join
from patchplan.plans.plan import Plan
from patchplan.plans.tables.columns import EXTRA_TYPES, to_specs

MAX_SHAPES = 10_000
"""Boxes that are shown of a plan: napari takes seconds for them, and minutes for ten times as many."""

PIECE = 1 << 14
THIN = 1 / 128
"""Width of a line by the size of a patch."""

LayerData = tuple[Any, dict[str, Any], str]
"""Data of a layer, its attributes, its kind."""

Scale = tuple[float, ...]


@dataclass
class _Shown:
    """Rows of one image that are shown, in pieces."""

    specs: list[SpecTable] = field(default_factory=list)
    columns: list[dict[str, NDArray[Any]]] = field(default_factory=list)


def layers_of(plan: Plan, open_images: Mapping[int, Scale]) -> list[LayerData]:
    """Return the boxes of a plan as layer data, two layers for each image of tiles.

    Those of the first epoch, at most `MAX_SHAPES` in all; the names of layers tell if there are more.

    Parameters
    ----------
    plan : Plan
        Of patches or tiles; of a volume the slice in the middle of each is shown.
    open_images : mapping
        Images that the viewer shows, by `data_idx`, with the scale of their axes. Only these are drawn, or all if
        there are none.
    """
    shown, total = _rows(plan, set(open_images) or set(range(len(plan.images))))
    n = sum(len(specs) for image in shown.values() for specs in image.specs)
    part = "" if n == total else f" (first {n:,} of {total:,})"
    layers: list[LayerData] = []
    for place, (data_idx, image) in enumerate(sorted(shown.items())):
        name = f"{PurePosixPath(plan.images[data_idx].uri).name}{part}"
        visible = place == 0 or data_idx in open_images
        layers += _layers(plan, data_idx, image, name, open_images.get(data_idx), visible=visible)
    return layers


def _rows(plan: Plan, wanted: set[int]) -> tuple[dict[int, _Shown], int]:
    """Return the rows of the first epoch that are shown, by image, and how many there are of these images."""
    total = sum(plan.images[data_idx].n_patches for data_idx in wanted)
    stop = None if plan.header.epochs is None else plan.n_patches
    found: dict[int, _Shown] = {}
    left = min(MAX_SHAPES, total)
    for table in plan.batches(PIECE, 0, stop):
        if not left:
            break
        specs = to_specs(table)
        rows = np.flatnonzero(np.isin(specs.data_idx, list(wanted)))[:left]
        left -= len(rows)
        columns = {
            name: table.column(name).to_numpy() for name in ("index", *EXTRA_TYPES) if name in table.schema.names
        }
        for data_idx in np.unique(specs.data_idx[rows]).tolist():
            here = rows[specs.data_idx[rows] == data_idx]
            image = found.setdefault(data_idx, _Shown())
            image.specs.append(specs.take(here))
            image.columns.append({name: column[here] for name, column in columns.items()})
    return found, total


def _layers(
    plan: Plan, data_idx: int, image: _Shown, name: str, scale: Scale | None, *, visible: bool
) -> Iterable[LayerData]:
    """Return what is read, and of tiles what is kept, as two layers."""
    record = plan.images[data_idx]
    specs = join(image.specs)
    features = {key: np.concatenate([columns[key] for columns in image.columns]) for key in image.columns[0]}
    features["sample"] = specs.sample_idx
    axes = [(letter, size) for letter, size in sample_axes(plan, data_idx) if size > 1]
    common = {
        "shape_type": "rectangle",
        "features": features,
        "scale": _scale(plan, data_idx, len(axes), scale),
        "visible": visible,
    }
    colours = _colours(features.get("split"), len(specs))
    width = max(1.0, float(specs.patch_size[:, -2:].min()) * THIN)
    clear, faint = np.zeros((1, 4)), colours * (1, 1, 1, 0.25)
    for kind, kept in (("read", False), ("kept", True)):
        if kept and not specs.is_tiles:
            continue
        corners = _corners(drawn_boxes(specs, record.data_shape[2:], kept=kept), specs, axes)
        look = {"edge_color": colours, "face_color": faint if kept else clear, "edge_width": 0.0 if kept else width}
        yield corners, common | look | {"name": f"{kind}: {name}"}, "shapes"


def _corners(boxes: Boxes, specs: SpecTable, axes: list[tuple[str, int]]) -> NDArray[np.float64]:
    """Return the corners of boxes, (n, 4, axes): those of samples with more than one entry, then (Z)YX."""
    (y0, x0), (y1, x1) = (corner[:, -2:].T - 0.5 for corner in (boxes.start, boxes.stop))
    planes = on_axes(specs.sample_idx, axes)
    if specs.ndim == 3:
        planes = [*planes, middle(boxes)]
    corners = [np.stack([*planes, y, x], axis=-1) for y, x in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))]
    return np.stack(corners, axis=1).astype(np.float64)


def _colours(split: NDArray[Any] | None, n: int) -> NDArray[np.float64]:
    """Return red, green, blue and opacity of each box, (n, 4), from 0 to 1."""
    if split is None:
        return np.tile(np.array([*PATCH_COLOUR, 255]) / 255, (n, 1))
    names, places = np.unique(split, return_inverse=True)
    table = np.array([[*split_colour(str(name)), 255] for name in names]) / 255
    found: NDArray[np.float64] = table[places]
    return found


def _scale(plan: Plan, data_idx: int, n_samples: int, shown: Scale | None) -> Scale:
    """Return the scale of the image's layer, or else its pixel size; 1 on axes of samples."""
    ndim = plan.header.ndim
    record = plan.images[data_idx]
    space = record.pixel_size if shown is None else shown
    if space is None or len(space) < ndim:
        return (1.0,) * (n_samples + ndim)
    return (*(1.0,) * n_samples, *(float(size) for size in space[-ndim:]))

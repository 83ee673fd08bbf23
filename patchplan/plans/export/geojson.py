"""Patches as GeoJSON (RFC 7946) with the properties of QuPath: text by column, not by row."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import SpecTable
from patchplan.plans.export.boxes import Boxes, drawn_boxes, split_colour
from patchplan.plans.export.planes import planes
from patchplan.plans.export.rows import Part, Texts, as_text, joined, texts
from patchplan.plans.tables.columns import EXTRA_TYPES, to_specs
from patchplan.plans.words import ObjectType

HEAD = b'{"type":"FeatureCollection","features":['
BETWEEN = b",\n"
TAIL = b"\n]}\n"

EXTENT = {"Z": ("z", "depth"), "Y": ("y", "height"), "X": ("x", "width")}
"""What measurements call the start and the size of a box on each axis."""

KEPT = "kept "
"""Before the names of measurements of what is kept."""

MAX_NAMES = 1 << 24
"""Bytes that the splits' names may take in rows made together, each row as wide as the longest name."""


@dataclass(frozen=True)
class Drawn:
    """An image that patches are drawn on.

    `size` is that of the image in the plan, (Z)YX; `sample_axes` letter and size of the axes that its samples
    were flattened from; `factors` pixels of the full resolution per pixel of the plan, (Y, X).
    """

    size: tuple[int, ...]
    sample_axes: Sequence[tuple[str, int]]
    factors: tuple[float, float] = (1, 1)

    @property
    def is_flat(self) -> bool:
        """Whether it has one plane."""
        return len(self.size) == 2 and all(size == 1 for _, size in self.sample_axes)


@dataclass(frozen=True)
class Features:
    """Makes features of rows; with `kept`, draws the part of tiles that is kept."""

    object_type: ObjectType
    kept: bool

    def text(self, table: pa.Table, image: Drawn) -> list[memoryview]:
        """Return the features of rows of one image, each after `BETWEEN`, the first too; in pieces."""
        specs = to_specs(table)
        boxes = drawn_boxes(specs, image.size, kept=self.kept)
        prefix = KEPT if self.kept else ""
        names = [EXTENT[letter][0] for letter in spatial_axes(specs.ndim)]
        starts = [as_text(column) for column in boxes.start.T]
        index = as_text(table.column("index").to_numpy())
        parts: list[Part] = [
            BETWEEN.decode() + '{"type":"Feature","geometry":{"type":"Polygon","coordinates":',
            *_ring(boxes, starts, image.factors),
            *_plane(boxes, specs, image),
            f'}},"properties":{{"objectType":"{self.object_type}","name":"',
            index,
            '"',
            *_classes(table),
            ',"measurements":{"index":',
            index,
            *_measurements(specs, table, {prefix + one: text for one, text in zip(names, starts, strict=True)}),
            "}}}",
        ]
        return joined(parts, len(table))


def by_image(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows of each image, which keep their order, in pieces whose names of splits are not too long."""
    if "split" in table.schema.names and len(table) > 1:
        longest = pc.max(pc.binary_length(table.column("split"))).as_py()
        if longest * len(table) > MAX_NAMES:
            for half in (table.slice(0, len(table) // 2), table.slice(len(table) // 2)):
                yield from by_image(half)
            return
    data_idx = table.column("data_idx").to_numpy()
    if len(data_idx) and data_idx.min() == data_idx.max():
        yield int(data_idx[0]), table
        return
    order = np.argsort(data_idx, kind="stable")
    numbers, begins = np.unique(data_idx[order], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(order, begins[1:]), strict=False):
        yield number, table.take(pa.array(rows))


def _classes(table: pa.Table) -> list[Part]:
    """Return the classification of each row: its split."""
    if "split" not in table.schema.names:
        return []
    found = table.column("split").combine_chunks().dictionary_encode()
    classes = [{"name": name, "color": split_colour(name)} for name in found.dictionary.to_pylist()]
    made = [f',"classification":{json.dumps(one, separators=(",", ":"))}' for one in classes]
    return [np.array(made, np.bytes_)[found.indices.to_numpy()]]


def _ring(boxes: Boxes, starts: Sequence[Part], factors: tuple[float, float]) -> list[Part]:
    """Return the corners of boxes, x before y and counterclockwise where y points up, as RFC 7946 has it.

    `starts` is `boxes.start` as text, axis by axis.
    """
    first, last = [], []
    for axis, factor in zip((-2, -1), factors, strict=True):
        first.append(starts[axis] if factor == 1 else as_text(_scaled(boxes.start[:, axis], factor)))
        last.append(as_text(_scaled(boxes.stop[:, axis], factor)))
    (y0, x0), (y1, x1) = first, last
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    parts: list[Part] = ["[["]
    for i, (x, y) in enumerate(corners):
        parts += ["[" if i == 0 else "],[", x, ",", y]
    return [*parts, "]]]"]


def _scaled(column: NDArray[Any], factor: float) -> NDArray[Any]:
    """Return pixels of the full resolution, with the digits that QuPath writes."""
    return column if factor == 1 else (column * factor).round(2)


def _plane(boxes: Boxes, specs: SpecTable, image: Drawn) -> list[Part]:
    if image.is_flat:
        return []
    z, t = planes(boxes, specs.sample_idx, image.sample_axes)
    return [',"plane":{"c":-1,"z":', as_text(z), ',"t":', as_text(t), "}"]


def _measurements(specs: SpecTable, table: pa.Table, made: Mapping[str, Part]) -> list[Part]:
    """Return what else is known of each patch, as numbers: QuPath shows them in tables and as colours.

    `made` are those that are text already, by name.
    """
    numbers: dict[str, NDArray[Any]] = {"sample": specs.sample_idx}
    numbers |= {
        name: table.column(name).to_numpy() for name in EXTRA_TYPES if name in table.schema.names and name != "split"
    }
    extents = [("", specs.coords, specs.patch_size), (KEPT, specs.stitch_coords, specs.crop_size)]
    for prefix, start, size in extents:
        if start is None or size is None:
            continue
        for axis, letter in enumerate(spatial_axes(specs.ndim)):
            for name, columns in zip(EXTENT[letter], (start, size), strict=True):
                numbers[prefix + name] = columns[:, axis]
    weight = numbers.pop("weight", None)
    parts: list[Part] = [] if weight is None else [_weights(pa.array(weight))]
    for name, column in numbers.items():
        parts += [f',"{name}":', made[name] if name in made else as_text(column)]
    return parts


def _weights(weight: pa.Array) -> Texts:
    """Return weights as a measurement, left out where they are no finite number, which JSON cannot hold."""
    text = pc.binary_join_element_wise(',"weight":', pc.cast(weight, pa.string()), "")
    return texts(pc.if_else(pc.is_finite(weight), text, ""))

"""One page that shows what a plan covers and opens anywhere: nothing is loaded, all data is inside.

Data is base64 of zlib in elements that browsers do not run, and reaches the page as text only; a content
security policy lets nothing run but the page's own script. So no name of a file can inject anything.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.coverage.result import InspectResult, percent
from patchplan.coverage.rows import Progress
from patchplan.errors import ImageError
from patchplan.pictures.facts import image_facts, total_facts
from patchplan.pictures.grids import grid_strides
from patchplan.pictures.maps import coarser, visit_maps
from patchplan.pictures.outlines import outlines
from patchplan.pictures.panels import Panel, panels_of
from patchplan.pictures.thumbnail import thumbnail
from patchplan.plans.plan import Plan
from patchplan.plans.telling import chosen_lines

MAX_THUMBNAILS = 50
MAX_MAPS = 5_000
MAP_PIXELS, MAP_SIDES = 1 << 20, (16, 512)
"""Pixels of all maps, and least and most on a side of one."""

DENSITY_SIDE = 64
"""Most on a side of the map that stands for too many outlines."""

THUMBNAIL_SIDES = ((1, 1024), (4, 800), (16, 512), (MAX_THUMBNAILS, 320))
"""Up to so many thumbnails, pixels on their longer side."""

READ_PIXELS = 1 << 27
"""Pixels read for all thumbnails."""

OUTLINE_BYTES = 1_400_000
SCRIPTS = ("data.js", "viewer.js", "charts.js", "list.js", "main.js")


def write_page(path: Path, plan: Plan, result: InspectResult, progress: Progress | None = None) -> None:
    """Write the page."""
    path.write_bytes(page(plan, result, progress).encode("utf-8", "replace"))


def page(plan: Plan, result: InspectResult, progress: Progress | None = None) -> str:
    """Return the page as HTML."""
    store = _Store()
    head = _head(plan, result, store, progress)
    folder = files("patchplan.pictures") / "page"
    style = (folder / "style.css").read_text("utf-8")
    script = "".join((folder / name).read_text("utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    total = result.total
    return Template((folder / "page.html").read_text("utf-8")).substitute(
        title=escape(Path(result.plan).name),
        policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src blob: data:",
        style=style,
        script=script,
        what=escape(f"{total.n_patches:,} {'tiles' if total.partition else 'patches'}, strategy {result.strategy}"),
        n_images=f"{total.n_images:,}",
        mean=f"{total.visits.mean:.4g}",
        uncovered=escape(percent(total.uncovered_fraction)),
        head=_packed(json.dumps(head, separators=(",", ":")).encode()),
        data=b64encode(bytes(store.data)).decode(),
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _packed(data: bytes) -> str:
    return b64encode(zlib.compress(data, 9)).decode()


class _Store:
    """Bytes of the page's parts, one after the other."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, part: bytes) -> tuple[int, int]:
        """Add a part, and return where it begins and how long it is."""
        start = len(self.data)
        self.data += part
        return start, len(part)


def _head(plan: Plan, result: InspectResult, store: _Store, progress: Progress | None) -> dict[str, Any]:
    """Return everything but the large parts, which go into the store."""
    strides = grid_strides(plan)
    panels = _map_panels(plan.data_shapes, strides)
    maps = visit_maps(plan, panels, "mean", progress)
    drawn, splits = outlines(plan, result, OUTLINE_BYTES)
    images = [image_facts(image, plan) for image in result.images]
    for data_idx, packed in drawn.items():
        images[data_idx]["outlines"] = {"n": packed.n, "columns": packed.columns, "at": store.put(packed.data)}
    told: list[dict[str, Any]] = []
    for panel, values in zip(panels, maps, strict=True):
        one = {"image": panel.data_idx, "sample": panel.sample_idx, "map": _map(panel, values, store)}
        if panel.data_idx not in drawn:
            one["density"] = _map(*coarser(panel, values, DENSITY_SIDE, strides), store)
        told.append(one)
    _add_thumbnails(plan, panels, told, store, progress)
    return {
        **result.model_dump(mode="json", include={"plan", "strategy", "epochs", "counted", "findings", "splits"}),
        "chosen": chosen_lines(result.chosen, result.planned_splits),
        "axes": spatial_axes(plan.header.ndim),
        "tiles": plan.header.tiles,
        "split_names": splits,
        "total": total_facts(result.total),
        "images": images,
        "panels": told,
    }


def _map_panels(data_shapes: Sequence[Sequence[int]], strides: tuple[int, int]) -> list[Panel]:
    """Return the samples that have a map, none larger than all together allow."""
    n = min(MAX_MAPS, sum(shape[0] for shape in data_shapes))
    side = max(MAP_SIDES[0], min(MAP_SIDES[1], int((MAP_PIXELS / n) ** 0.5)))
    return panels_of(data_shapes, n, side, strides)


def _map(panel: Panel, values: NDArray[Any], store: _Store) -> dict[str, Any]:
    """Store a map as bytes 0 to 255 of its largest value; only what is 0 becomes 0."""
    most = float(values.max())
    steps = np.ceil(values.astype(np.float64) / most * 255 - 0.5) if most else values
    steps = np.where(values > 0, np.maximum(steps, 1), 0).astype(np.uint8)
    at = store.put(zlib.compress(steps.tobytes(), 9))
    return {"shape": panel.shape, "block": panel.block, "most": most, "at": at}


def _add_thumbnails(
    plan: Plan, panels: Sequence[Panel], told: Sequence[dict[str, Any]], store: _Store, progress: Progress | None
) -> None:
    """Add pictures of the first images, or say why there is none."""
    first = {(panel.data_idx, panel.sample_idx) for panel in panels_of(plan.data_shapes, MAX_THUMBNAILS, 1)}
    side = next(side for n, side in THUMBNAIL_SIDES if len(first) <= n)
    done = 0
    for panel, one in zip(panels, told, strict=True):
        if panel[:2] not in first:
            continue
        try:
            found = thumbnail(plan, panel, side, READ_PIXELS // max(2, len(first)))
            one["thumbnail"] = {"at": store.put(found.jpeg), "note": found.note}
        except ImageError as error:
            one["thumbnail"] = {"at": None, "note": str(error)}
        done += 1
        if progress is not None:
            progress("thumbnails", done, len(first))

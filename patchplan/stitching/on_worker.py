"""Blocks that a worker of a cluster computes: what it opens for a run, and one box of it."""

from collections.abc import Sequence
from threading import Lock, local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.placing import Placed
from patchplan.core.specs import IntArray
from patchplan.errors import ClusterError
from patchplan.journal.identity import Identity
from patchplan.objects import location
from patchplan.plans.epoch import EpochRows
from patchplan.plans.plan import Plan, open_plan
from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Auditor
from patchplan.stitching.canvases import Canvas, CanvasOptions
from patchplan.stitching.canvases.stored_canvas import StoredCanvas
from patchplan.stitching.engine import Buffer, compute_box
from patchplan.stitching.held import all_taken
from patchplan.stitching.identity import audit_of
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.options import StitchOptions, parse_options
from patchplan.stitching.places import AXIS_COLUMNS, TilePlaces
from patchplan.stitching.render import Renderer
from patchplan.stitching.target import Target
from patchplan.stitching.work import Task
from patchplan.tiles.opening import open_tiles
from patchplan.tiles.protocol import TileForm, Tiles

MAX_IMAGES = 16
"""Outputs that a worker has open at a time."""


def open_bench(brief: dict[str, Any], threads: int) -> "BoxBench":
    """Open what a brief of `on_cluster` tells of, for so many threads."""
    return BoxBench(brief, threads)


class BoxBench:
    """The plan, the tiles and the outputs of a run, opened once; nothing is audited again."""

    def __init__(self, brief: dict[str, Any], threads: int) -> None:
        plan = open_plan(brief["plan"])
        plan.digest = brief["digest"]
        rows = plan.epoch(brief["epoch"])
        options = parse_options(plan.header.ndim, tiles=plan.header.tiles, workers=threads, **brief["options"])
        self._tiles = _open_tiles(brief, plan, rows, options)
        blends = brief["blends"]
        assembly = Assembly(
            Auditor(rows, self._tiles, options), audit_of(brief["audit"]), lambda data_idx: blends[data_idx] != "paste"
        )
        storage = CanvasOptions(**{name: _tupled(value) for name, value in brief["storage"].items()})
        self._place = location(brief["place"])
        target = Target(brief["kind"], self._place, brief["several"])
        self._job = StitchJob(assembly, target, storage, Identity({}, {}))
        self._images: dict[int, tuple[Output, Canvas]] = {}
        self._lock, self._mine = Lock(), local()

    def do(self, message: dict[str, Any], numbers: NDArray[np.int64] | None) -> int | list[int]:
        """Write a box; return how many pixels no tile covers, and what its files are like then.

        Of a block of the pyramid only the latter is returned.
        """
        output, canvas = self._image(message["image"])
        if "level" in message:
            assert isinstance(canvas, StoredCanvas)  # noqa: S101 - others have no further levels
            return canvas.pyramid.make(message["level"], message["block"])
        task = Task(0, message["sample"], tuple(message["start"]), tuple(message["stop"]))
        places = None if numbers is None else SentPlaces(numbers, len(task.start))
        renderer = self._renderer(output, canvas, places)
        if not hasattr(self._mine, "buffer"):
            self._mine.buffer = Buffer()
        filled = compute_box(renderer, canvas, task, self._mine.buffer)
        return [filled, canvas.stamp(task.sample_idx, task.start, task.stop)]

    def _image(self, data_idx: int) -> tuple[Output, Canvas]:
        with self._lock:
            if data_idx not in self._images:
                while len(self._images) >= MAX_IMAGES:
                    del self._images[next(iter(self._images))]
                output = self._job.output(data_idx)
                self._images[data_idx] = output, self._job.open_canvas(output, self._place)
            return self._images[data_idx]

    def _renderer(self, output: Output, canvas: Canvas, places: TilePlaces | None) -> Renderer:
        assembly, data_idx = self._job.assembly, output.data_idx
        if places is None:
            places = assembly.grid_places(data_idx)
            assert places is not None  # noqa: S101 - the client looked
        return assembly.renderer(data_idx, output.rules, canvas, places, self._tiles, assembly.options.workers)

    def close(self) -> None:
        """Let go of the tiles and the outputs."""
        self._images.clear()
        self._tiles.close()


def _open_tiles(brief: dict[str, Any], plan: Plan, rows: EpochRows, options: StitchOptions) -> Tiles:
    """Open the tiles, as many as the client found; none where all boxes are written."""
    if not brief["tiles"]:
        return all_taken(rows.index)
    tiles = open_tiles(
        [location(path) for path in brief["tiles"]],
        rows.index,
        ndim=plan.header.ndim,
        digest=plan.digest,
        epoch=brief["epoch"],
        absent_chunks=brief["absent_chunks"],
        later_wins=brief["later_wins"],
        threads=options.workers,
        cache_bytes=options.memory // 16,
        form=brief["form"] and TileForm(tuple(brief["form"][0]), np.dtype(brief["form"][1])),
    )
    found = int(np.count_nonzero(tiles.present))
    if found != brief["present"]:
        where = ", ".join(tiles.uris)
        raise ClusterError(f"{where}: a worker sees {found:,} tiles there, and there are {brief['present']:,}")
    return tiles


class SentPlaces:
    """The tiles of one box, as they came with it."""

    def __init__(self, numbers: NDArray[np.int64], ndim: int) -> None:
        columns = [numbers[:, 2 + i * ndim : 2 + (i + 1) * ndim] for i in range(len(AXIS_COLUMNS))]
        self._placed = Placed.of(numbers[:, 0], numbers[:, 1], columns)

    def touching(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> Placed:
        """Return the tiles of a box within it."""
        del sample_idx
        inside = (self._placed.start < np.array(stop)) & (self._placed.stop > np.array(start))
        return self._placed.where(np.all(inside, axis=1))


def sent(placed: Placed) -> IntArray:
    """Return tiles as one array of numbers, which `SentPlaces` reads."""
    columns = [placed.index[:, None], placed.position[:, None]]
    return np.concatenate(columns + [getattr(placed, name) for name in AXIS_COLUMNS], axis=1)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

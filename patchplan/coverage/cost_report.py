"""What a plan costs, put together: per image, in total, and what would be cheaper."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patchplan.coverage.cost import Costs, Loaded, Reading
from patchplan.coverage.cost_advice import advise
from patchplan.coverage.cost_chunks import Places
from patchplan.coverage.cost_result import ChunksPerPatch, ImageCost, OrderCost, TotalCost
from patchplan.coverage.cost_touches import Touches, grid_touches, touches_of
from patchplan.coverage.grids import solved
from patchplan.coverage.images import ImageCount
from patchplan.coverage.rows import PlanRows, Progress


def plan_cost(
    rows: PlanRows, read: Sequence[ImageCount], cache: int, progress: Progress | None = None, *, grid: bool = False
) -> tuple[list[ImageCost], TotalCost]:
    """Return what each image costs to read and all of them, through one cache of so many bytes.

    `read` are the counts of what is read, exact for any number of rows. Where the rows are those of a `grid` that
    covers all pixels, none of them need be looked at for most of it.
    """
    plan = rows.plan
    places = Places(plan)
    grids = solved(plan.patching) if grid else None
    touches = touches_of(rows, places) if grids is None else grid_touches(grids, places)
    sizes = [np.dtype(image.dtype).itemsize for image in plan.images]
    reading = Reading(places, cache, [n * shape[1] for n, shape in zip(sizes, plan.data_shapes, strict=True)])
    wanted = [n * _visits(one) for n, one in zip(reading.pixel_bytes, read, strict=True)]
    report = _Report(reading, read, touches, reading.costs(rows, touches, wanted, progress))
    images = [report.image(data_idx) for data_idx in range(len(read))]
    total = TotalCost(
        **report.fields(range(len(read))),
        cache=cache,
        n_images=len(images),
        images_as_planned=sum(image.as_planned for image in images),
        advice=None,
    )
    return images, total.model_copy(update={"advice": advise(rows, reading, total)})


def _visits(image: ImageCount) -> int:
    return sum(visits * n for visits, n in image.histogram.items())


@dataclass(frozen=True)
class _Report:
    reading: Reading
    read: Sequence[ImageCount]
    touches: Touches
    costs: Costs | None

    def image(self, data_idx: int) -> ImageCost:
        """Return what one image costs."""
        kept, grid = self.reading.places.stored[data_idx], self.reading.places.grids[data_idx]
        n_places = sum(self._kinds(self.reading.places.kinds, data_idx))
        return ImageCost(
            **self.fields([data_idx]),
            unit=kept.unit,
            chunks=kept.chunks,
            shards=kept.shards,
            chunk_bytes=None if grid is None else grid.chunk_bytes,
            n_chunks=None if grid is None else n_places * grid.n_channel_chunks,
            as_planned=kept.as_planned,
        )

    def fields(self, images: Sequence[int]) -> dict[str, Any]:
        """Return the fields of a `Cost` over some images."""
        costs, pixel_bytes = self.costs, self.reading.pixel_bytes
        pixels = {i: self.read[i].n_samples * self.read[i].pixels for i in images}
        visits = {i: _visits(self.read[i]) for i in images}
        patches = self.touches.patches if costs is None else costs.patches
        return {
            "pixels": sum(pixels.values()),
            "pixels_read": sum(visits.values()),
            "bytes": sum(n * pixel_bytes[i] for i, n in pixels.items()),
            "bytes_read": sum(n * pixel_bytes[i] for i, n in visits.items()),
            "n_counted": sum(patches[i] for i in images),
            "sampled": costs is not None and costs.sampled,
            "chunks_per_patch": self._per_patch(images),
            "plan_order": None if costs is None else self._order(costs.plan, images),
            "morton_order": None if costs is None else self._order(costs.morton, images),
        }

    def _per_patch(self, images: Sequence[int]) -> ChunksPerPatch | None:
        chunked = [i for i in images if self.reading.places.grids[i] is not None]
        n = sum(self.touches.patches[i] for i in chunked)
        if not n:
            return None
        touched = sum(self._channels(i) * sum(self._kinds(self.touches.kinds, i)) for i in chunked)
        return ChunksPerPatch(mean=touched / n, max=max(self._channels(i) * self.touches.most[i] for i in chunked))

    def _order(self, loaded: Loaded, images: Sequence[int]) -> OrderCost | None:
        """Return what an order loads, of images of which that is known."""
        known = [i for i in images if self.reading.places.stored[i].unit is not None]
        if not known:
            return None
        n_bytes = sum(self.reading.bytes_of(loaded, i) for i in known)
        wanted = sum(loaded.wanted[i] for i in known)
        return OrderCost(
            chunks=sum(self._channels(i) * sum(self._kinds(loaded.kinds, i)) for i in known),
            bytes=n_bytes,
            bytes_wanted=wanted,
            amplification=n_bytes / wanted if wanted else None,
            at_most=loaded.at_most,
        )

    def _channels(self, data_idx: int) -> int:
        grid = self.reading.places.grids[data_idx]
        return 0 if grid is None else grid.n_channel_chunks

    @staticmethod
    def _kinds(kinds: Sequence[int], data_idx: int) -> Sequence[int]:
        """Return the two numbers of an image."""
        return kinds[2 * data_idx : 2 * data_idx + 2]

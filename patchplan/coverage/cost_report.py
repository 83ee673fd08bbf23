"""What a plan costs, put together: per image, in total, and what would be cheaper."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from patchplan.coverage.cost import Costs, Loaded, Reading, choose_runs
from patchplan.coverage.cost_advice import advise
from patchplan.coverage.cost_chunks import Places
from patchplan.coverage.cost_result import ChunksPerPatch, ImageCost, OrderCost, TotalCost
from patchplan.coverage.cost_rows import Run
from patchplan.coverage.images import ImageCount
from patchplan.coverage.rows import PlanRows, Progress


def plan_cost(
    rows: PlanRows, read: Sequence[ImageCount], cache: int, progress: Progress | None = None
) -> tuple[list[ImageCost], TotalCost]:
    """Return what each image costs to read and all of them, through one cache of so many bytes.

    `read` are the counts of what is read, exact for any number of rows.
    """
    places = Places(rows.plan)
    runs, sampled = choose_runs(rows, places)
    reading = Reading(rows.plan, places, cache, _following(runs, places, progress))
    report = _Report(
        rows, places, reading.costs(runs), reading.pixel_bytes, read, sampled=sampled, told=bool(runs), cache=cache
    )
    images = [report.image(data_idx) for data_idx in range(len(read))]
    total = TotalCost(**report.fields(range(len(read))), cache=cache, advice=None)
    return images, total.model_copy(update={"advice": advise(rows, Reading(rows.plan, places, cache), total)})


def _following(runs: Sequence[Run], places: Places, progress: Progress | None) -> Callable[[int], None] | None:
    if progress is None:
        return None
    total = 2 * sum(int(places.touched(run.rows).n.sum()) for run in runs)
    done = 0

    def followed(n: int) -> None:
        nonlocal done
        done += n
        progress("touches of chunks", done, total)

    return followed


@dataclass(frozen=True)
class _Report:
    rows: PlanRows
    places: Places
    costs: Costs
    pixel_bytes: Sequence[int]
    read: Sequence[ImageCount]
    sampled: bool
    told: bool
    cache: int

    def image(self, data_idx: int) -> ImageCost:
        """Return what one image costs."""
        kept, grid = self.places.stored[data_idx], self.places.grids[data_idx]
        return ImageCost(
            **self.fields([data_idx]),
            unit=kept.unit,
            chunks=kept.chunks,
            shards=kept.shards,
            chunk_bytes=None if grid is None else grid.chunk_bytes,
            n_chunks=None if grid is None else grid.n_places * grid.n_channel_chunks,
        )

    def fields(self, images: Sequence[int]) -> dict[str, Any]:
        """Return the fields of a `Cost` over some images."""
        costs, size = self.costs, self.pixel_bytes
        pixels = {i: self.read[i].n_samples * self.read[i].pixels for i in images}
        visits = {i: sum(visits * n for visits, n in self.read[i].histogram.items()) for i in images}
        known = [i for i in images if self.places.stored[i].unit is not None] if self.told else []
        n_counted = sum(costs.patches[i] for i in images)
        per_patch = None
        chunked = [i for i in known if self.places.grids[i] is not None]
        if n := sum(costs.patches[i] for i in chunked):
            touched = sum(self._channels(i) * costs.touched[i] for i in chunked)
            per_patch = ChunksPerPatch(mean=touched / n, max=max(self._channels(i) * costs.most[i] for i in chunked))
        return {
            "pixels": sum(pixels.values()),
            "pixels_read": sum(visits.values()),
            "bytes": sum(n * size[i] for i, n in pixels.items()),
            "bytes_read": sum(n * size[i] for i, n in visits.items()),
            "n_counted": n_counted,
            "sampled": self.sampled,
            "chunks_per_patch": per_patch,
            "plan_order": self._capped(self._order(costs.plan, known), visits, known),
            "morton_order": self._capped(self._order(costs.morton, known), visits, known),
        }

    def _channels(self, data_idx: int) -> int:
        grid = self.places.grids[data_idx]
        return 0 if grid is None else grid.n_channel_chunks

    def _capped(self, order: OrderCost | None, visits: dict[int, int], images: Sequence[int]) -> OrderCost | None:
        """Return what a sample's order loads at most, where the cache holds all chunks: each of them once."""
        grids = {i: self.places.grids[i] for i in images}
        sizes = [0 if grid is None else grid.n_places * grid.place_bytes for grid in self.places.grids]
        if order is None or not self.sampled or sum(sizes) > self.cache or order.amplification is None:
            return order
        wanted = sum(visits[i] * self.pixel_bytes[i] for i in images)
        n_bytes = sum(visits[i] * self.pixel_bytes[i] if grid is None else sizes[i] for i, grid in grids.items())
        if not wanted or n_bytes / wanted >= order.amplification:
            return order
        chunks = sum(grid.n_places * grid.n_channel_chunks for grid in grids.values() if grid is not None)
        return OrderCost(chunks=chunks, bytes=n_bytes, bytes_wanted=wanted, amplification=n_bytes / wanted)

    def _order(self, loaded: Loaded, images: Sequence[int]) -> OrderCost | None:
        """Return what an order loads: of mapped files just what is wanted."""
        if not images:
            return None
        chunks = {i: loaded.places[i] * self._channels(i) for i in images}
        wanted = sum(loaded.wanted[i] for i in images)
        n_bytes = 0
        for i in images:
            grid = self.places.grids[i]
            n_bytes += loaded.wanted[i] if grid is None else chunks[i] * grid.chunk_bytes
        return OrderCost(
            chunks=sum(chunks.values()),
            bytes=n_bytes,
            bytes_wanted=wanted,
            amplification=n_bytes / wanted if wanted else None,
        )

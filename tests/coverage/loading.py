"""The obvious way to count what a plan loads: chunk by chunk, with a dict in the order of use."""

from collections import OrderedDict
from itertools import product
from typing import Any

import numpy as np

from patchplan.core.specs import SpecTable
from patchplan.plans.header import Header
from tests.coverage.canvas import TablePlan


def chunked_plan(shapes, chunks, specs: SpecTable, *, kind: str = "zarr", **keys: Any) -> TablePlan:
    """A plan over images S C (Z) Y X of uint16 that are stored in chunks; None is a file without."""
    plan = TablePlan(shapes, specs, **keys)
    images = tuple(
        image.model_copy(update={"chunks": one, "dtype": "uint16", "kind": "npy" if one is None else kind})
        for image, one in zip(plan.header.images, chunks, strict=True)
    )
    plan.header = plan.header.model_copy(update={"images": images})
    return plan


class GridPlan(TablePlan):
    """The same plan by another header, that of a grid without rows."""

    def __init__(self, plan: TablePlan, header: Header) -> None:
        self.path = self.root = plan.path
        self.header, self._batch, self.schema = header, plan._batch, plan.schema


class Simulated:
    """Chunks loaded by patches read one after the other, and bytes, per image.

    Of `strips`, chunks as wide as the image, the last is as high as what is left of the image.
    """

    def __init__(self, shapes, chunks, cache: int, *, strips: bool = False) -> None:
        self.shapes, self.chunks, self.cache, self.strips = shapes, chunks, cache, strips
        self.loads = [0] * len(shapes)
        self._bytes = [0] * len(shapes)
        self.wanted = [0] * len(shapes)
        self.touches: list[list[int]] = [[] for _ in shapes]
        self._held: OrderedDict[tuple[int, ...], int] = OrderedDict()

    def read(self, specs, *, counts: bool = True) -> "Simulated":
        """Read patches, of which some only fill the cache."""
        for spec in specs:
            image = spec["data_idx"]
            box = self._box(spec)
            loaded = [key for key in box if self._load((image, *key))]
            if counts:
                self.loads[image] += len(loaded)
                self._bytes[image] += sum(self._size((image, *key)) for key in loaded)
                self.touches[image].append(len(box))
                spans = zip(spec["coords"], spec["patch_size"], self.shapes[image][2:], strict=True)
                inside = [min(a + n, size) - a for a, n, size in spans]
                self.wanted[image] += 2 * self.shapes[image][1] * int(np.prod(inside))
        return self

    def _box(self, spec) -> list[tuple[int, ...]]:
        shape, chunk = self.shapes[spec["data_idx"]], self.chunks[spec["data_idx"]]
        if chunk is None:
            return []
        slab = range(spec["sample_idx"] // chunk[0], spec["sample_idx"] // chunk[0] + 1)
        space = [
            range(a // size, (min(a + n, whole) - 1) // size + 1)
            for a, n, whole, size in zip(spec["coords"], spec["patch_size"], shape[2:], chunk[2:], strict=True)
        ]
        return list(product(slab, *space, range(-(-shape[1] // chunk[1]))))

    def _size(self, key: tuple[int, ...]) -> int:
        """Bytes of a chunk, given as image, slab, (Z) Y X, channels."""
        chunk, height = list(self.chunks[key[0]]), self.shapes[key[0]][-2]
        if self.strips and chunk[-1] == self.shapes[key[0]][-1]:
            chunk[-2] = min(chunk[-2], height - key[-3] * chunk[-2])
        return 2 * int(np.prod(chunk))

    def _load(self, key: tuple[int, ...]) -> bool:
        if key in self._held:
            self._held.move_to_end(key)
            return False
        self._held[key] = self._size(key)
        while sum(self._held.values()) > self.cache:
            self._held.popitem(last=False)
        return True

    def bytes_loaded(self, image: int) -> int:
        """Bytes of the chunks of an image that were loaded; a file without is mapped."""
        chunk = self.chunks[image]
        return self.wanted[image] if chunk is None else self._bytes[image]


def interleaved(numbers) -> int:
    """Bits of numbers by turns, highest first."""
    return int("".join("".join(bits) for bits in zip(*(f"{n:016b}" for n in numbers), strict=True)), 2)


def morton_sorted(specs, chunks, epochs=None):
    """Specs in the order of epochs, images, samples, chunks they start in, places."""

    def key(pair):
        number, spec = pair
        chunk = chunks[spec["data_idx"]]
        chunk = (1,) * len(spec["coords"]) if chunk is None else chunk[2:]
        start = [a // n for a, n in zip(spec["coords"], chunk, strict=True)]
        epoch = 0 if epochs is None else epochs[number]
        return epoch, spec["data_idx"], spec["sample_idx"], interleaved(start), interleaved(spec["coords"])

    return [spec for _, spec in sorted(enumerate(specs), key=key)]

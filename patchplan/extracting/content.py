"""What is to be written: the patches of an epoch, counted in one pass over its rows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patchplan.core.specs import SpecTable
from patchplan.errors import PlanError
from patchplan.plans.epoch import EpochRows
from patchplan.plans.plan import Plan
from patchplan.tiles.protocol import TileForm
from patchplan.tiles.writing.writer import batch_rows

FormOf = Callable[[int, Sequence[int]], TileForm]
"""What a patch of an image is that has a (Z)YX size."""


@dataclass(frozen=True)
class Content:
    """Patches of an epoch: `counts` by image and (Z)YX size, and what patches of an image look like."""

    rows: EpochRows
    counts: dict[tuple[int, tuple[int, ...]], int]
    largest_index: int
    form_of: FormOf
    uris: Sequence[str]

    @property
    def n(self) -> int:
        """Number of patches."""
        return sum(self.counts.values())

    @cached_property
    def images(self) -> list[int]:
        """Images that have patches, ascending."""
        return sorted({data_idx for data_idx, _ in self.counts})

    @cached_property
    def forms(self) -> dict[TileForm, int]:
        """Forms of patches, and the first image that has each."""
        forms: dict[TileForm, int] = {}
        for data_idx, size in sorted(self.counts):
            forms.setdefault(self.form_of(data_idx, size), data_idx)
        return forms

    @property
    def form(self) -> TileForm | None:
        """The form of all patches; None where they differ."""
        return self.only_form if len(self.forms) == 1 else None

    @property
    def only_form(self) -> TileForm:
        """The form of all patches, where it is known that there is only one."""
        (form,) = self.forms
        return form

    def name(self, data_idx: int) -> str:
        """Return how messages call an image."""
        return f"image {data_idx} ({self.uris[data_idx]})"

    @property
    def n_bytes(self) -> int:
        """Bytes of all pixels."""
        return sum(n * self.form_of(*key).nbytes for key, n in self.counts.items())

    @property
    def batch_rows(self) -> int:
        """Patches that are written at a time."""
        return batch_rows(list(self.forms))


def survey(rows: EpochRows, form_of: FormOf, uris: Sequence[str]) -> Content:
    """Count the patches of an epoch.

    Raises
    ------
    PlanError
        If there are none, or an index occurs twice.
    """
    index = rows.index
    if not len(index):
        raise PlanError(f"{rows.plan.path}: epoch {rows.epoch} has no patches; there is nothing to extract")
    counts: Counter[tuple[int, tuple[int, ...]]] = Counter()
    if not rows.plan.header.rows:
        counts.update(dict(_follow(rows.plan)))
    else:
        for _, _, specs in rows.pieces():
            counts.update(dict(_count(specs)))
    largest = index[-1] if isinstance(index, range) else int(index.max())
    return Content(rows, dict(counts), largest, form_of, uris)


def _follow(plan: Plan) -> Iterator[tuple[tuple[int, tuple[int, ...]], int]]:
    """Count what follows from a header: all patches of an image have one size."""
    for data_idx in range(len(plan.images)):
        indices = plan.patching.get_patch_indices(data_idx)
        if len(indices):
            yield (data_idx, plan.patching.get_patch_spec(indices[0])["patch_size"]), len(indices)


def _count(specs: SpecTable) -> Iterator[tuple[tuple[int, tuple[int, ...]], int]]:
    size = specs.patch_size
    if (size == size[0]).all():  # nearly always, and quicker
        images, counts = np.unique(specs.data_idx, return_counts=True)
        first = tuple(size[0].tolist())
        yield from (((image, first), n) for image, n in zip(images.tolist(), counts.tolist(), strict=True))
        return
    keys, counts = np.unique(np.column_stack([specs.data_idx, size]), axis=0, return_counts=True)
    yield from (((key[0], tuple(key[1:])), n) for key, n in zip(keys.tolist(), counts.tolist(), strict=True))

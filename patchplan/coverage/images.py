"""Counts of one image, gathered sample by sample; samples without any patch cost nothing."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from patchplan.coverage.count import Tally
from patchplan.coverage.find import Span
from patchplan.coverage.visits import Histogram, add

MAX_SAMPLES = 100
"""Samples of an image that are told one by one."""


class PlacedSpan(NamedTuple):
    """A box and the sample that it lies in."""

    sample_idx: int
    span: Span


class SampleCount(NamedTuple):
    """Counts of one sample."""

    sample_idx: int
    n_patches: int
    histogram: Histogram


class ImageCount:
    """Counts of an image, data shape S C (Z) Y X, by boxes of one kind: those read, or those kept.

    Samples are added in order; those left out have no boxes. `zeros` and `doubles` are the first `most`
    boxes that are covered never, and more than once.
    """

    def __init__(self, data_shape: Sequence[int], most: int) -> None:
        self.n_samples, self.size = data_shape[0], tuple(data_shape[2:])
        self.most = most
        self.histogram: Histogram = {}
        self.zeros: list[PlacedSpan] = []
        self.doubles: list[PlacedSpan] = []
        self.samples: list[SampleCount] = []
        self.n_patches = 0
        self._next = 0

    @property
    def pixels(self) -> int:
        """Pixels of one sample."""
        return prod(self.size)

    def add(self, sample_idx: int, n_patches: int, tally: Tally) -> None:
        """Add a sample that has been counted."""
        self._skip_to(sample_idx)
        self._append(sample_idx, n_patches, tally.histogram, tally.zeros.spans)
        if tally.doubles is not None:
            self._list(self.doubles, sample_idx, tally.doubles.spans)

    def add_equal(self, n_patches: int, histogram: Histogram) -> None:
        """Add all samples at once, which are equal and have no zeros."""
        for sample_idx in range(min(self.n_samples, MAX_SAMPLES)):
            self.samples.append(SampleCount(sample_idx, n_patches, histogram))
        add(self.histogram, histogram, self.n_samples)
        self.n_patches, self._next = n_patches * self.n_samples, self.n_samples

    def finish(self) -> "ImageCount":
        """Count the samples that were left out as not covered, and return the image."""
        self._skip_to(self.n_samples)
        return self

    def _skip_to(self, sample_idx: int) -> None:
        nothing, left_out = {0: self.pixels}, sample_idx - self._next
        told = min(left_out, max(self.most - len(self.zeros), MAX_SAMPLES - len(self.samples), 0))
        for skipped in range(self._next, self._next + told):
            self._append(skipped, 0, nothing, [((0,) * len(self.size), self.size)])
        add(self.histogram, nothing, left_out - told)
        self._next = sample_idx

    def _append(self, sample_idx: int, n_patches: int, histogram: Histogram, zeros: list[Span]) -> None:
        add(self.histogram, histogram)
        self._list(self.zeros, sample_idx, zeros)
        self.n_patches += n_patches
        self._next = sample_idx + 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(SampleCount(sample_idx, n_patches, histogram))

    def _list(self, boxes: list[PlacedSpan], sample_idx: int, spans: list[Span]) -> None:
        boxes += [PlacedSpan(sample_idx, span) for span in spans[: self.most - len(boxes)]]

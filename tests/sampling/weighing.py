"""Images and their label images or maps as files, and what is obvious of them: a weight for each image pixel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from patchplan.images import ImageSource, open_image
from patchplan.patching.problems import validated_by_name
from patchplan.plans.settings.weights import AnyWeightsConfig, LabelsWeightsConfig, MapWeightsConfig

AXES = {3: "TYX", 4: "TZYX"}


class Case(NamedTuple):
    """Companions, samples first, of images of these sizes, samples first; and a patch size."""

    sizes: Sequence[tuple[int, ...]]
    companions: Sequence[NDArray[Any]]
    patch: tuple[int, ...]

    def write(self, folder: Path) -> list[ImageSource]:
        """Write all, and return the images."""
        sources = []
        for number, (size, companion) in enumerate(zip(self.sizes, self.companions, strict=True)):
            np.save(folder / f"i{number}.npy", np.zeros(size, np.uint8))
            np.save(folder / f"i{number}_c.npy", companion)
            sources.append(open_image(folder / f"i{number}.npy", axes=AXES[len(size)], ndim=len(size) - 1))
        return sources

    def full(self, number: int) -> NDArray[Any]:
        """The companion of an image at the resolution and with the samples of the image."""
        size, found = self.sizes[number], self.companions[number]
        if len(found) == 1:
            found = np.repeat(found, size[0], axis=0)
        for axis in range(1, len(size)):
            pixel = np.arange(size[axis]) * found.shape[axis] // size[axis]
            found = found.take(pixel, axis=axis)
        return found

    def centres(self, number: int) -> NDArray[Any]:
        """The companion's value at the centre of the patch at each coordinate, samples first."""
        found = self.full(number)
        for axis, side in enumerate(self.patch, start=1):
            size = found.shape[axis]
            first, n = min(side, size) // 2, max(size - side, 0) + 1
            found = found.take(np.arange(first, first + n), axis=axis)
        return found


def config_of(name: str, **more: Any) -> AnyWeightsConfig:
    """A config as a file gives it."""
    values = {"name": name, name: "{stem}_c.npy", **more}
    config: AnyWeightsConfig = validated_by_name({"labels": LabelsWeightsConfig, "map": MapWeightsConfig}, values)
    return config


@st.composite
def cases(draw, values, dtypes, n_images=3):
    """Up to three images, 2-D or 3-D, with companions at the same or a lower resolution."""
    ndim = draw(st.integers(2, 3))
    longest = 14 if ndim == 2 else 6
    sizes, companions = [], []
    for _ in range(draw(st.integers(1, n_images))):
        size = draw(st.tuples(*[st.integers(1, longest)] * ndim))
        n_samples = draw(st.integers(1, 2))
        factors = [draw(st.integers(1, 4))] * ndim
        if ndim == 3:
            factors[0] = draw(st.integers(1, 3))
        small = [max(1, side // factor) for side, factor in zip(size, factors, strict=True)]
        if any(-(-side // factor) < n for side, factor, n in zip(size, factors, small, strict=True)):
            small = list(size)
        shape = (draw(st.sampled_from([1, n_samples])), *small)
        found = draw(st.lists(values, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        sizes.append((n_samples, *size))
        companions.append(np.array(found).reshape(shape).astype(draw(st.sampled_from(dtypes))))
    return Case(sizes, companions, draw(st.tuples(*[st.integers(1, 7)] * ndim)))

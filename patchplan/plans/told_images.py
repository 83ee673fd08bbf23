"""Images as the workers of a cluster are told them, and open them again."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any, overload

from patchplan.cluster import told_path
from patchplan.images import ImageInfo, ImageSource, reopen

Told = tuple[dict[str, Any], bool]
"""What is known of an image, as JSON, and whether Z is among its samples."""


def told_image(source: ImageSource) -> Told:
    """Return what an image is opened again with."""
    as_samples = "Z" in (source.axes[axis] for axis in source.layout.samples)
    return asdict(source.info) | {"uri": told_path(source.uri)}, as_samples


class ToldImages(Sequence[ImageSource]):
    """Images by number, each opened when it is first asked for; of some nothing was told."""

    def __init__(self, told: Sequence[Told | None], ndim: int) -> None:
        self._told, self._ndim = told, ndim
        self._open = cache(self._reopened)

    def _reopened(self, data_idx: int) -> ImageSource:
        found = self._told[data_idx]
        assert found is not None, "only images that were told are read"  # noqa: S101
        info: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found[0].items()
        }
        return reopen(ImageInfo(**info), z_as_samples=found[1], ndim=self._ndim)

    @overload
    def __getitem__(self, data_idx: int) -> ImageSource: ...
    @overload
    def __getitem__(self, data_idx: slice) -> list[ImageSource]: ...
    def __getitem__(self, data_idx: int | slice) -> ImageSource | list[ImageSource]:
        if isinstance(data_idx, slice):
            return [self._open(one) for one in range(len(self))[data_idx]]
        return self._open(range(len(self))[data_idx])

    def __len__(self) -> int:
        return len(self._told)

"""Images beside a plan's own, of which the same patches are taken."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patchplan.errors import ConfigError, ImageError
from patchplan.extracting.sources import Sources
from patchplan.images import ImageSource
from patchplan.images.boundary import one_line
from patchplan.images.companions import companion_paths, companion_sample, open_companions
from patchplan.images.padding import PadMode
from patchplan.objects import Location, ObjectPath, placed

PathLike = str | os.PathLike[str]
Given = PathLike | ImageSource | Sequence[PathLike] | Sequence[ImageSource] | Mapping[str, PathLike]
"""Target images: a path with {stem} or {name} of the image's file, a folder with one file of the same stem for each
image, a path (or an open image) per image in their order, or paths by the images' file names."""


@dataclass(frozen=True)
class _Named:
    """An image that is named and need not be opened."""

    uri: str


class Targets:
    """A target by `data_idx`, opened when it is first needed.

    Parameters
    ----------
    sources : Sources
        The plan's images.
    given : Given
        Paths are relative to `base`.
    channels : sequence of int, optional
        Channels to take, in this order; all by default.

    Raises
    ------
    ConfigError, ImageError
        If `given` does not say which image has which target, or one is missing.
    """

    def __init__(self, sources: Sources, given: Given, channels: Sequence[int] | None, *, base: Path) -> None:
        self._sources = sources
        self._channels = channels
        self._opened: dict[int, ImageSource] = {}
        images: Any = [_Named(str(path)) for path in sources.paths]
        self._given: Sequence[ImageSource | Location]
        opened = [given] if isinstance(given, ImageSource) else _all_open(given)
        if not opened:
            paths = _as_text(given)
            _check_there(paths, base)
            self._given = companion_paths(images, paths, base=base, what="targets")
        elif len(opened) == len(images):
            self._given = opened
        else:
            raise ConfigError(f"targets: found {len(opened)} open images; allowed: {len(images)}, one per image")

    def read(self, data_idx: int, sample_idx: int, coords: Sequence[int], size: Sequence[int], mode: PadMode) -> Any:
        """Return a patch, C (Z) Y X.

        Raises
        ------
        ImageError
            If the target cannot be opened or read, or is of another size than its image.
        """
        if data_idx not in self._opened:
            self._opened[data_idx] = self._open(data_idx)
        target = self._opened[data_idx]
        return target.read(companion_sample(target, sample_idx), coords, size, self._channels, pad_mode=mode)

    def _open(self, data_idx: int) -> ImageSource:
        source, given = self._sources[data_idx], self._given[data_idx]
        if isinstance(given, ImageSource):
            target = given.with_ndim(source.ndim)
        else:
            target = open_companions([source], [str(given)], base=Path(), what="targets")[0]
        samples, found = target.data_shape[0], target.data_shape[2:]
        if samples not in (1, source.data_shape[0]) or found != source.data_shape[2:]:
            raise ImageError(
                f"targets: {target.uri} has {samples} samples of {found} pixels, {self._sources.name(data_idx)} "
                f"{source.data_shape[0]} of {source.data_shape[2:]}; allowed: the same size, and as many samples or one"
            )
        return target


def _all_open(given: Any) -> list[ImageSource]:
    """Return images that are open; none where something else is given."""
    images = [one for one in given if isinstance(one, ImageSource)] if isinstance(given, list | tuple) else []
    return images if images and len(images) == len(given) else []


def _as_text(given: Any) -> str | list[str] | dict[str, str]:
    """Return paths as text."""
    try:
        if isinstance(given, str | os.PathLike):
            return os.fspath(given)
        if isinstance(given, Mapping):
            return {name: os.fspath(path) for name, path in given.items()}
        return [os.fspath(path) for path in given]
    except TypeError:
        found = f"{type(given).__name__} {one_line(repr(given), 60)}"
        raise ConfigError(
            f"targets: found {found}; allowed: paths, or images that patchplan.open_image opened"
        ) from None


def _check_there(given: Any, base: Path) -> None:
    """Raise ImageError for one path that is neither a pattern nor there."""
    if isinstance(given, str) and "{" not in given and not _exists(placed(base, given)):
        raise ImageError(
            f"targets: found {given!r}; there is no file or folder {placed(base, given)}; allowed: a folder, "
            "a path with {stem} or {name}, or a path per image"
        )


def _exists(path: Location) -> bool:
    return path.exists() if isinstance(path, ObjectPath) else os.path.exists(path)  # noqa: PTH110 - any text

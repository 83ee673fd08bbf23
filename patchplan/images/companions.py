"""Companions of images, one beside each: masks, label images, maps, lists of polygons."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from patchplan.core.axes import spatial_axes
from patchplan.core.scaled import scaled_axes
from patchplan.errors import ConfigError, ImageError, ShapeError
from patchplan.images.boundary import naming
from patchplan.images.opening import open_image
from patchplan.images.paths import absolute, is_zarr_folder
from patchplan.images.source import ImageSource
from patchplan.objects import Location, ObjectPath, location, placed

MOST_NAMED = 5
"""Files that a message names of a folder."""

Given = str | Sequence[str] | Mapping[str, str]


def companion_paths(sources: Sequence[ImageSource], given: Given, *, base: Path, what: str) -> list[Location]:
    """Return the path of each image's companion; all exist.

    Parameters
    ----------
    sources : sequence of ImageSource
    given : str, sequence of str or mapping of str to str
        A path with {stem} or {name} of the image's file; a folder with one file of the same stem for each
        image; the path itself where there is one image; a path per image in their order; or paths by the
        images' file names. The stem is the name without its suffix, or without `.ome` as well.
    base : Path
        What relative paths start from.
    what : str
        The key of the config that is meant, for messages.

    Raises
    ------
    ConfigError
        If `given` does not say which image has which companion.
    ImageError
        If a companion is missing or ambiguous.
    """
    if isinstance(given, str):
        found = _by_pattern(sources, given, base, what)
    elif isinstance(given, Mapping):
        found = _by_name(sources, given, base, what)
    else:
        if len(given) != len(sources):
            raise ConfigError(f"{what}: found {len(given)} paths; allowed: {len(sources)}, one per image")
        return [_existing(source, [placed(base, path)], what) for source, path in zip(sources, given, strict=True)]
    _check_own(sources, found, what)
    return found


def _by_pattern(sources: Sequence[ImageSource], given: str, base: Path, what: str) -> list[Location]:
    fields = re.findall(r"\{[^{}]*\}", given)
    for field in fields:
        if field not in ("{stem}", "{name}"):
            raise ConfigError(f"{what}: found {field} in {given!r}; allowed: {{stem}} and {{name}} of the image's file")
    if fields:
        return [_existing(source, [placed(base, path) for path in _filled(source, given)], what) for source in sources]
    path = placed(base, given)
    if not is_zarr_folder(path) and path.is_dir():
        return _in_folder(sources, path, what)
    if len(sources) > 1:
        raise ConfigError(
            f"{what}: found one path {given!r} for {len(sources)} images; "
            "allowed: a path with {stem} or {name}, a folder, or a path per image"
        )
    return [_existing(source, [path], what) for source in sources]


def _by_name(sources: Sequence[ImageSource], given: Mapping[str, str], base: Path, what: str) -> list[Location]:
    names = [Path(source.uri).name for source in sources]
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ConfigError(f"{what}: there is no image {unknown[0]!r}; allowed: {_listed(names)}")
    for source, name in zip(sources, names, strict=True):
        if name not in given:
            raise ConfigError(f"{what}: image {source.uri} has none; give one for {name!r}")
    return [_existing(source, [placed(base, given[name])], what) for source, name in zip(sources, names, strict=True)]


def _stems(uri: str) -> list[str]:
    """Return a file's name without its suffix, and without `.ome` before that."""
    stem = Path(uri).stem
    return list(dict.fromkeys([stem, stem.removesuffix(".ome")]))


def _filled(source: ImageSource, pattern: str) -> list[str]:
    named = pattern.replace("{name}", Path(source.uri).name)
    return list(dict.fromkeys(named.replace("{stem}", stem) for stem in _stems(source.uri)))


def _existing(source: ImageSource, paths: Sequence[Location], what: str) -> Location:
    """Return the first path that exists."""
    for path in paths:
        if path.exists() if isinstance(path, ObjectPath) else os.path.lexists(path):
            return path
    folder = paths[0].parent
    there = f"{folder} has {_listed(_names(folder))}" if folder.is_dir() else f"there is no folder {folder}"
    raise ImageError(f"image {source.uri} has no {what}: no file {paths[0]}; {there}")


def _in_folder(sources: Sequence[ImageSource], folder: Location, what: str) -> list[Location]:
    """Return for each image the one file or store of a folder that has its stem and is not the image."""
    images = {absolute(location(source.uri)) for source in sources}
    names = [name for name in _names(folder) if absolute(folder / name) not in images]
    by_stem: dict[str, list[str]] = {}
    for name in names:
        for stem in _stems(name):
            by_stem.setdefault(stem, []).append(name)
    return [folder / _only(source, by_stem, f"{folder} has {_listed(names)}", what) for source in sources]


def _only(source: ImageSource, by_stem: Mapping[str, list[str]], there: str, what: str) -> str:
    stems = _stems(source.uri)
    fit = next((by_stem[stem] for stem in stems if stem in by_stem), [])
    if not fit:
        looked = " or ".join(f"{stem}.*" for stem in stems)
        raise ImageError(f"image {source.uri} has no {what}: no file {looked}; {there}")
    if len(fit) > 1:
        raise ImageError(
            f"image {source.uri} has several {what}: {_listed(fit)}; give a path with {{stem}} and a suffix"
        )
    return fit[0]


def _check_own(sources: Sequence[ImageSource], paths: Sequence[Location], what: str) -> None:
    """Refuse that images of the same name share a companion: it belongs to one of them at most."""
    owners: dict[Location, ImageSource] = {}
    for source, path in zip(sources, paths, strict=True):
        other = owners.setdefault(path, source)
        if other is not source:
            raise ConfigError(
                f"{what}: images {other.uri} and {source.uri} would both have {path}; give a list, one path per image"
            )


def _names(folder: Location) -> list[str]:
    with naming(folder, "cannot be listed"):
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more if names else "nothing"


def open_companions(sources: Sequence[ImageSource], given: Given, *, base: Path, what: str) -> list[ImageSource]:
    """Open the companion image of each image, at the same or a lower resolution.

    Parameters and errors as for `companion_paths`. Each has the image's number of spatial axes, and as many samples
    as the image or one for all. Axes that a file does not name are those of the image.

    Raises
    ------
    ImageError
        Also if a companion cannot be opened, or its shape does not fit that of its image.
    """
    paths = companion_paths(sources, given, base=base, what=what)
    return [_opened(source, path, what) for source, path in zip(sources, paths, strict=True)]


def _opened(source: ImageSource, path: Location, what: str) -> ImageSource:
    companion = _with_axes(source, path)
    n_samples, found = companion.data_shape[0], source.data_shape[0]
    both = f"{what} {companion.uri} does not fit image {source.uri}"
    if n_samples not in (1, found):
        raise ImageError(f"{both}: it has {n_samples} samples, the image {found}; allowed: as many, or one for all")
    try:
        scaled_axes(source.data_shape[2:], companion.data_shape[2:])
    except ShapeError as error:
        raise ImageError(f"{both}: {error}") from None
    return companion


def _with_axes(source: ImageSource, path: Location) -> ImageSource:
    """Open a companion with the axes that it names, else with the image's, with or without channels."""
    z_as_samples = source.ndim == 2 and "Z" in source.axes
    refused: ImageError | None = None
    for axes in dict.fromkeys((None, source.axes, source.axes.replace("C", ""), spatial_axes(source.ndim))):
        try:
            return open_image(path, axes=axes, z_as_samples=z_as_samples, ndim=source.ndim)
        except ImageError as error:
            refused = refused or error
    assert refused is not None  # noqa: S101 (there was a first try)
    raise refused


def companion_sample(companion: ImageSource, sample_idx: int) -> int:
    """Return the companion's sample that belongs to a sample of the image."""
    return sample_idx if companion.data_shape[0] > 1 else 0

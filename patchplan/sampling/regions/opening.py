"""Regions of images from a config: polygons, masks or boxes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from patchplan.core.axes import spatial_axes
from patchplan.errors import ConfigError, ImageError
from patchplan.images import ImageSource
from patchplan.images.companions import companion_paths, open_companions
from patchplan.plans.settings.regions import Boxes, RegionsConfig
from patchplan.sampling.regions.geojson import read_geojson
from patchplan.sampling.regions.outlines import Outline
from patchplan.sampling.regions.region import MaskRegion, PolygonRegion, Region


def regions_of(sources: Sequence[ImageSource], config: RegionsConfig, base: Path, notes: list[str]) -> Sequence[Region]:
    """Return the region of each image, and add what a user should know of them to the notes."""
    if config.mask is not None:
        masks = open_companions(sources, config.mask, base=base, what="regions.mask")
        return [MaskRegion(mask, source.data_shape[2:]) for mask, source in zip(masks, sources, strict=True)]
    if config.boxes is not None:
        return [_of_boxes(source, boxes) for source, boxes in zip(sources, _boxes(sources, config.boxes), strict=True)]
    return _of_geojson(sources, config, base, notes)


def _of_geojson(
    sources: Sequence[ImageSource], config: RegionsConfig, base: Path, notes: list[str]
) -> list[PolygonRegion]:
    assert config.geojson is not None  # noqa: S101 (the config has exactly one)
    paths = companion_paths(sources, config.geojson, base=base, what="regions.geojson")
    classes: Counter[str] = Counter()
    regions, n_outlines = [], 0
    for source, path in zip(sources, paths, strict=True):
        annotations = read_geojson(path, config.classification)
        classes += annotations.classes
        n_outlines += len(annotations.outlines)
        if annotations.without_area:
            notes.append(f"{path}: {annotations.without_area} points and lines have no area and are left out")
        if not annotations.outlines:
            notes.append(f"{path}: no polygons{_of_class(config)}, so image {source.uri} has no region")
        _check_inside(annotations.outlines, source, str(path))
        regions.append(PolygonRegion(annotations.outlines, source))
    if not n_outlines:
        there = ", ".join(f"{name or 'none'} ({n})" for name, n in classes.most_common(5))
        found = f"classes found: {there}" if classes else "no file has any"
        raise ImageError(f"regions.geojson: there are no polygons{_of_class(config)} for any image; {found}")
    return regions


def _of_class(config: RegionsConfig) -> str:
    return f" classified as {' or '.join(config.classification)}" if config.classification else ""


def _boxes(sources: Sequence[ImageSource], given: Boxes | dict[str, Boxes]) -> list[Boxes]:
    """Return the boxes of each image."""
    if not isinstance(given, dict):
        return [given] * len(sources)
    names = [Path(source.uri).name for source in sources]
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ConfigError(f"regions.boxes: there is no image {unknown[0]!r}; allowed: {', '.join(names[:5])}")
    double = [name for name in given if names.count(name) > 1]
    if double:
        raise ConfigError(f"regions.boxes: several images are called {double[0]!r}; give boxes for all, or a mask each")
    missing = [name for name in names if name not in given]
    if missing:
        raise ConfigError(f"regions.boxes: image {missing[0]!r} has none; give boxes for it, or leave the image out")
    return [given[name] for name in names]


def _of_boxes(source: ImageSource, boxes: Boxes) -> PolygonRegion:
    for box in boxes:
        if len(box) != 2 * source.ndim:
            raise ConfigError(
                f"regions.boxes: {list(box)} has {len(box)} numbers, but image {source.uri} is {source.ndim}-D; "
                f"allowed: {2 * source.ndim}, {' '.join(spatial_axes(source.ndim))} of start and stop"
            )
    outlines = [Outline.of_box(box) for box in boxes]
    _check_inside(outlines, source, "regions.boxes")
    return PolygonRegion(outlines, source)


def _check_inside(outlines: Sequence[Outline], source: ImageSource, where: str) -> None:
    """Raise ImageError if there are polygons but all lie outside the image; those partly outside are cut."""
    if not outlines:
        return
    points = np.concatenate([ring for outline in outlines for ring in outline.rings])
    low, high = points.min(axis=0), points.max(axis=0)
    size = source.data_shape[-2:]
    if (high <= 0).any() or (low >= size).any():
        found = ", ".join(f"{letter} {a:g} to {b:g}" for letter, a, b in zip("YX", low, high, strict=True))
        raise ImageError(
            f"{where}: all regions lie outside image {source.uri}: they have {found}, the image {size[0]} x {size[1]} "
            "pixels (Y X); are they of another resolution?"
        )

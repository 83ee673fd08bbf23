"""What a filter finds, to look at: per image a TIFF with the values, and a PNG that shows what is kept."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from patchplan.core.axes import SPATIAL, spatial_axes
from patchplan.core.shapes import Shape
from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError, MissingExtraError, OutputError
from patchplan.images import ImageSource
from patchplan.images.tiff.writing import write_ome_tiff
from patchplan.pictures.filter_png import WORDS, write_filter_png
from patchplan.plans.settings.filters import AnyFilterConfig, MeanStdFilterConfig
from patchplan.publish import check_free, published
from patchplan.publish.files import look
from patchplan.sampling.filters.maps import FilterMap, filter_maps
from patchplan.sampling.filters.values import FilterValues
from patchplan.stitching.canvases.units import ome_symbol
from patchplan.stitching.naming import output_names

SUFFIXES = (".tif", ".tiff")
OTHER_SUFFIXES = (".npy", ".png", ".jpg", ".jpeg", ".zarr", ".json", ".csv", ".parquet")
"""Of files that somebody may expect, and that are no names for a folder."""


def map_files(path: Path, sources: Sequence[ImageSource], *, overwrite: bool) -> list[tuple[Path, Path]]:
    """Return the TIFF and the PNG of each image: a file for one image, files in a folder for several.

    Raises
    ------
    ConfigError, OutputError, MissingExtraError
        If one file is asked for several images, may not be written, or needs a library that is not there.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("--filter-map needs matplotlib", "report")
    if path.suffix.lower() in SUFFIXES:
        if len(sources) > 1:
            raise ConfigError(f"--filter-map: found {path} for {len(sources)} images; allowed: a folder, or one image")
        files = [(path, path.with_suffix(".png"))]
    elif path.suffix.lower() in OTHER_SUFFIXES:
        raise ConfigError(f"--filter-map: found {path}; allowed: a name that ends in .tif, or that of a folder")
    else:
        files = [(path / f"{name}.tif", path / f"{name}.png") for name in _names(path, sources)]
    for file in [one for pair in files for one in pair]:
        if file.parent.is_dir() or file.parent == path.parent:
            check_free(file, overwrite=overwrite)
    return files


def _names(folder: Path, sources: Sequence[ImageSource]) -> list[str]:
    """Return a name per image in a folder, which may be made."""
    _, is_folder, exists, has_parent = look(folder)
    if exists and not is_folder:
        raise OutputError(f"{folder}: is a file; --filter-map takes a folder, or a name that ends in .tif")
    if not has_parent:
        raise OutputError(f"{folder}: the folder {folder.parent} does not exist")
    uris = [source.uri.replace(os.sep, "/") for source in sources]
    names = output_names(uris, "npy", [source.info.array for source in sources])
    return [name.removesuffix(".npy") for name in names]


def write_filter_map(
    path: Path,
    specs: SpecTable,
    found: FilterValues,
    config: AnyFilterConfig,
    sources: Sequence[ImageSource],
    step: Shape | None,
    *,
    what: str = "patches",
    overwrite: bool = False,
) -> list[Path]:
    """Write the values of a filter as images, and pictures beside them; return the files.

    The images are OME-TIFF, T C Z Y X float32: samples are T, values are C, and a pixel is `step` pixels of the
    image, whose pixel size it has times that. Images without a patch have none.

    Parameters
    ----------
    path : Path
        A name that ends in .tif for one image, else a folder.
    specs, found
        Patches or regions, and what the filter finds of them.
    config : AnyFilterConfig
    sources : sequence of ImageSource
        All images.
    step : tuple of int, optional
        Pixels between patches, (Z)YX: the stride of a grid; by default each image's patches lie side by side.
    what : str
        What the specs are called: patches or regions.
    overwrite : bool
        Whether files may be replaced.

    Raises
    ------
    ConfigError, OutputError, MissingExtraError
        As for `map_files`, or if a map would be very large.
    """
    files = map_files(path, sources, overwrite=overwrite)
    written: list[Path] = []
    for found_map in filter_maps(specs, found, [source.data_shape for source in sources], step):
        source, pair = sources[found_map.data_idx], files[found_map.data_idx]
        pair[0].parent.mkdir(parents=True, exist_ok=True)
        rows = np.flatnonzero(specs.data_idx == found_map.data_idx)
        own = FilterValues(found.values[rows], found.background[rows])
        with published(pair, overwrite=overwrite) as (tiff, png):
            _write_tiff(tiff, found_map, source, config)
            write_filter_png(png, found_map, own, source, config, what)
        written += pair
    return written


def _write_tiff(path: Path, found: FilterMap, source: ImageSource, config: AnyFilterConfig) -> None:
    """Write the values with their place in the image."""
    letters = spatial_axes(source.ndim)
    known = dict(zip([one for one in SPATIAL if one in source.axes], source.pixel_size or (), strict=False))
    sizes = {letter: known.get(letter, 1.0) for letter in letters}
    pixels = found.values if source.ndim == 3 else found.values[:, :, np.newaxis]
    write_ome_tiff(
        path,
        pixels,
        name=f"{config.name} filter of {Path(source.uri).name}",
        channels=("mean", "std") if isinstance(config, MeanStdFilterConfig) else (WORDS[config.name],),
        pixel_size={letter: sizes[letter] * step for letter, step in zip(letters, found.step, strict=True)},
        origin={letter: sizes[letter] * place for letter, place in zip(letters, found.offset, strict=True)},
        unit=ome_symbol(source.info.pixel_unit) if known else "pixel",
    )

"""Where outputs go: one image under its name, several into a folder; and what must not lie there."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from patchplan.errors import ConfigError, OutputError
from patchplan.objects import Location, Uri, location
from patchplan.publish import resolved
from patchplan.stitching.frame import OutputKind
from patchplan.stitching.words import OutputFormat

SUFFIXES: dict[str, OutputFormat] = {".zarr": "ome-zarr", ".tif": "ome-tiff", ".tiff": "ome-tiff", ".npy": "npy"}


@dataclass(frozen=True)
class Target:
    """What is written: `path` is None for arrays in memory, and a folder of outputs where there are `several`."""

    kind: OutputKind
    path: Location | None
    several: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether a folder is published, not a file."""
        return self.several or self.kind == "ome-zarr"


def parse_target(output: Uri | None, output_format: str | None, n_images: int) -> Target:
    """Return what is to be written.

    Raises
    ------
    OutputError, ConfigError
        If suffix, format and number of images do not go together.
    """
    if output_format is not None and output_format not in get_args(OutputFormat):
        raise ConfigError(f"--format: found {output_format!r}; allowed: {', '.join(get_args(OutputFormat))}")
    if output is None:
        return Target("memory", None)
    if not isinstance(output, str | os.PathLike):
        raise OutputError(f"found {output!r} as output; allowed: a path, or None for arrays in memory")
    path = location(output)
    named = SUFFIXES.get(path.suffix.lower())
    if n_images > 1:
        if named is not None:
            raise OutputError(f"{path}: names one image, and the plan has {n_images}; give a folder and --format")
        if output_format is None:
            formats = ", ".join(get_args(OutputFormat))
            raise OutputError(f"{path}: say what to write into this folder with --format; allowed: {formats}")
    if named is not None:
        if output_format not in (None, named):
            raise OutputError(f"{path}: is a name for {named}, but --format says {output_format}; leave one out")
        return Target(named, path)
    if output_format is None:
        found = repr(path.suffix) if path.suffix else "none"
        raise OutputError(f"{path}: found suffix {found}; allowed: {', '.join(SUFFIXES)}, or a folder and --format")
    return Target(_format(output_format), path, several=True)


def _format(name: str) -> OutputFormat:
    return next(one for one in get_args(OutputFormat) if one == name)


def check_apart(output: Location, read: Sequence[Location]) -> None:
    """Raise OutputError if the output is, lies in, or holds something that is read."""
    mine = _real(output)
    for path in read:
        other = _real(path)
        if mine == other:
            raise OutputError(f"{output}: is read for this output; give the output another name")
        if other in mine.parents and path.is_dir():
            raise OutputError(f"{output}: lies inside {path}, which is read for it; give it another place")
        if mine in other.parents:
            raise OutputError(f"{output}: holds {path}, which is read for it; give the output another name")


def _real(path: Location) -> Location:
    is_link = isinstance(path, Path) and path.is_symlink()
    return resolved(path.parent) / path.name if is_link else resolved(path)

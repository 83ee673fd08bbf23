"""Picture files that were asked for: checked before anything is counted, each written in one go."""

import os
from pathlib import Path
from typing import NamedTuple, Self, get_args

from patchplan.coverage.result import InspectResult
from patchplan.coverage.rows import Progress
from patchplan.errors import ConfigError
from patchplan.pictures.page import write_page
from patchplan.pictures.png import check_matplotlib, write_png
from patchplan.pictures.words import MapValue
from patchplan.plans.plan import Plan
from patchplan.publish import check_free, published

PathLike = str | os.PathLike[str]
SUFFIXES = {"png": (".png",), "html": (".html", ".htm")}


class Pictures(NamedTuple):
    """Where pictures go, if anywhere."""

    png: Path | None
    html: Path | None
    value: MapValue
    overwrite: bool

    @classmethod
    def asked(cls, png: PathLike | None, html: PathLike | None, value: MapValue, *, overwrite: bool) -> Self:
        """Return what was asked for.

        Raises
        ------
        ConfigError, OutputError, MissingExtraError
            If a file has another suffix, may not be written, or needs a library that is not there.
        """
        if value not in get_args(MapValue):
            raise ConfigError(f"--png-value: found {value!r}; allowed: {', '.join(get_args(MapValue))}")
        paths = {name: None if path is None else Path(path) for name, path in (("png", png), ("html", html))}
        for name, path in paths.items():
            if path is None:
                continue
            if path.suffix.lower() not in SUFFIXES[name]:
                raise ConfigError(f"--{name}: found {path}; allowed: a name that ends in {' or '.join(SUFFIXES[name])}")
            check_free(path, overwrite=overwrite)
        if png is not None:
            check_matplotlib()
        return cls(paths["png"], paths["html"], value, overwrite)

    def write(self, plan: Plan, result: InspectResult, progress: Progress | None = None) -> None:
        """Write the pictures."""
        if self.png is not None:
            with published([self.png], overwrite=self.overwrite) as (partial,):
                write_png(partial, plan, result, self.value, progress)
        if self.html is not None:
            with published([self.html], overwrite=self.overwrite) as (partial,):
                write_page(partial, plan, result, progress)

"""`plan`: from images and a config to a table of patches."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from patchplan.api.clusters import check_filtered, connected
from patchplan.api.common import PATHS, PathLike, Progress, as_list, counting, on_disk
from patchplan.core.amounts import parse_workers
from patchplan.core.seeds import child_seed
from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError
from patchplan.images import ImageSource, open_all
from patchplan.objects import Location, location, placed
from patchplan.patching.config import PatchingConfig, SeededConfig, SizedConfig
from patchplan.patching.fixed import FixedConfig
from patchplan.plans.config import ConfigText, PlanConfig, is_whole, read_config
from patchplan.plans.draft import Draft
from patchplan.plans.given import Given, read_given
from patchplan.plans.header import FOLLOW_FROM_HEADER
from patchplan.plans.parts import Part, Parts, Patches
from patchplan.plans.paths import relative
from patchplan.plans.result import PlanResult
from patchplan.plans.select import check_names, large_enough, same_ndim
from patchplan.plans.settings.sections import with_paths
from patchplan.plans.words import DRAWN_ANEW
from patchplan.plans.write import files_of, plan_target, refuse_read, write_plan
from patchplan.sampling.choose import check, choose
from patchplan.sampling.filters.values import FilterValues
from patchplan.sampling.work import OnFilter, Work


def plan(
    inputs: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    config: PathLike | Mapping[str, Any] | None = None,
    patching: Mapping[str, Any] | None = None,
    axes: str | None = None,
    series: int | None = None,
    level: int | None = None,
    array: str | None = None,
    z_as_samples: bool = False,
    epochs: int | None = None,
    rows: bool = True,
    skip_small: bool = False,
    skip_broken: bool = False,
    root: PathLike | None = None,
    workers: int | None = None,
    scheduler: Any = None,
    filter_map: PathLike | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> PlanResult:
    """Read the shapes of images, build a strategy over them, and write its patches as a table.

    Parameters
    ----------
    inputs : path or sequence of paths
        Files, folders, glob patterns, Zarr stores.
    output : path, optional
        The plan: .parquet, .csv or .json. Needed unless `dry_run`.
    config : path or mapping, optional
        A YAML file, or the same as a mapping.
    patching : mapping, optional
        Keys of the strategy (`name`, `patch_size`, `overlaps`, ...) that go over those of the config.
    axes, series, level, array, z_as_samples
        How to read the images, where the files do not say or say otherwise.
    epochs : int, optional
        Number of passes to write, for strategies that draw anew each time.
    rows : bool
        Whether to store rows; without them a sequential, tiled or whole plan is its header.
    skip_small, skip_broken : bool
        Leave out images smaller than the patch, or that cannot be opened; the result names them.
    root : path, optional
        Folder that the images' paths in the plan are relative to; the plan's folder by default.
    scheduler : str or distributed.Client, optional
        Address of a Dask scheduler, or "local" for `workers` processes on this machine: its workers read the
        pixels for a filter, and must see the images under the same names.
    workers : int, optional
        Threads that read pixels for a filter or weights; by default as many as there are processors, up to 8.
    filter_map : path, optional
        Where to write the values of the filter as an image, float32, a pixel per patch or cell, and a picture beside
        it: a .tif for one image, else a folder. Written also with `dry_run`, and where the filter leaves nothing.
    overwrite, dry_run : bool
        Replace an existing plan or filter map; plan without writing a plan.
    progress : callable, optional
        Called with what is counted, how many are done, and how many there are.

    Returns
    -------
    PlanResult
        Images as read, numbers of patches, resolved sizes, and what was left out.

    Raises
    ------
    ConfigError, ImageError, ShapeError, PlanError, OutputError
        All `PatchplanError`; nothing is written then.
    """
    settings, strategy, given = _strategy(config, axes, patching or {})
    carried = {} if given is None else given.carried
    _check_options(settings, strategy, epochs=epochs, rows=rows)
    check(settings, carried)
    if filter_map is not None and settings.filter is None:
        raise ConfigError("--filter-map: there is no filter in the config; add a section filter")
    maps = None if filter_map is None else on_disk("--filter-map", filter_map)
    n_workers = parse_workers(workers)
    if scheduler is not None:
        check_filtered(there=settings.filter is not None)
    tables = (config, getattr(strategy, "table", None))
    read: list[PathLike | Location] = [path for path in tables if isinstance(path, str | os.PathLike)]
    target = plan_target(output, read, overwrite=overwrite, dry_run=dry_run)
    found = open_all(
        as_list(inputs),
        axes=settings.axes,
        series=series,
        level=level,
        array=array,
        z_as_samples=z_as_samples,
        skip_broken=skip_broken,
        progress=counting(progress, "images"),
    )
    check_names(found.sources)
    skipped = [str(error) for error in found.skipped]
    sources = same_ndim(found.sources, strategy.ndim)
    resolved = strategy.resolved(sources[0].ndim)
    if skip_small and isinstance(resolved, SizedConfig):
        sources, small = large_enough(sources, resolved.patch_size)
        skipped += small
    draft = Draft(sources, resolved, epochs)
    chosen = None
    if settings.sections:
        work = Work(sources, settings, _base(config), n_workers, progress)
        read += [*(source.uri for source in sources), *work.check_early()]
        files = [] if maps is None else _map_files(maps, sources, overwrite=overwrite)
        refuse_read([*files, *([] if target is None else files_of(target))], read)
        if maps is not None:
            work = replace(work, on_filter=_filter_map(maps, draft, settings, overwrite=overwrite))
        with connected(scheduler, n_workers, [], whole=False) as cluster:
            chosen = choose(draft, replace(work, cluster=cluster), carried)
    if target is not None and not dry_run:
        base = target.parent if root is None else location(root)
        reading = {"axes": settings.axes, "z_as_samples": z_as_samples}
        sections = {key: _dumped(section, _base(config), base) for key, section in settings.sections.items()}
        header = draft.header(base, rows=rows, config=reading | sections, chosen=chosen)
        passes: Iterable[Patches] = draft.passes() if chosen is None else chosen.passes()
        columns = [*carried] if chosen is None else chosen.columns
        if carried and chosen is None:
            passes = [Parts([Part(draft.patching, beside=carried)])]
        rows_done = counting(progress, "rows")
        write_plan(target, header, passes, columns=columns, overwrite=overwrite, progress=rows_done)
    return draft.result(None if dry_run else target, skipped, chosen)


def _map_files(path: Path, sources: Sequence[ImageSource], *, overwrite: bool) -> list[Path]:
    """Return the files of a filter map; what cannot be written is refused before any value is computed."""
    from patchplan.pictures.filter_map import map_files

    return [file for pair in map_files(path, sources, overwrite=overwrite) for file in pair]


def _filter_map(path: Path, draft: Draft, settings: PlanConfig, *, overwrite: bool) -> OnFilter:
    """Return what writes the values of the filter."""
    from patchplan.pictures.filter_map import write_filter_map

    def write(specs: SpecTable, found: FilterValues, what: str) -> None:
        assert settings.filter is not None  # noqa: S101 - it is what found them
        step = draft.resolved.patch_size if what == "cells" else draft.resolved.stride
        write_filter_map(path, specs, found, settings.filter, draft.sources, step, what=what, overwrite=overwrite)

    return write


def _base(config: PathLike | Mapping[str, Any] | None) -> Path:
    """Return where the paths in a config start: the folder of its file."""
    return Path(config).parent if isinstance(config, str | os.PathLike) else Path()


def _dumped(section: BaseModel, base: Path, to: Location) -> dict[str, Any]:
    """Return a section as the header has it, with paths relative to the plan."""
    dumped = with_paths(section.model_dump(exclude_none=True), lambda path: relative(str(placed(base, path)), to))
    plain: dict[str, Any] = json.loads(json.dumps(dumped))
    return plain


def _strategy(
    config: PathLike | Mapping[str, Any] | None, axes: str | None, patching: Mapping[str, Any]
) -> tuple[PlanConfig, PatchingConfig, Given | None]:
    """Return the settings, the strategy with its seed drawn or its table read, and that table."""
    if isinstance(config, PATHS):
        text = read_config(on_disk("--config", config))
    else:
        values = dict(config or {})
        text = ConfigText(values if is_whole(values) else {"patching": values})
    settings = text.overridden(axes, patching).check()
    strategy = settings.patching
    if isinstance(strategy, SeededConfig) and strategy.seed is None:
        strategy = strategy.model_copy(update={"seed": secrets.randbits(32)})
    if settings.split is not None and settings.split.seed is None:  # it follows from that of the strategy
        seed = strategy.seed if isinstance(strategy, SeededConfig) else None
        seed = secrets.randbits(32) if seed is None else child_seed(seed, "split")
        settings = settings.model_copy(update={"split": settings.split.model_copy(update={"seed": seed})})
    if isinstance(strategy, FixedConfig) and strategy.table is not None:
        from_file = isinstance(config, str | os.PathLike) and patching.get("table") is None
        table = placed(Path(text.source).parent if from_file else Path(), strategy.table)
        given = read_given(table)
        named = {"table": str(table), "fixed_patch_specs": given.specs}
        return settings, strategy.model_copy(update=named), given
    return settings, strategy, None


def _check_options(settings: PlanConfig, strategy: PatchingConfig, *, epochs: int | None, rows: bool) -> None:
    if epochs is not None and (type(epochs) is not int or epochs < 1):
        raise ConfigError(f"--epochs: found {epochs!r}; allowed: a whole number from 1")
    if epochs is not None and strategy.name not in DRAWN_ANEW:
        raise ConfigError(
            f"--epochs: {strategy.name} gives the same patches each epoch; allowed for {' and '.join(DRAWN_ANEW)}"
        )
    if not rows and strategy.name not in FOLLOW_FROM_HEADER:
        raise ConfigError(
            f"--no-rows: {strategy.name} plans need their rows; allowed for {', '.join(FOLLOW_FROM_HEADER)}"
        )
    if not rows and settings.sections:
        raise ConfigError(
            f"--no-rows: the patches do not follow from images and strategy with {', '.join(settings.sections)}"
        )
